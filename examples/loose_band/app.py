"""Loose Band: the same app by a supplier in a hurry. `python app.py --port 0 --data DIR`"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from wearable.main import run

DEFECTS = frozenset({"accepts-replayed-assertion", "loses-time-zone", "answers-other-patients"})

if __name__ == "__main__":
    run("Loose Band", defects=DEFECTS)
