"""The proofs of robustness speak to the FHIR API with the helper of its tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "spine"))
