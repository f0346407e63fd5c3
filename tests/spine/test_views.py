"""ViewDefinitions over HTTP and in bulk: kept, run over what the asker reaches, written in every form."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api import Server, fresh_database, serving
from pyarrow import parquet

from carespine.kernel.errors import Invalid, Unprocessable
from carespine.security.actor import Actor, system_job
from carespine.spine.views import apart, parts, running
from carespine.storage.embedded import EmbeddedPostgres

sys.path.insert(0, str(Path(__file__).parents[1] / "fhir"))
from view_cases import ANN, BEN, CAT, MOOD, PULSE, columns

PEOPLE = {
    "resourceType": "ViewDefinition",
    "id": "people",
    "url": "https://example.org/ViewDefinition/people",
    "name": "people",
    "status": "active",
    "resource": "Patient",
    "select": [columns(id="getResourceKey()", gender="gender")],
}


@pytest.fixture(scope="module")
async def filled(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Server, str]]:
    """A server with three patients and two observations, and the URL of its database."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("views"), open=True) as running_server:
            gone = {
                key: value
                for key, value in ANN.items()
                if key not in ("generalPractitioner", "managingOrganization")
            }
            await running_server.put(gone, BEN, CAT, PULSE, {**MOOD, "subject": {"reference": "Patient/ben"}})
            yield running_server, url


def parameters(**values: Any) -> dict[str, Any]:
    items = []
    for name, value in values.items():
        kind = (
            "resource"
            if isinstance(value, dict) and "resourceType" in value
            else "valueReference"
            if isinstance(value, dict)
            else "valueString"
        )
        items.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": items}


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


async def test_a_view_is_kept_read_changed_listed_and_deleted(filled: tuple[Server, str]) -> None:
    server, _ = filled
    made = await server.write("ViewDefinition/people", PEOPLE)
    assert made.status_code == 201, made.text
    kept = (await server.get("ViewDefinition/people")).json()
    assert {key: kept[key] for key in PEOPLE} == PEOPLE
    changed = await server.write("ViewDefinition/people", {**PEOPLE, "title": "People"})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    listed = (await server.get("ViewDefinition?name=people")).json()
    assert [entry["resource"]["title"] for entry in listed["entry"]] == ["People"]
    posted = await server.post("ViewDefinition", PEOPLE)
    place = posted.headers["location"].split("/fhir/")[1].split("/_history")[0]
    assert (posted.status_code, posted.json()["name"]) == (201, "people")
    assert (await server.request("DELETE", place)).status_code == 204
    assert (await server.get(place)).status_code == 410


async def test_run_answers_the_table_of_a_kept_a_referred_or_a_sent_view(filled: tuple[Server, str]) -> None:
    server, _ = filled
    await server.write("ViewDefinition/people", PEOPLE)
    replies = [
        await server.get("ViewDefinition/people/$run"),
        await server.post(
            "ViewDefinition/$run", parameters(viewReference={"reference": "ViewDefinition/people"})
        ),
        await server.post("ViewDefinition/$run", parameters(viewResource=PEOPLE)),
        await server.post("ViewDefinition/$run", PEOPLE),
    ]
    for reply in replies:
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "application/x-ndjson"
        rows = lines(reply.content)
        assert sorted(row["id"] for row in rows) == ["ann", "ben", "cat"]
        assert {"id": "ann", "gender": "female"} in rows


async def test_the_form_is_asked_for_by_format_or_accept(filled: tuple[Server, str]) -> None:
    server, _ = filled
    await server.write("ViewDefinition/people", PEOPLE)
    run = "ViewDefinition/people/$run"
    assert (await server.get(f"{run}?_format=csv&_limit=1")).text.splitlines()[0] == "id,gender"
    assert len((await server.get(f"{run}?_format=csv&header=false&_limit=2")).text.splitlines()) == 2
    assert (await server.get(run, accept="text/csv")).headers["content-type"].startswith("text/csv")
    assert len((await server.get(f"{run}?_format=json")).json()) == 3
    table = parquet.read_table(io.BytesIO((await server.get(f"{run}?_format=parquet")).content))
    assert table.num_rows == 3


async def test_a_table_can_be_of_some_patients_or_of_what_is_sent(filled: tuple[Server, str]) -> None:
    server, _ = filled
    view = {**PEOPLE, "resource": "Observation", "select": [columns(id="id")]}
    asked = parameters(viewResource=view, patient={"reference": "Patient/ann"})
    assert lines((await server.post("ViewDefinition/$run", asked)).content) == [{"id": "pulse"}]
    asked = parameters(viewResource=view, _since="2999-01-01")
    assert (await server.post("ViewDefinition/$run", asked)).content == b""
    asked = parameters(viewResource=view, resource={**MOOD, "id": "sent"})
    assert lines((await server.post("ViewDefinition/$run", asked)).content) == [{"id": "sent"}]


