"""What is odd about values that become rows of the index: nearly equal numbers, texts of any length."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api import Server, serving
from hypothesis import given
from hypothesis import strategies as st

from carespine.storage.instants import FIRST, LAST, instant, micros
from carespine.storage.migrate import migrate
from carespine.storage.search.conditions import _following


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, open=True) as running:
        yield running


async def test_what_a_migration_calls_outdated_is_indexed_again(server: Server, database_url: str) -> None:
    weight = {"value": 5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    await server.put(
        {"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01"},
        {
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "code": {"text": "weight"},
            "subject": {"reference": "Patient/p"},
            "valueQuantity": weight,
        },
    )
    queries = [
        "Observation?value-quantity=5000|http://unitsofmeasure.org|g&patient.birthdate=1980",
        "Observation?subject=Patient/p",
    ]
    await server.rows("delete from index_quantity")
    await server.rows("delete from quantity_unit")
    await server.rows("update resource set keys = '{}'")
    assert [await server.found(query) for query in queries] == [[], []]
    await server.rows("insert into index_outdated values ('test')")
    migrate(database_url)
    assert [await server.found(query) for query in queries] == [["o"], ["o"]]
    assert await server.rows("select * from index_outdated") == []


async def test_two_numbers_that_a_double_cannot_tell_apart_are_stored(server: Server) -> None:
    body = (
        b'{"resourceType":"RiskAssessment","id":"r","status":"final","subject":{"display":"x"},"prediction":['
        b'{"probabilityDecimal":0.1},{"probabilityDecimal":0.1000000000000000055511151231257827}]}'
    )
    assert (await server.write("RiskAssessment/r", body)).status_code == 201
    assert await server.found("RiskAssessment?probability=0.1") == ["r"]


async def test_the_extremes_of_decimals_are_stored_and_found(server: Server) -> None:
    for name, value in (("big", b"9.9e299"), ("small", b"1e-300"), ("below", b"-9.9e299")):
        body = (
            b'{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"x"},'
            b'"valueQuantity":{"value":%s}}' % (name.encode(), value)
        )
        assert (await server.write(f"Observation/{name}", body)).status_code == 201
    assert await server.found("Observation?value-quantity=gt1e299") == ["big"]
    assert await server.found("Observation?value-quantity=lt-1e299") == ["below"]


async def test_one_value_under_many_paths_is_stored_once(server: Server) -> None:
    period = {"start": "2026-01-01", "end": "2026-01-02"}
    tree = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "planned",
        "class": {"code": "AMB"},
        "period": period,
        "location": [{"location": {"reference": "Location/a"}, "period": period} for _ in range(3)],
        "identifier": [{"system": "http://a", "value": "1"}] * 3,
    }
    assert (await server.write("Encounter/e", tree)).status_code == 201
    assert await server.found("Encounter?location-period=2026-01-01") == []
    assert await server.found("Encounter?location-period=ge2026-01-01") == ["e"]


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_count_of_microseconds_is_an_instant(count: int) -> None:
    moment = instant(count)
    assert FIRST <= moment <= LAST
    assert micros(moment) == count or moment in (FIRST, LAST)


@given(st.text(min_size=1, max_size=5), st.text(max_size=3))
def test_what_begins_with_a_text_lies_before_the_text_that_follows(beginning: str, rest: str) -> None:
    following = _following(beginning)
    longer = (beginning + rest).encode()
    assert longer >= beginning.encode()
    assert following is None or longer < following.encode()
