"""A reference service of one kind. `python app.py --kind booking-service --port 0 --data DIR [--defect NAME]`

With `--supervised` the service is started again whenever its node dies, as a test instance is by its platform.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference import kinds, sandbox
from reference.defects import DEFECTS
from reference.hooks import SUPERVISED
from wearable.main import free_port, parser, say, serve


def main() -> None:
    """Read the command line and serve until told to stop, or print the sandbox's configuration."""
    options = parser("Reference service", DEFECTS)
    options.add_argument("--kind", choices=sorted(kinds.PARTS), required=True, help="the kind of service")
    options.add_argument("--supervised", action="store_true", help="start again after a crash")
    told = options.parse_args()
    port = 0 if told.sandbox_config else told.port or free_port()
    if told.supervised:
        sys.exit(supervise(port, [each for each in sys.argv[1:] if each != "--supervised"]))
    base = f"http://127.0.0.1:{port}"
    parts = kinds.service(told.kind, data=told.data, base=base, defects=frozenset(told.defect))
    if told.sandbox_config:
        say(sandbox.config(parts.store, told.data))
    else:
        asyncio.run(serve(kinds.build(parts), parts, port))


def supervise(port: int, arguments: list[str]) -> int:
    """Run the service in a process of its own, and again after each SIGKILL; its exit code when it ends by itself."""
    command = [sys.executable, __file__, *arguments, "--port", str(port)]
    told, environment = None, {**os.environ, SUPERVISED: "1"}
    while True:
        with subprocess.Popen(command, env=environment, stdout=told) as child:  # noqa: S603 - our own command
            signal.signal(signal.SIGTERM, lambda *_, node=child: node.terminate())
            code = child.wait()
        if code != -signal.SIGKILL:
            return 0 if code == -signal.SIGTERM else code  # it was told to stop, and did
        told = subprocess.DEVNULL  # it has said that it is ready


if __name__ == "__main__":
    main()