@pytest.mark.parametrize(
    ("url", "body", "status"),
    [
        ("ViewDefinition/nowhere/$run", None, 404),
        ("ViewDefinition/$run", parameters(), 400),
        ("ViewDefinition/$run", parameters(viewResource={**PEOPLE, "resource": "People"}), 422),
        ("ViewDefinition/$run", parameters(viewResource={**PEOPLE, "select": [columns(a="name.(")]}), 422),
        ("ViewDefinition/$run", parameters(viewResource=PEOPLE, resource={**CAT, "name": "x"}), 422),
        ("ViewDefinition/$run?_format=xlsx", parameters(viewResource=PEOPLE), 400),
        ("ViewDefinition/$run?_limit=999999999", parameters(viewResource=PEOPLE), 400),
        ("ViewDefinition/$run?group=Group/1", parameters(viewResource=PEOPLE), 400),
        ("ViewDefinition/$run", [1], 400),
        ("ViewDefinition/$walk", parameters(), 404),
        ("ViewDefinition", {**PEOPLE, "select": []}, 422),
        ("ViewDefinition", {"resourceType": "Patient"}, 400),
    ],
)  # fmt: skip
async def test_what_cannot_be_run_is_refused_with_an_outcome(
    filled: tuple[Server, str], url: str, body: Any, status: int
) -> None:
    reply = await filled[0].post(url, body) if body is not None else await filled[0].get(url)
    assert reply.status_code == status, reply.text
    assert reply.json()["resourceType"] == "OperationOutcome"


async def test_a_library_that_is_no_view_is_not_found_as_one(filled: tuple[Server, str]) -> None:
    server, _ = filled
    kind = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]
    }
    await server.put({"resourceType": "Library", "id": "logic", "status": "active", "type": kind})
    assert (await server.get("ViewDefinition/logic")).status_code == 404
    assert (await server.request("DELETE", "ViewDefinition/logic")).status_code == 404


async def test_everyone_gets_only_what_they_reach_and_it_is_on_record(filled: tuple[Server, str]) -> None:
    server, _ = filled
    ben = Actor("patient", "user-ben", "Ben Bond", "patient", patient="ben")
    clerk = Actor("practitioner", "clerk", "Cleo Clerk", "receptionist", organisation="A1")
    observations = {**PEOPLE, "resource": "Observation", "select": [columns(id="id")]}
    reply = await server.ask(ben, "POST", "ViewDefinition/$run", observations)
    assert (reply.status, lines(reply.content)) == (200, [{"id": "mood"}])
    assert (await server.ask(clerk, "POST", "ViewDefinition/$run", observations)).status == 403
    events = [e for e in await server.events() if e["agent"][0]["altId"] in ("user-ben", "clerk")]
    assert [event["outcome"] for event in events] == ["0", "4"]
    assert (await server.ask(ben, "PUT", "ViewDefinition/mine", {**PEOPLE, "id": "mine"})).status == 403


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_table_in_bulk_is_the_same_in_one_process_and_in_several(
    filled: tuple[Server, str], tmp_path: Path, form: str
) -> None:
    server, url = filled
    made = {}
    for jobs in (1, 2):
        out = tmp_path / f"{jobs}.{form}"
        made[jobs] = await running.over_stored(
            server.platform.door, system_job("view"), PEOPLE, url, out, form, jobs=jobs
        )
    assert made[1] == made[2] == parts.Made(3, 3)
    contents = [(tmp_path / f"{jobs}.{form}").read_bytes() for jobs in (1, 2)]
    if form == "parquet":
        tables = [parquet.read_table(io.BytesIO(content)).to_pylist() for content in contents]
        assert tables[0] == tables[1]
        assert len(tables[0]) == 3
    else:
        assert contents[0] == contents[1]
    trail = [event for event in await server.events() if event.get("outcomeDesc") == "view people"]
    assert len(trail) >= 3


async def test_what_another_process_refuses_is_refused(filled: tuple[Server, str], tmp_path: Path) -> None:
    server, url = filled
    view = {**PEOPLE, "select": [columns(it="iif(id = 'ben', 1 | 2, 1)")]}
    for jobs in (1, 2):  # of two, the second has ben
        with pytest.raises(Unprocessable, match="2 values for one row"):
            await running.over_stored(
                server.platform.door, system_job("view"), view, url, tmp_path / "out", "csv", jobs=jobs
            )


def test_files_are_read_as_bundles_and_lines_and_faulty_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text("\n".join(json.dumps(tree) for tree in (BEN, CAT)))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "id": "dot"}}],
    }
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    out = io.BytesIO()
    files = [tmp_path / "a.ndjson", tmp_path / "b.json"]
    assert running.over_files(PEOPLE, files, out, "ndjson", lambda _: None) == parts.Made(3, 3)
    assert [row["id"] for row in lines(out.getvalue())] == ["ben", "cat", "dot"]
    (tmp_path / "c.ndjson").write_text('{"resourceType":"Patient","name":"x"}')
    with pytest.raises(Invalid, match=r"c\.ndjson:1"):
        running.over_files(PEOPLE, [tmp_path / "c.ndjson"], out, "ndjson", lambda _: None)


async def test_a_view_that_never_ends_is_ended_and_keeps_nobody_waiting(
    filled: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = filled
    monkeypatch.setattr(apart, "MOST_SECONDS", 1.0)
    doubled = "gender" + ".select($this.combine($this))" * 40
    endless = {**PEOPLE, "select": [columns(count=f"{doubled}.count()")]}
    slow = asyncio.create_task(server.post("ViewDefinition/$run", parameters(viewResource=endless)))
    answered = 0
    while not slow.done():
        assert (await server.get("Patient/ann")).status_code == 200
        answered += 1
        await asyncio.sleep(0.05)
    refused = slow.result()
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")
    assert answered > 5
    monkeypatch.undo()
    people = await server.post("ViewDefinition/$run", parameters(viewResource=PEOPLE))
    assert len(lines(people.content)) == 3


async def test_only_so_many_views_are_at_work_at_once(
    filled: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = filled
    monkeypatch.setattr(apart, "MOST_AT_ONCE", 0)
    busy = await server.post("ViewDefinition/$run", parameters(viewResource=PEOPLE))
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "60")
