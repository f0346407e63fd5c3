"""How many resources are validated in full (invariants, bindings, references, extensions), in one process on one core.

    python benchmarks/fhir_validation.py [BUNDLES.ndjson.gz]

The argument is a file of bundles, one a line; by default the Synthea corpus in ../shared. Prints the machine, the
method, the median of the runs, by type, and beside it the structure check alone.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from fhir_codec import CORPUS, cpu, resources, timed

from carespine.fhir import codec
from carespine.fhir.validation import validate

RUNS = 5
# Enough kinds of resources for a stable median, few enough to finish within a minute.
MOST = 5_000


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("bundles", type=Path, nargs="?", default=CORPUS)
    bundles = arguments.parse_args().bundles
    if not bundles.is_file():
        sys.exit(f"There is no {bundles}: name a file of bundles, one a line, gzipped.")
    everything = resources(bundles)
    raw = everything[:: max(1, len(everything) // MOST)]
    trees = [codec.decode(text) for text in raw]
    print(f"machine   {platform.machine()}, {cpu()}, Python {platform.python_version()}, one core")
    print(
        f"corpus    {len(raw):,} resources of {bundles.name}, {sum(map(len, raw)) / len(raw):,.0f} bytes each"
    )
    print(f"method    median of {RUNS} runs over the corpus, after one that is not counted; processor time")
    show("structure alone", codec.check, trees)
    show("full validation", validate, trees)
    show("decode and validate", lambda text: validate(codec.decode(text)), raw)
    by_type: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for tree in trees:
        by_type[tree["resourceType"]].append(tree)
    for name, group in sorted(by_type.items(), key=lambda pair: -len(pair[1])):
        show(f"  {name} ({len(group):,})", validate, group)


def show(name: str, function: Any, values: list[Any]) -> None:
    """One line: the median of the runs, by processor time, since the machine may be shared."""
    timed(function, values)
    seconds = statistics.median(_processor(function, values) for _ in range(RUNS))
    print(f"{name:34}{len(values) / seconds:12,.0f} a second{seconds / len(values) * 1e6:10.1f} us each")


def _processor(function: Any, values: list[Any]) -> float:
    start = time.process_time()
    for value in values:
        function(value)
    return time.process_time() - start


if __name__ == "__main__":
    main()
