"""Measures bulk export, from the kick-off to the manifest, the download of every file, and Patient $everything.

    python benchmarks/fhir_export.py [--copies N] [--workers N]

Starts `carespine serve --open` on a free loopback port with an embedded database in a temporary folder, loads the
corpus in N copies (3) under new ids, and exports the system three times as a client would, on two cores that server,
database and client share. The goal is 20,000 resources/s from kick-off to manifest. Besides: the files, packed as
they are stored and unpacked, $everything of the largest records by four connections for two seconds a run (goal: 60/s
for about 230 resources), and the memory of the worker afterwards.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from fhir_load import corpus, report, server
from fhir_load.report import Row

RUNS = 3
GOAL = 20_000
_ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
_POLL_S = 0.05
_CONNECTIONS, _SECONDS = 4, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--copies", type=int, default=3, help="copies of the corpus (default 3)")
    parser.add_argument("--workers", type=int, default=1, help="server processes (default 1)")
    options = parser.parse_args()
    print(f"{report.machine()}, {options.workers} workers, {options.copies} x {corpus.name()}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="carespine-bench-") as folder:
        Path(folder).chmod(0o755)
        print(report.table(measure(Path(folder), options.copies, options.workers)))


def measure(folder: Path, copies: int, workers: int) -> list[Row]:
    running = server.Server(folder / "data", workers)
    try:
        for copy in range(copies):
            file = folder / "corpus.ndjson"
            corpus.write_ndjson(file, corpus.bundles(copy))
            server.load(folder / "data", file)
        before = running.worker_memory_mb()
        rates, packed, plain = [], [], []
        for _ in range(RUNS):
            count, seconds, files = _export(running.port)
            rates.append(count / seconds)
            packed.append(count / _download(files, "gzip"))
            plain.append(count / _download(files, "identity"))
        largest, mean = _largest(running.port)
        records = [_everything(largest) for _ in range(RUNS)]
        after = running.worker_memory_mb()
    finally:
        running.stop()
    note = f"{before:.0f} before"
    return [
        Row(f"$export of {count:,} resources, kick-off to manifest", "resources/s", tuple(rates), GOAL),
        Row("download of all its files, gzip", "resources/s", tuple(packed)),
        Row("download of all its files, unpacked by the server", "resources/s", tuple(plain)),
        Row(f"Patient $everything, {mean:.0f} resources on average", "req/s", tuple(records), 60),
        Row("memory of a worker afterwards (RSS)", "MB", (after,), 250, least=True, note=note),
    ]


def _export(port: int) -> tuple[int, float, list[str]]:
    """Resources, seconds, and the addresses of the files."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        started = time.perf_counter()
        reply = client.get("/fhir/$export", headers=_ASYNC)
        place = reply.headers["content-location"]
        while (state := client.get(place)).status_code == 202:
            time.sleep(_POLL_S)
        seconds = time.perf_counter() - started
        files = state.raise_for_status().json()["output"]
    return sum(file["count"] for file in files), seconds, [file["url"] for file in files]


def _largest(port: int) -> tuple[list[str], float]:
    """The addresses of $everything of the ten patients with the most on record, and how much that is."""
    base = f"http://127.0.0.1:{port}/fhir"
    with httpx.Client(timeout=60) as client:
        found = client.get(f"{base}/Patient?_count=100").raise_for_status().json()["entry"]
        urls = [f"{base}/Patient/{entry['resource']['id']}/$everything" for entry in found]
        sizes = {url: len(client.get(url).raise_for_status().json()["entry"]) for url in urls}
    largest = sorted(sizes, key=sizes.__getitem__)[-10:]
    return largest, sum(sizes[url] for url in largest) / len(largest)


def _everything(urls: list[str]) -> float:
    """Requests a second."""
    done = 0
    end = time.perf_counter() + _SECONDS

    def ask() -> None:
        nonlocal done
        with httpx.Client(timeout=60) as client:
            for url in itertools.cycle(urls):
                if time.perf_counter() > end:
                    return
                client.get(url).raise_for_status()
                done += 1

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for each in [pool.submit(ask) for _ in range(_CONNECTIONS)]:
            each.result()
    return done / _SECONDS


def _download(files: list[str], encoding: str) -> float:
    """Seconds for all the files, one after the other, as they come over the wire."""
    started = time.perf_counter()
    with httpx.Client(timeout=60) as client:
        for file in files:
            with client.stream("GET", file, headers={"Accept-Encoding": encoding}) as reply:
                reply.raise_for_status()
                for _ in reply.iter_raw():
                    pass
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
