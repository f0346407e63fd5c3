"""Observation/$lastn: the latest of each code, for one patient, within what may be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api import Server, fresh_database, ids, serving

from carespine.security.actor import Actor
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
LOINC = "http://loinc.org"
BOB_HIMSELF = Actor("patient", "bob", "Bob", "patient", patient="bob")


def observation(
    name: str, codes: str, date: str | None, patient: str = "ann", category: str = "vital-signs"
) -> Tree:
    tree: Tree = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [{"coding": [{"code": category}]}],
        "code": {"coding": [{"system": LOINC, "code": code} for code in codes.split("+")]},
        "subject": {"reference": f"Patient/{patient}"},
    }
    return {**tree, "effectiveDateTime": date} if date else tree


OBSERVATIONS: tuple[Tree, ...] = (
    observation("w1", "weight", "2020-01-01"),
    observation("w3", "weight", "2020-03-01T12:00:00Z"),
    observation("w2", "weight+mass", "2020-02-01"),
    observation("w0", "mass", None),
    observation("h1", "height", "2019-01-01"),
    observation("h2", "height", "2021-01-01"),
    observation("lab", "sodium", "2022-01-01", category="laboratory"),
    observation("bob", "weight", "2023-01-01", patient="bob"),
    {**observation("text", "x", "2018-01-01"), "code": {"text": "grip"}},
    {**observation("text2", "x", "2018-02-01"), "code": {"text": "grip"}},
)


@pytest.fixture(scope="module")
async def measured(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """Observations of two patients; no test changes anything."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("lastn"), open=True) as running:
            await running.put(
                *[{"resourceType": "Patient", "id": name} for name in ("ann", "bob")], *OBSERVATIONS
            )
            yield running


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("patient=ann&category=vital-signs", "h2 w3 text2"),
        ("subject=Patient/ann&category=vital-signs,laboratory", "lab h2 w3 text2"),
        ("patient=ann&category=vital-signs&max=2", "h2 h1 w3 w2 text2 text"),
        ("patient=ann&code=weight,mass&max=9", "w3 w2 w1 w0"),
        ("patient=ann&code=http://loinc.org|height", "h2"),
        ("patient=ann&code=weight&date=lt2020-03", "w2"),
        ("patient=ann&code=nothing", ""),
        ("patient=ann,bob&code=weight&max=3", "bob w3 w2"),
        ("patient=Patient/bob&code=weight&_pretty=true", "bob"),
    ],
)
async def test_the_latest_of_each_code_come_back_latest_first(
    measured: Server, query: str, found: str
) -> None:
    reply = await measured.get(f"Observation/$lastn?{query}")
    assert reply.status_code == 200, reply.text
    assert ids(reply.json()) == found.split()
    assert reply.json()["total"] == len(found.split())


async def test_the_same_can_be_asked_by_post(measured: Server) -> None:
    parameters = [
        {"name": "patient", "valueString": "ann"},
        {"name": "code", "valueString": "weight"},
        {"name": "max", "valuePositiveInt": 2},
    ]
    reply = await measured.post("Observation/$lastn", {"resourceType": "Parameters", "parameter": parameters})
    assert ids(reply.json()) == ["w3", "w2"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("Observation/$lastn", 400),
        ("Observation/$lastn?patient=ann", 400),
        ("Observation/$lastn?code=weight", 400),
        ("Observation/$lastn?patient=ann&code=weight&max=0", 400),
        ("Observation/$lastn?patient=ann&code=weight&max=x", 400),
        ("Observation/$lastn?patient=ann&code=weight&max=1&max=2", 400),
        ("Observation/$lastn?patient=ann&code=weight&_sort=date", 400),
        ("Observation/$lastn?patient=ann&code=weight&_count=5", 400),
        ("Observation/$lastn?patient=ann&code=weight&_include=Observation:subject", 400),
        ("Observation/$lastn?patient=ann&code=weight&colour=red", 400),
        ("Observation/w1/$lastn", 404),
        ("Patient/$lastn", 404),
    ],
)
async def test_what_cannot_be_asked_is_refused(measured: Server, url: str, status: int) -> None:
    assert (await measured.get(url)).status_code == status


async def test_a_patient_gets_only_their_own(measured: Server) -> None:
    reply = await measured.ask(BOB_HIMSELF, "GET", "Observation/$lastn?patient=ann,bob&code=weight&max=5")
    assert ids(reply.tree) == ["bob"]
