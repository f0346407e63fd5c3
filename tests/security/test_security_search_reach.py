"""What is out of reach changes no search: a practice finds the same whether or not others' records are there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from access_people import ADMINISTRATOR, ANN, BAND, CLEANER, GP, LOCUM, NURSE, OAK_GP, PEOPLE, PULSE, STRANGE
from api import Server, fresh_database, ids, serving

from carespine.security import restriction
from carespine.security.actor import Actor
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.search import clauses
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number, type_numbers

Tree = dict[str, Any]
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def noted(name: str, patient: str, word: str, **more: Any) -> Tree:
    return {
        "resourceType": "Observation",
        "id": name,
        "text": {"status": "generated", "div": DIV.format(word)},
        "status": "final",
        "code": {"coding": [{"system": "http://s", "code": word}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-03-01",
        "valueQuantity": {"value": 7 if patient == "bob" else 5, "unit": "kg"},
        "note": [{"text": f"spoken {word}"}],
        **more,
    }


def listed(name: str, patient: str) -> Tree:
    items = [{"item": {"reference": f"Patient/{each}"}} for each in ("ann", "bob")]
    return {
        "resourceType": "List",
        "id": name,
        "status": "current",
        "mode": "working",
        "subject": {"reference": f"Patient/{patient}"},
        "entry": items,
    }


def stay(name: str, patient: str, **more: Any) -> Tree:
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


TOWN: tuple[Tree, ...] = (
    *PEOPLE,
    noted("ann-note", "ann", "quartz", encounter={"reference": "Encounter/bob-stay"}),
    noted("bob-note", "bob", "zebra", encounter={"reference": "Encounter/ann-stay"}),
    stay("ann-stay", "ann", partOf={"reference": "Encounter/bob-stay"}),
    stay("bob-stay", "bob"),
    stay("bob-day", "bob", partOf={"reference": "Encounter/ann-stay"}),
    listed("ann-list", "ann"),
    listed("bob-list", "bob"),
)
# What a GP of Elm reaches: nothing of Bob's, and nothing clinical that is nobody's.
ELM = tuple(
    tree
    for tree in TOWN
    if not tree["id"].startswith(("bob", "nobody"))
    and (tree["id"], tree["resourceType"]) != ("bob", "Patient")
)
SEARCHES = """
Patient?_sort=family
Patient?_sort=-gender,family
Patient?_sort=name&_count=1
Patient?_filter=family co "b"
Patient?_filter=not (family eq "ann")
Patient?_list=bob-list
Patient?_list=ann-list
Patient?_content=bob
Patient?_has:Observation:patient:code=zebra
Patient?_has:Observation:patient:_text=zebra
Patient?_has:Observation:patient:value-quantity=7
Patient?_has:Observation:subject:_content=zebra
Patient?_has:List:subject:_list=x
Patient?_has:Encounter:subject:_has:Observation:encounter:code=zebra
Patient?_has:Encounter:subject:_has:Observation:encounter:code:missing=false
Encounter?_has:Observation:encounter:code=zebra
Encounter?_has:Observation:encounter:code:missing=false
Encounter?part-of:below=bob-stay
Encounter?part-of:above=ann-stay
Encounter?part-of.status=finished
Observation?_text=zebra
Observation?_text=zebra or quartz
Observation?_content=spoken
Observation?encounter.status=finished
Observation?encounter.subject:Patient.family=bob
Observation?encounter:Encounter.part-of.status=finished
Observation?_filter=encounter.status eq finished
Observation?_filter=subject[family co "b"].family pr true
Observation?patient._list=bob-list
Observation?patient._content=bob
Observation?value-quantity=gt1
Observation?value-quantity=gt6
Observation?date=ge2026&date=lt2027
Observation?date=ge2020
Observation?date=ge2020&_sort=-date
Observation?_sort=date
Observation?_sort=-code&_count=1
Observation?_sort=subject
Observation?code:not=quartz
Observation?subject:missing=true
Observation?_include=*
Observation?_include=Observation:encounter&_include:iterate=Encounter:part-of
Encounter?_revinclude=Observation:encounter
Encounter?_revinclude=Observation:*&_revinclude:iterate=Encounter:*
List?_include=List:item
?_type=Patient,Observation,Encounter,List
?_id=bob,ann,bob-note
?_text=zebra
?_content=zebra
Patient/bob/*
Patient/ann/*
Patient/ann/Observation
"""


@pytest.fixture(scope="module")
async def towns(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Server, Server]]:
    """A server with everybody's records, and one with those alone that a GP of Elm reaches."""
    folder = tmp_path_factory.mktemp("towns")
    with fresh_database(postgres) as one, fresh_database(postgres) as other:
        async with serving(one, folder / "town") as town, serving(other, folder / "elm") as elm:
            for tree in TOWN:
                await town.put(tree)
            for tree in ELM:
                await elm.put(tree)
            yield town, elm


async def told(server: Server, query: str) -> tuple[int, list[str], list[str], int | None]:
    """What an answer tells: its status, its matches in order over all pages, what is included, how many there are."""
    matches: list[str] = []
    included: list[str] = []
    url, status, total = f"{query}{'&' if '?' in query else '?'}_total=accurate", 200, None
    while url:
        reply = await server.ask(GP, "GET", url)
        if reply.status != 200:
            return reply.status, [], [], None
        bundle = reply.tree
        matches += ids(bundle)
        included += ids(bundle, "include")
        total = bundle["total"]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        url = following[0].partition("/fhir")[2].lstrip("/") if following else ""
    return status, matches, sorted(included), total


@pytest.mark.parametrize("few", [clauses.FEW, 0], ids=["lists", "filters"])
async def test_what_is_out_of_reach_changes_no_search(
    towns: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Also where an inner side is large: without the short cut by lists the statements are others."""
    monkeypatch.setattr(clauses, "FEW", few)
    monkeypatch.setattr(clauses, "FEW_SOURCES", few)
    monkeypatch.setattr(clauses, "_many", type(clauses._many)())
    town, elm = towns
    answered = 0
    for query in filter(None, SEARCHES.splitlines()):
        told_in_town, told_in_elm = await told(town, query), await told(elm, query)
        assert told_in_town == told_in_elm, query
        assert "bob" not in json.dumps(told_in_town), query
        answered += bool(told_in_town[1])
    assert answered > 25


_FEW = frozenset({"system/Observation.rs?code=bp", "system/Patient.r"})
_NARROW = Actor("app", "band", "Band", "certified app", scopes=_FEW)
_FOR_ANN = replace(
    ANN, client="pulse", context="ann", scopes=frozenset({"patient/Observation.rs", "launch/patient"})
)


@pytest.mark.parametrize(
    "actor",
    [GP, NURSE, OAK_GP, LOCUM, CLEANER, ANN, ADMINISTRATOR, BAND, PULSE, STRANGE, _NARROW, _FOR_ANN],
    ids=lambda actor: f"{actor.role} {actor.id}",
)
@pytest.mark.parametrize(("interaction", "locating"), [("r", False), ("s", False), ("s", True)])
async def test_naming_the_type_of_the_rows_changes_nothing_of_who_sees_them(
    towns: tuple[Server, Server], actor: Actor, interaction: str, locating: bool
) -> None:
    """The condition for one type is the general one with what the type decides worked out."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    town, _ = towns
    rows = await town.rows("select distinct type from resource")
    names = {number: name for name, number in type_numbers().items()}
    for (number,) in rows:
        found = []
        for kind in (None, names[number]):
            arguments = Arguments(type_number(names[number]))
            reach = restriction.rows(
                actor, arguments, alias="r", now=now, interaction=interaction, locating=locating, kind=kind
            )
            statement = f"select r.id from resource r where r.type = $1 and {reach} order by r.id"  # noqa: S608
            async with town.platform.database.connection() as connection:
                found.append(await connection.fetch(statement, *arguments.values))
        assert found[0] == found[1], names[number]
