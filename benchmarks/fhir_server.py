"""Measures the FHIR server beside the goals: reading, writing, transactions, loading, searching, start, memory, disk.

    python benchmarks/fhir_server.py [--full] [--workers N] [--copies N] [--markdown FILE]

Starts `carespine serve --open` on a free loopback port with an embedded database in a temporary folder, and drives
it from this process. Rates and times are medians of three runs; disk and memory are read once. By default each run
stores a third of the corpus and lasts 2.5 seconds (a good minute in all); with `--full`, a whole copy and 10
seconds, and the searches again at ten times the size. `--copies` adds copies (under new ids) before anything is
measured; `--markdown` writes the table to a file as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

from fhir_load import corpus, report, server, work
from fhir_load.client import Run
from fhir_load.report import Row

RUNS = 3
_TIMES = 9  # by how much the corpus grows for the question whether searches stay as fast
_SEARCH_P99_MS = 150
_TRANSACTED = 1_000_000  # the first copy number that is sent as transactions, beyond those that are loaded


def main() -> None:
    options = _options()
    print(f"{report.machine()}, {options.workers} workers, {corpus.name()}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="carespine-bench-") as folder:
        Path(folder).chmod(0o755)
        rows = measure(Path(folder), options)
    print(table := report.table(rows))
    if options.markdown:
        about = f"{report.machine()}, {options.workers} workers, {corpus.name()}, {date.today().isoformat()}"  # noqa: DTZ011
        options.markdown.write_text(f"{about}\n\n{table}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="whole copies of the corpus and longer runs")
    parser.add_argument("--workers", type=int, default=2, help="server processes (default 2)")
    parser.add_argument("--markdown", type=Path, help="file that the table is written to as well")
    parser.add_argument("--copies", type=int, default=0, help="copies of the corpus loaded beforehand")
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> list[Row]:
    """All rows of the table, from one server and its restarts."""
    data, seconds = folder / "data", 10.0 if options.full else 2.5
    first = server.Server(data, options.workers)
    first.stop()
    running = server.Server(data, options.workers)
    starts = [running.seconds]
    try:
        rows = _loading(data, folder / "corpus.ndjson", options)
        trees = [tree for bundle in _part(0, 0, options) for tree in corpus.resources(bundle)]
        rows.append(_disk(running))
        rows += _reading(running.port, trees, seconds)
        rows.append(_everything(running.port, trees, seconds))
        small = _searches(running.port, trees, seconds)
        rows += _searching(small)
        rows += _looping(running.port, trees, seconds)
        rows.append(_transacting(running.port, options))
        if options.full:
            rows += _growing(data, folder / "corpus.ndjson", running.port, trees, seconds, small)
        memory = running.worker_memory_mb()
    finally:
        running.stop()
    for _ in range(RUNS - 1):
        again = server.Server(data, options.workers)
        starts.append(again.seconds)
        again.stop()
    return [
        *rows,
        Row("start to ready", "s", tuple(starts), 2, least=True, note=f"empty folder {first.seconds:.1f} s"),
        Row("memory of a worker after all this (RSS)", "MB", (memory,), 250, least=True),
    ]


def _part(run: int, copy: int, options: argparse.Namespace) -> list[bytes]:
    """What one run stores: a third of the corpus, or all of it under new ids."""
    return corpus.bundles(copy + run) if options.full else corpus.bundles(copy)[run::RUNS]


def _loading(data: Path, file: Path, options: argparse.Namespace) -> list[Row]:
    for copy in range(options.copies):
        corpus.write_ndjson(file, corpus.bundles(1_000 + copy))
        server.load(data, file)
    rates = []
    for run in range(RUNS):
        count = corpus.write_ndjson(file, _part(run, 0, options))
        rates.append(count / server.load(data, file))
    return [Row("`carespine load`, NDJSON, the command's start included", "resources/s", tuple(rates), 6_000)]


def _disk(running: server.Server) -> Row:
    sizes = running.disk()
    count, audit = sizes.pop("count"), sizes.pop("audit_event")
    parts = ", ".join(f"{name} {size / count / 1000:.2f}" for name, size in list(sizes.items())[:5])
    size = sum(sizes.values()) / count / 1000
    note = f"{parts}; besides, audit {audit / count / 1000:.2f}"
    return Row(f"disk with indexes, {count:,} resources", "KB/resource", (size,), 2.2, least=True, note=note)


def _runs(make: Callable[[], Coroutine[Any, Any, Run]]) -> list[Run]:
    return [asyncio.run(make()) for _ in range(RUNS)]


def _percentiles(name: str, runs: list[Run], part: float, goal: float | None, kind: str = "") -> Row:
    times = tuple(run.percentile_ms(part, kind) for run in runs)
    return Row(f"{name}, p{part * 100:.0f}", "ms", times, goal, least=True)


def _rate(name: str, runs: list[Run], goal: float) -> Row:
    errors = sum(run.errors for run in runs)
    note = f"{errors} errors of {sum(run.done for run in runs):,} requests"
    return Row(name, "req/s", tuple(run.rate for run in runs), goal, note=note)


def _reading(port: int, trees: list[corpus.Tree], seconds: float) -> list[Row]:
    runs = _runs(lambda: work.read(port, trees, seconds))
    name = f"read by id, {work.READERS} connections"
    return [
        _rate(name, runs, 5_000),
        _percentiles(name, runs, 0.5, None),
        _percentiles(name, runs, 0.99, 20),
    ]


def _everything(port: int, trees: list[corpus.Tree], seconds: float) -> Row:
    runs = _runs(lambda: work.everything(port, trees, seconds))
    size = sum(run.resources for run in runs) / max(1, sum(run.done for run in runs))
    errors = sum(run.errors for run in runs)
    name = f"Patient $everything, {size:.0f} resources on average, {work.ASKERS} at once"
    return Row(name, "req/s", tuple(run.rate for run in runs), 60, note=f"{errors} errors")


def _searches(port: int, trees: list[corpus.Tree], seconds: float) -> list[Run]:
    return _runs(lambda: work.search(port, trees, seconds))


def _growing(
    data: Path, file: Path, port: int, trees: list[corpus.Tree], seconds: float, small: list[Run]
) -> list[Row]:
    """No cliff: the median of each family at ten times the size, against the median before."""
    for copy in range(_TIMES):
        corpus.write_ndjson(
            file, [b for run in range(RUNS) for b in corpus.bundles(2_000 + copy * RUNS + run)]
        )
        server.load(data, file)
    large = _searches(port, trees, seconds)
    return [
        Row(
            f"search by {family}: median at ten times the size, to the median before",
            "times",
            (_median(large, family) / _median(small, family),),
            1.3,
            least=True,
            note=f"{_median(small, family):.1f} ms, then {_median(large, family):.1f} ms",
        )
        for family in sorted(small[0].times)
    ]


def _median(runs: list[Run], family: str) -> float:
    return statistics.median(run.percentile_ms(0.5, family) for run in runs)


def _searching(runs: list[Run]) -> list[Row]:
    name = f"search mix, {work.SEARCHERS} users"
    families = sorted(runs[0].times)
    return [
        _rate(name, runs, 800),
        *(_percentiles(f"search by {family}", runs, 0.99, _SEARCH_P99_MS, family) for family in families),
    ]


def _looping(port: int, trees: list[corpus.Tree], seconds: float) -> list[Row]:
    runs = _runs(lambda: work.loop(port, trees, seconds))
    name = "create, read, update, delete over 9 types"
    return [_rate(name, runs, 1_000), *(_percentiles(kind, runs, 0.99, None, kind) for kind in runs[0].times)]


def _transacting(port: int, options: argparse.Namespace) -> Row:
    rates, errors = [], 0
    for run in range(RUNS):
        bundles = _part(run, _TRANSACTED, options)
        count = sum(len(json.loads(bundle)["entry"]) for bundle in bundles)
        done = asyncio.run(work.transactions(port, bundles))
        rates.append(count / done.seconds)
        errors += done.errors
    name = f"transaction bundles, {work.SENDERS} at once"
    return Row(name, "resources/s", tuple(rates), 2_500, note=f"{errors} errors")


if __name__ == "__main__":
    main()
