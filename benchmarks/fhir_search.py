"""Measures searches one by one at two sizes: the median of each family, and the questions that are known to be traps.

    python benchmarks/fhir_search.py [--small N] [--large N] [--keep FOLDER] [--rounds N]

Loads N copies of the corpus (3 and 28 by default: with Synthea about 50,000 and 500,000 resources) under new ids and
with shifted years into two servers of their own, and asks both the same questions in turn over one connection, so that
whatever else the machine does falls on both alike. The goal of a family is a ratio: large over small at most 1.3.
With `--keep` the two data folders stay, and are used again by the next run. Loading 500,000 resources takes minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

from fhir_load import corpus, report, server, work
from fhir_load.client import Connection

_YEAR = re.compile(rb'"(\d{4})-(\d\d)-(\d\d)')
_CLIFF = 1.3
_LOINC = "http://loinc.org"
# Questions with a goal of their own at the large size, in milliseconds.
_SPECIAL = {
    "value-quantity=ge99999": ("Observation?value-quantity=ge99999", 10),
    "value-quantity=le99999": ("Observation?value-quantity=le99999", 10),
    "_sort=-_lastUpdated, selective filter": (
        f"Observation?code={_LOINC}|33914-3&_sort=-_lastUpdated&_count=20",
        20,
    ),
    "_sort=-_lastUpdated, of one patient": ("Observation?subject=Patient/{patient}&_sort=-_lastUpdated", 20),
    "chained OR of 11 values": ("Observation?patient.family={families}&_count=20", 50),
    "_has": (f"Patient?_has:Observation:patient:code={_LOINC}|29463-7&_count=20", 100),
    "_sort=-date over all": ("Observation?_sort=-date&_count=20", None),
}


def main() -> None:
    options = _options()
    print(f"{report.machine()}, {corpus.name()}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="carespine-bench-") as temporary:
        folder = Path(options.keep or temporary)
        sizes = {"small": options.small, "large": options.large}
        servers = {name: _server(folder / name, copies) for name, copies in sizes.items()}
        try:
            counts = {name: running.disk()["count"] for name, running in servers.items()}
            print(", ".join(f"{name} {count:,} resources" for name, count in counts.items()), flush=True)
            ports = {name: running.port for name, running in servers.items()}
            times = asyncio.run(_measure(ports, options.rounds))
        finally:
            for running in servers.values():
                running.stop()
    print(_table(times))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=3, help="copies of the corpus (default 3)")
    parser.add_argument("--large", type=int, default=28, help="copies of the corpus (default 28)")
    parser.add_argument("--rounds", type=int, default=40, help="questions of each family (default 40)")
    parser.add_argument("--keep", help="a folder for the data, used again if it is there")
    return parser.parse_args()


def _server(folder: Path, copies: int) -> server.Server:
    """A server over so many copies, loaded unless they are there."""
    is_new = not (folder / "data").exists()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    running = server.Server(folder / "data", 1)
    for copy in range(copies if is_new else 0):
        file = folder / "corpus.ndjson"
        corpus.write_ndjson(file, [_shifted(bundle, copy) for bundle in corpus.bundles(copy)])
        server.load(folder / "data", file)
    return running


def _shifted(bundle: bytes, copy: int) -> bytes:
    """The dates of a copy lie up to two years before or after those of the corpus."""

    def shift(found: re.Match[bytes]) -> bytes:
        rest = b"02-28" if (found[2], found[3]) == (b"02", b"29") else found[2] + b"-" + found[3]
        return b'"%04d-%s' % (int(found[1]) + copy % 5 - 2, rest)

    return _YEAR.sub(shift, bundle)


async def _measure(ports: dict[str, int], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each question, by family and size; the first of each kind is not counted."""
    trees = [tree for bundle in corpus.bundles(0) for tree in corpus.resources(_shifted(bundle, 0))]
    families = work.search_queries(trees)
    draw = random.Random(3)  # noqa: S311 -- the same questions every time
    asked = {
        name: [f"{draw.choice(queries)}&_count=20" for _ in range(rounds)]
        for name, queries in families.items()
    }
    people = [tree for tree in trees if tree["resourceType"] == "Patient"]
    named = ",".join(quote(tree["name"][0]["family"]) for tree in people[:11])
    for name, (query, _) in _SPECIAL.items():
        asked[name] = [query.format(patient=people[0]["id"], families=named)] * rounds
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    connections = {size: await _connected(port) for size, port in ports.items()}
    for name, queries in asked.items():
        for place, query in enumerate([queries[0], *queries]):
            for size, connection in connections.items():
                started = time.perf_counter()
                status, _, body = await connection.ask("GET", query)
                if status != 200:
                    raise SystemExit(f"{query} was answered with {status}: {body[:300]!r}")
                if place:
                    times[name][size].append((time.perf_counter() - started) * 1000)
    for connection in connections.values():
        connection.close()
    return times


async def _connected(port: int) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    return connection


def _table(times: dict[str, dict[str, list[float]]]) -> str:
    lines = [
        "",
        "| search | small, median ms | large, median ms | large, best ms | large / small | goal |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, sizes in times.items():
        small, large = (statistics.median(sizes[size]) for size in ("small", "large"))
        _, goal = _SPECIAL.get(name, (None, None))
        wanted = f"at most {goal} ms" if goal else f"at most {_CLIFF}" if name not in _SPECIAL else ""
        lines.append(
            f"| {name} | {small:.2f} | {large:.2f} | {min(sizes['large']):.2f} | {large / small:.2f} | {wanted} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
