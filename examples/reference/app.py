"""A reference service of one kind. `python app.py --kind booking-service --port 0 --data DIR [--defect NAME]`"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference import kinds, sandbox
from reference.defects import DEFECTS
from wearable.main import free_port, parser, say, serve


def main() -> None:
    """Read the command line and serve until told to stop, or print the sandbox's configuration."""
    options = parser("Reference service", DEFECTS)
    options.add_argument("--kind", choices=sorted(kinds.PARTS), required=True, help="the kind of service")
    told = options.parse_args()
    port = 0 if told.sandbox_config else told.port or free_port()
    base = f"http://127.0.0.1:{port}"
    parts = kinds.service(told.kind, data=told.data, base=base, defects=frozenset(told.defect))
    if told.sandbox_config:
        say(sandbox.config(parts.store, told.data))
    else:
        asyncio.run(serve(kinds.build(parts), parts, port))


if __name__ == "__main__":
    main()
