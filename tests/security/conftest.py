"""The tests of security talk to the whole platform, as the tests of the FHIR API do."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "spine"))
sys.path.append(str(Path(__file__).parents[1] / "web"))  # the driver of the browser
