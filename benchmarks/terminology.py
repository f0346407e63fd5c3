"""How fast the terminology service is over a generated code system of a million concepts, over HTTP.

    python benchmarks/terminology.py [--concepts 1000000] [--requests 1000]

A release in the shape of SNOMED CT is generated and loaded into an embedded PostgreSQL; one server process answers a
client on the same machine, one request after the other. Reported: how long loading takes, then p50 and p95 of each
question in milliseconds. Questions differ from request to request, so that what is kept helps as it would in use.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import synthetic_releases

SNOMED = "http://snomed.info/sct"
LISTED = "https://example.org/ValueSet/ten-thousand"


def listed(count: int) -> dict[str, Any]:
    """A value set of 10,000 codes in a list, of a code system of its own."""
    concepts = [{"code": f"C{number}", "display": f"Concept {number}"} for number in range(count)]
    include = {"system": "https://example.org/CodeSystem/ten-thousand", "concept": concepts}
    return {
        "resourceType": "ValueSet",
        "id": "ten-thousand",
        "url": LISTED,
        "status": "active",
        "compose": {"include": [include]},
    }


def questions(count: int) -> dict[str, Callable[[random.Random], tuple[str, dict[str, str]]]]:
    """Label -> a random question."""
    every = list(synthetic_releases.codes(count))
    words = sorted({word for word in synthetic_releases.vocabulary() if len(word) > 4})

    def beginning(chance: random.Random, least: int, most: int) -> str:
        return chance.choice(words)[: chance.randint(least, most)]

    def expand(filter: str, about: str = "?fhir_vs") -> tuple[str, dict[str, str]]:
        return "ValueSet/$expand", {"url": f"{SNOMED}{about}", "filter": filter, "count": "20"}

    return {
        "(to compare: GET of a resource by its id)": lambda c: ("Basic/here", {}),
        "$validate-code, 10,000 listed codes": lambda c: (
            "ValueSet/$validate-code",
            {
                "url": LISTED,
                "system": "https://example.org/CodeSystem/ten-thousand",
                "code": f"C{c.randrange(11_000)}",
            },
        ),
        "$validate-code, is-a over all concepts": lambda c: (
            "ValueSet/$validate-code",
            {
                "url": f"{SNOMED}?fhir_vs=isa/{every[c.randrange(50)]}",
                "system": SNOMED,
                "code": c.choice(every),
            },
        ),
        "$expand, one beginning of 3 to 6 letters": lambda c: expand(beginning(c, 3, 6)),
        "$expand, one letter": lambda c: expand(beginning(c, 1, 1)),
        "$expand, two beginnings": lambda c: expand(f"{beginning(c, 2, 5)} {beginning(c, 2, 5)}"),
        "$expand, is-a and a beginning": lambda c: expand(
            beginning(c, 3, 5), f"?fhir_vs=isa/{every[c.randrange(50)]}"
        ),
        "$expand, a refined expression constraint": lambda c: (
            "ValueSet/$expand",
            {
                "url": f"{SNOMED}?fhir_vs=ecl/<< {every[0]} : {synthetic_releases.SITE} = << {every[c.randrange(100)]}",
                "count": "20",
            },
        ),
        "$lookup": lambda c: ("CodeSystem/$lookup", {"system": SNOMED, "code": c.choice(every)}),
        "$subsumes": lambda c: (
            "CodeSystem/$subsumes",
            {"system": SNOMED, "codeA": every[c.randrange(500)], "codeB": c.choice(every)},
        ),
    }


def others(count: int) -> dict[str, Any]:
    """Other resources: a table of two rows would be read as a whole, which no record's is."""
    tree = {"resourceType": "Basic", "code": {"text": "beside it"}}
    request = {"method": "POST", "url": "Basic"}
    entries = [{"resource": tree, "request": request}] * count
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def ask(
    connection: HTTPConnection, make: Callable[[random.Random], tuple[str, dict[str, str]]], requests: int
) -> list[float]:
    """Milliseconds from a request to the whole of its answer, over one connection; httpx would add one of its own."""
    chance = random.Random(7)  # noqa: S311
    times = []
    for number in range(requests + 20):
        path, query = make(chance)
        address = f"/fhir/{path}?{urlencode(query)}"
        began = time.perf_counter()
        connection.request("GET", address)
        reply = connection.getresponse()
        body = reply.read()
        if number >= 20:
            times.append((time.perf_counter() - began) * 1000)
        if reply.status != 200:
            sys.exit(f"{address} was answered with {reply.status}: {body[:500]!r}")
    return times


def measure(base: str, count: int, requests: int) -> None:
    with httpx.Client(base_url=base, timeout=60) as client:
        headers = {"content-type": "application/fhir+json"}
        basic = {"resourceType": "Basic", "id": "here", "code": {"text": "to compare"}}
        for path, tree in (("ValueSet/ten-thousand", listed(10_000)), ("Basic/here", basic)):
            client.put(f"/fhir/{path}", json=tree, headers=headers).raise_for_status()
        for _ in range(4):
            client.post("/fhir", json=others(1_000), headers=headers).raise_for_status()
    connection = HTTPConnection(base.removeprefix("http://"), timeout=60)
    for label, make in questions(count).items():
        times = sorted(ask(connection, make, requests))
        p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
        print(f"{label:45} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms", flush=True)
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--concepts", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--port", type=int, default=8797)
    parser.add_argument(
        "--data", type=Path, help="a folder in which a release of this size is loaded already"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = arguments.data or Path(scratch) / "data"
        command = [str(Path(sys.executable).with_name("carespine"))]
        if arguments.data is None or not data.exists():
            release = Path(scratch) / "release"
            synthetic_releases.generate(release, arguments.concepts)
            began = time.perf_counter()
            loaded = subprocess.run(
                [*command, "terminology", "load", str(release), "--data", str(data), "--json"],
                check=True,
                capture_output=True,
                text=True,
            )
            counts = json.loads(loaded.stdout)
            took = time.perf_counter() - began
            print(f"loaded {counts['concepts']:,} concepts and {counts['sets']:,} sets in {took:.0f} s")
        environment = {**os.environ, "CARESPINE_WORKERS": "1"}
        server = subprocess.Popen(
            [*command, "serve", "--open", "--port", str(arguments.port), "--data", str(data)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, text=True,
        )  # fmt: skip
        try:
            base = f"http://127.0.0.1:{arguments.port}"
            for _ in range(300):
                try:
                    if httpx.get(f"{base}/fhir/metadata").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            measure(base, arguments.concepts, arguments.requests)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
