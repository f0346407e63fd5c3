"""Pages by cursor: nothing twice, nothing left out, while others write; and a cursor that was tampered with."""

from __future__ import annotations

import base64
import random
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from api import Server, ids

from carespine.fhir import definitions
from carespine.security.compartment import patient_id_of
from carespine.storage.search.clauses import is_owner

BORN = [f"19{year}-01-01" for year in range(50, 90)]


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number:03}", "birthDate": BORN[number % len(BORN)], **more}


def next_page(bundle: dict[str, Any]) -> str | None:
    links = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    return links[0].partition("/fhir/")[2] if links else None


@pytest.mark.parametrize(
    "sort", ["", "&_sort=_id", "&_sort=birthdate", "&_sort=-birthdate,_id", "&_sort=name"]
)
async def test_pages_hold_what_was_there_at_the_start_while_others_write(server: Server, sort: str) -> None:
    """Whoever is there from first to last page is found once; only what comes or goes may differ."""
    chance = random.Random(sort)  # noqa: S311 -- repeatable, not secret
    await server.put(*(patient(number) for number in range(60)))
    found: list[str] = []
    url: str | None = f"Patient?_count=7{sort}"
    coming = 100
    while url:
        bundle = (await server.get(url)).json()
        found += ids(bundle)
        url = next_page(bundle)
        await server.put(patient(chance.randrange(60), gender="other"), patient(coming))
        coming += 1
    assert len(found) == len(set(found))
    assert {name for name in found if name < "p1"} == {f"p{number:03}" for number in range(60)}


async def test_a_search_sorted_by_update_loses_nobody_who_stays_as_he_is(server: Server) -> None:
    await server.put(*(patient(number) for number in range(30)))
    first = (await server.get("Patient?_count=10&_sort=_lastUpdated")).json()
    await server.put(patient(29, gender="other"), patient(1, gender="other"))
    rest, url = [], next_page(first)
    while url:
        bundle = (await server.get(url)).json()
        rest += ids(bundle)
        url = next_page(bundle)
    assert set(ids(first)) | set(rest) == {f"p{number:03}" for number in range(30)}


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("", ""),
        ("", "!"),
        ("", "é"),
        ("", "AAAA" * 2000),
        ("", _cursor(None)),
        ("", _cursor([])),
        ("", _cursor(7)),
        ("", _cursor(["7"])),
        ("", _cursor([None])),
        ("", _cursor([True])),
        ("", _cursor([1.5])),
        ("", _cursor([2**63])),
        ("", _cursor([1, 2])),
        ("_id", _cursor([1, 2])),
        ("_id", _cursor(["a\0b", 2])),
        ("_id", _cursor([b"a", 2])),
        ("birthdate", _cursor(["1980", 2])),
        ("birthdate", _cursor([1.5, 2])),
        ("birthdate", _cursor([2**63, 2])),
        ("_lastUpdated", _cursor(["yesterday", 2])),
        ("_lastUpdated", _cursor(["2026-01-01", 2])),
        ("_lastUpdated", _cursor(["2026-01-01T00:00:00", 2])),
        ("_lastUpdated", _cursor(["0001-01-01T00:00:00+14:00", 2])),
        ("_lastUpdated", _cursor([1, 2])),
        ("name", _cursor(["a\0b", 2])),
        ("name,birthdate", _cursor(["a", 2])),
    ],
)
async def test_a_cursor_that_was_tampered_with_is_refused(reading: Server, sort: str, cursor: str) -> None:
    query = f"_sort={sort}&" if sort else ""
    reply = await reading.get(f"Patient?{query}_cursor={quote(cursor)}")
    assert reply.status_code == 400, reply.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, 2**62, None])
async def test_a_cursor_with_a_strange_number_is_answered_or_refused(reading: Server, value: Any) -> None:
    reply = await reading.get(f"Observation?_sort=value-quantity&_cursor={_cursor([value, 1])}")
    assert reply.status_code in (200, 400), reply.text


def test_the_patient_key_stands_for_the_patient_wherever_a_chain_uses_it() -> None:
    """A chain over `patient` or `subject` joins on the key, so that the key must come from that very element."""
    checked = 0
    for resource_type in definitions.resource_types():
        elements = definitions.type_definition(resource_type).elements
        for code, parameter in definitions.search_parameters(resource_type).items():
            if not is_owner(resource_type, code) or "Patient" not in parameter.targets:
                continue
            own = [part for part in parameter.expression.split(" | ") if part.startswith(f"{resource_type}.")]
            name = own[0].split(".")[1]
            assert elements[name].max == 1, f"{resource_type}.{name} may name several patients"
            tree: dict[str, Any] = {"resourceType": resource_type, name: {"reference": "Patient/x"}}
            others = {
                other: {"reference": "Patient/y"}
                for other in elements
                if other != name and "Patient" in elements[other].targets
            }
            assert patient_id_of({**others, **tree}) == "x", (resource_type, code)
            checked += 1
    assert checked > 60
