"""History of one resource, a type and everything: order, windows of time, pages; and the CapabilityStatement."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from api import FHIR, FakeClock, Server, fresh_database, serving

from carespine.fhir import codec, definitions, json_text
from carespine.storage.embedded import EmbeddedPostgres

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")


@pytest.fixture(scope="module")
async def server(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """Ann changes on each of four days; Bob comes on the second and goes on the third."""
    clock = FakeClock()
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("history"), open=True, clock=clock) as running:
            for day in DAYS:
                clock.moment = datetime.fromisoformat(f"{day}T09:00:00+00:00").astimezone(UTC)
                await running.write("Patient/ann", {"resourceType": "Patient", "id": "ann", "birthDate": day})
                if day == DAYS[1]:
                    await running.write("Patient/bob", {"resourceType": "Patient", "id": "bob"})
                    await running.write(
                        "Organization/o", {"resourceType": "Organization", "id": "o", "name": "O"}
                    )
                if day == DAYS[2]:
                    await running.request("DELETE", "Patient/bob")
            yield running


async def _versions(server: Server, url: str) -> list[str]:
    reply = await server.get(url)
    assert reply.status_code == 200, reply.text
    return [
        f"{entry['fullUrl'].rsplit('/', 1)[1]}{entry['response']['etag'][3:-1]}"
        for entry in reply.json().get("entry", ())
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("Patient/ann/_history", ["ann4", "ann3", "ann2", "ann1"]),
        ("Patient/bob/_history", ["bob2", "bob1"]),
        ("Patient/ann/_history?_count=2", ["ann4", "ann3"]),
        ("Patient/ann/_history?_count=0", []),
        ("Patient/ann/_history?_since=2026-01-03", ["ann4", "ann3"]),
        ("Patient/ann/_history?_since=2026-01-03T09:00:00Z", ["ann4", "ann3"]),
        ("Patient/ann/_history?_since=2026-01-03T09:00:01Z", ["ann4"]),
        ("Patient/ann/_history?_since=2026-01-03T10:00:00%2B01:00", ["ann4", "ann3"]),
        ("Patient/ann/_history?_since=2027", []),
        ("Patient/bob/_history?_since=2026-01-03", ["bob2"]),
        ("Patient/ann/_history?_at=2026-01-02", ["ann2", "ann1"]),
        ("Patient/ann/_history?_at=2026-01-02T08:59:59Z", ["ann1"]),
        ("Patient/ann/_history?_at=2026-01-02T09:00:00Z", ["ann2"]),
        ("Patient/ann/_history?_at=2026-01", ["ann4", "ann3", "ann2", "ann1"]),
        ("Patient/ann/_history?_at=2027", ["ann4"]),
        ("Patient/bob/_history?_at=2026-01-03", ["bob2", "bob1"]),
        ("Patient/bob/_history?_at=2026-01-04", []),
        ("Patient/ann/_history?_since=2026-01-03&_at=2026-01-02", []),
        ("Patient/ann/_history?_summary=count", []),
        ("Patient/ann/_history?_at=2025", []),
        ("Patient/_history", ["ann4", "bob2", "ann3", "bob1", "ann2", "ann1"]),
        ("Patient/_history?_since=2026-01-03", ["ann4", "bob2", "ann3"]),
        ("Organization/_history", ["o1"]),
        ("Observation/_history", []),
        ("_history", ["ann4", "bob2", "ann3", "o1", "bob1", "ann2", "ann1"]),
        ("_history?_since=2026-01-04", ["ann4"]),
    ],
)
async def test_a_history_has_the_versions_of_its_window_newest_first(
    server: Server, url: str, expected: list[str]
) -> None:
    assert await _versions(server, url) == expected


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
async def test_the_pages_of_a_history_together_are_the_history(server: Server, count: int) -> None:
    whole = await _versions(server, "_history")
    url: str | None = f"_history?_count={count}"
    paged: list[str] = []
    while url:
        bundle = (await server.get(url)).json()
        assert bundle["total"] == 7
        paged += await _versions(server, url)
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        url = following[0].removeprefix(f"{FHIR}/") if following else None
    assert paged == whole


@pytest.mark.parametrize("url", ["Patient/moving/_history", "Patient/_history", "_history"])
async def test_the_pages_of_a_history_stay_in_place_while_others_write(
    database_url: str, tmp_path: Path, url: str
) -> None:
    async with serving(database_url, tmp_path, open=True) as server:
        moving = {"resourceType": "Patient", "id": "moving"}
        for _ in range(5):
            await server.write("Patient/moving", moving)
        following: str | None = f"{url}?_count=2"
        paged: list[str] = []
        while following:
            bundle = (await server.get(following)).json()
            assert bundle["total"] == 5
            paged += [entry["response"]["etag"] for entry in bundle["entry"]]
            onward = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            following = onward[0].removeprefix(f"{FHIR}/") if onward else None
            await server.write("Patient/moving", moving)
    assert paged == ['W/"5"', 'W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']


@pytest.mark.parametrize(
    "cursor", ["", "1", "1.2.3", "1.2.3.4.5", "x.1.1.1", "-1.1.1.1", "9" * 19 + ".1.1.1"]
)
async def test_a_place_in_a_history_that_nobody_gave_is_no_server_error(server: Server, cursor: str) -> None:
    assert (await server.get(f"_history?_cursor={cursor}")).status_code in (200, 400)


async def test_a_history_takes_part_of_each_version(server: Server) -> None:
    newest = (await server.get("Patient/ann/_history?_count=1&_elements=gender")).json()["entry"][0]
    assert set(newest["resource"]) == {"resourceType", "id", "meta"}
    assert newest["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_each_entry_of_a_history_says_what_was_asked_and_what_came(server: Server) -> None:
    bundle = (await server.get("Patient/bob/_history?_pretty=true")).json()
    codec.check(bundle)
    deletion, creation = bundle["entry"]
    assert deletion["request"] == {"method": "DELETE", "url": "Patient/bob"}
    assert deletion["response"]["status"].startswith("204")
    assert "resource" not in deletion
    assert creation["request"] == {"method": "PUT", "url": "Patient/bob"}
    assert creation["response"]["status"].startswith("201")
    assert creation["response"]["lastModified"] == "2026-01-02T09:00:00.000Z"
    assert creation["resource"]["meta"] == {"versionId": "1", "lastUpdated": "2026-01-02T09:00:00.000Z"}


async def test_every_version_in_a_history_can_be_read_by_itself(server: Server) -> None:
    for entry in (await server.get("Patient/ann/_history")).json()["entry"]:
        tree = entry["resource"]
        read = await server.get(f"Patient/ann/_history/{tree['meta']['versionId']}")
        assert read.json() == tree
        assert read.headers["etag"] == entry["response"]["etag"]


async def test_updated_times_are_searched_as_instants(server: Server) -> None:
    cases = {
        "_lastUpdated=2026-01-04": ["ann"],
        "_lastUpdated=2026-01-04T09:00:00.000Z": ["ann"],
        "_lastUpdated=gt2026-01-04T09:00:00Z": [],
        "_lastUpdated=ge2026-01-04T09:00:00Z": ["ann"],
        "_lastUpdated=lt2026-01-04": [],
        "_lastUpdated=ne2026-01-04": [],
        "_lastUpdated=sa2026-01-03": ["ann"],
        "_lastUpdated=eb2026-01-05": ["ann"],
        f"_lastUpdated=ge{quote('2026-01-04T10:00:00+01:00')}": ["ann"],
    }
    for query, expected in cases.items():
        assert await server.found(f"Patient?{query}") == expected, query


@pytest.mark.parametrize("is_open", [True, False])
async def test_the_capability_statement_is_valid_and_needs_no_sign_in(
    database_url: str, tmp_path: Path, is_open: bool
) -> None:
    async with serving(database_url, tmp_path, open=is_open) as running:
        reply = await running.get("metadata", authorization="Bearer nonsense")
    assert reply.status_code == 200
    tree = json_text.read(reply.content)
    codec.check(tree)
    rest = tree["rest"][0]
    assert [entry["type"] for entry in rest["resource"]] == list(definitions.resource_types())
    assert ("service" in rest["security"]) is not is_open
    assert tree["implementation"]["url"] == FHIR
