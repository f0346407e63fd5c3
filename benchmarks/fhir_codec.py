"""How fast FHIR JSON is read, checked, indexed and written, in one process on one core.

    python benchmarks/fhir_codec.py [BUNDLES.ndjson.gz]

The argument is a file of bundles, one a line; by default the Synthea corpus in ../shared. Prints the machine, the
method and the median of five runs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from carespine.fhir import codec, json_text
from carespine.fhir.search import index, parse

CORPUS = Path(__file__).resolve().parents[2] / "shared/data/synthea/bundles.ndjson.gz"
RUNS = 5
QUERY = [
    ("patient", "Patient/1"),
    ("code", "http://loinc.org|8480-6,8462-4"),
    ("date", "ge2020"),
    ("_sort", "-date"),
]


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("bundles", type=Path, nargs="?", default=CORPUS)
    bundles = arguments.parse_args().bundles
    if not bundles.is_file():
        sys.exit(f"There is no {bundles}: name a file of bundles, one a line, gzipped.")
    raw = resources(bundles)
    size = sum(map(len, raw))
    trees = [codec.decode(text) for text in raw]
    print(f"machine   {platform.machine()}, {cpu()}, Python {platform.python_version()}, one core")
    print(f"corpus    {len(raw):,} resources of {bundles.name}, {size / len(raw):,.0f} bytes each")
    print(f"method    median of {RUNS} runs over the corpus, after one that is not counted")
    print(f"{'':34}{'per second':>12}{'us each':>10}{'MB/s':>8}")
    report("read (JSON only)", json_text.read, raw, size)
    report("decode (read + structure)", codec.decode, raw, size)
    report("check (structure of a tree)", codec.check, trees, size)
    report("index (all search parameters)", index, trees, size)
    report("encode", codec.encode, trees, size)
    report("parse (a query of 4 parameters)", lambda pairs: parse("Observation", pairs), [QUERY] * 2000, 0)


def resources(bundles: Path) -> list[bytes]:
    """The resources of all entries, each as compact JSON."""
    with gzip.open(bundles) as lines:
        return [
            json.dumps(entry["resource"], separators=(",", ":"), ensure_ascii=False).encode()
            for line in lines
            for entry in json.loads(line)["entry"]
        ]


def report(name: str, function: Callable[[Any], Any], values: list[Any], size: int) -> None:
    """One line: the median of the runs."""
    timed(function, values)
    seconds = statistics.median(timed(function, values) for _ in range(RUNS))
    rate = f"{size / seconds / 1e6:8.0f}" if size else ""
    print(f"{name:34}{len(values) / seconds:12,.0f}{seconds / len(values) * 1e6:10.1f}{rate}")


def timed(function: Callable[[Any], Any], values: list[Any]) -> float:
    """Seconds to call the function with each value; results are dropped at once, as a server does."""
    start = time.perf_counter()
    for value in values:
        function(value)
    return time.perf_counter() - start


def cpu() -> str:
    """The processor's name, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        "processor unknown",
    )


if __name__ == "__main__":
    main()
