"""The server that is measured: `carespine serve --open` as a process of its own, in a temporary folder."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil

from carespine.storage.embedded import EmbeddedPostgres

_STORED = ("resource", "resource_history")


class Server:
    """One running server; `seconds` is how long it took from the command to the first answer."""

    def __init__(self, data: Path, workers: int) -> None:
        self._data = data
        command = [sys.executable, "-m", "carespine", "serve", "--open", "--port", "0", "--data", str(data)]
        started = time.perf_counter()
        log = data.parent / "server.log"  # a pipe that nobody empties would stop the server
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [*command, "--workers", str(workers)], stdout=output, stderr=subprocess.STDOUT
            )
        self.port = self._ready(log)
        self.seconds = time.perf_counter() - started

    def _ready(self, log: Path) -> int:
        """The port, once the server says that it is ready."""
        while self._process.poll() is None:
            if found := re.search(r"ready: http://[^:]+:(\d+)", log.read_text()):
                return int(found[1])
            time.sleep(0.01)
        raise SystemExit(f"The server did not start: {log.read_text()[-2000:]}")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def worker_memory_mb(self) -> float:
        """The unshared and shared memory (RSS) of the largest worker, in MB."""
        ours = psutil.Process(self._process.pid).children(recursive=True)
        sizes = [
            c.memory_info().rss for c in ours if c.parent().pid != self._process.pid and "python" in c.name()
        ]
        return max(sizes) / 1e6

    def disk(self) -> dict[str, int]:
        """Bytes of each table with its indexes, and the number of resources under `count`."""
        return asyncio.run(_disk(EmbeddedPostgres(self._data).url))


async def _disk(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select relname, pg_total_relation_size(oid) as bytes from pg_class where relkind = 'r' "
            "and (relname = any($1) or relname like 'index\\_%' or relname = 'audit_event') order by 2 desc",
            _STORED,
        )
        count = await connection.fetchval("select count(*) from resource")
    finally:
        await connection.close()
    return {"count": count, **{row["relname"]: row["bytes"] for row in rows}}


def load(data: Path, file: Path) -> float:
    """`carespine load` beside the running server: seconds from the command to its end."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "carespine", "load", "--data", str(data), "--json", str(file)],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started
