"""Steady Band: a sound wearable app. `python app.py --port 0 --data DIR`"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from wearable.main import run

if __name__ == "__main__":
    run("Steady Band")
