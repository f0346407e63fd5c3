"""The kinds of work: reading by id, the loop of create, read, update, delete, transactions, the search mix."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import quote

from fhir_load.client import Connection, Run, drive, timed
from fhir_load.corpus import Tree

READERS, WRITERS, SEARCHERS, SENDERS, ASKERS = 16, 16, 30, 4, 4
LOOP_TYPES = (
    "Patient",
    "Observation",
    "Condition",
    "Encounter",
    "Procedure",
    "MedicationRequest",
    "Immunization",
    "DiagnosticReport",
    "Claim",
)
_LOINC = "http://loinc.org"


async def read(port: int, trees: list[Tree], seconds: float) -> Run:
    """GET Type/id of resources drawn from all."""
    paths = [f"{tree['resourceType']}/{tree['id']}" for tree in trees]
    draw = random.Random(1)  # noqa: S311 -- the same load every time

    async def step(connection: Connection, run: Run, _user: int) -> bool:
        await timed(connection, run, "", "GET", draw.choice(paths))
        return True

    return await drive(port, READERS, seconds, step)


async def loop(port: int, trees: list[Tree], seconds: float) -> Run:
    """POST, GET, PUT, DELETE of one resource after another, the types in turn."""
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for tree in trees:
        by_type[tree["resourceType"]].append(json.dumps(tree, separators=(",", ":")).encode())
    kinds = [kind for kind in LOOP_TYPES if kind in by_type]
    turn = 0

    async def step(connection: Connection, run: Run, _user: int) -> bool:
        nonlocal turn
        turn += 1
        kind = kinds[turn % len(kinds)]
        body = by_type[kind][turn % len(by_type[kind])]
        _, head, _ = await timed(connection, run, "create", "POST", kind, body)
        path = f"{kind}/" + head.split(f"/{kind}/".encode(), 1)[1].split(b"/", 1)[0].decode()
        _, _, stored = await timed(connection, run, "read", "GET", path)
        changed = {**json.loads(stored), "language": "en-GB"}
        await timed(connection, run, "update", "PUT", path, json.dumps(changed).encode())
        await timed(connection, run, "delete", "DELETE", path)
        return True

    return await drive(port, WRITERS, seconds, step)


async def transactions(port: int, bundles: list[bytes]) -> Run:
    """POST every bundle once; `done` counts bundles."""
    waiting = iter(bundles)

    async def step(connection: Connection, run: Run, _user: int) -> bool:
        bundle = next(waiting, None)
        if bundle is not None:
            await timed(connection, run, "", "POST", "", bundle)
        return bundle is not None

    return await drive(port, SENDERS, None, step)


async def search(port: int, trees: list[Tree], seconds: float) -> Run:
    """The six families in turn, with values drawn from the corpus, 20 a page."""
    families = {family: _cycle(queries) for family, queries in search_queries(trees).items()}
    names = list(families)
    turn = 0

    async def step(connection: Connection, run: Run, _user: int) -> bool:
        nonlocal turn
        turn += 1
        family = names[turn % len(names)]
        await timed(connection, run, family, "GET", next(families[family]) + "&_count=20")
        return True

    return await drive(port, SEARCHERS, seconds, step)


async def everything(port: int, trees: list[Tree], seconds: float) -> Run:
    """GET Patient/id/$everything, patients drawn at random; the run counts the resources that came."""
    patients = _cycle([f"Patient/{t['id']}/$everything" for t in trees if t["resourceType"] == "Patient"])

    async def step(connection: Connection, run: Run, _user: int) -> bool:
        _, _, body = await timed(connection, run, "", "GET", next(patients))
        run.resources += body.count(b'"fullUrl":')
        return True

    return await drive(port, ASKERS, seconds, step)


def _cycle(queries: list[str]) -> Iterator[str]:
    draw = random.Random(2)  # noqa: S311
    while True:
        yield draw.choice(queries)


def search_queries(trees: list[Tree]) -> dict[str, list[str]]:
    """What each family asks, from what the corpus holds."""
    patients = [tree for tree in trees if tree["resourceType"] == "Patient"]
    values = [
        (tree["code"]["coding"][0]["code"], tree["valueQuantity"])
        for tree in trees
        if tree["resourceType"] == "Observation" and "valueQuantity" in tree
    ][:500]
    codes = sorted({code for code, _ in values})
    return {
        "string": [f"Patient?family={quote(tree['name'][0]['family'])}" for tree in patients],
        "date": [
            f"Observation?date=ge{2009 + n % 8}-{1 + n % 12:02}-01&date=lt{2010 + n % 8}" for n in range(48)
        ],
        "token": [f"Observation?code={_LOINC}|{code}" for code in codes],
        "quantity": [
            f"Observation?value-quantity=gt{float(q['value']):.1f}||{quote(q['unit'])}" for _, q in values
        ],
        "composite": [
            f"Observation?code-value-quantity={code}$ge{float(q['value']):.1f}" for code, q in values
        ],
        "reference": [f"Observation?subject=Patient/{tree['id']}" for tree in patients],
    }
