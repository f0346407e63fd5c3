"""The attack pack talks to the whole platform, over the same two practices as the tests of security."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("spine", "security"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
