"""Loading with several processes: the same record, the same refusals, the same order, whoever did the work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api import Server

from carespine.demo import practice
from carespine.fhir import codec
from carespine.kernel.errors import Unavailable
from carespine.security.actor import system_job
from carespine.spine.load_helpers import Helpers
from carespine.spine.loading import Loaded, load_files, load_shared
from carespine.spine.validating.levels import levels

JOB = system_job("load")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def lines(patients: int) -> list[bytes]:
    bundles = practice.as_bundles(patients=patients)
    return [codec.encode(entry["resource"]) for bundle in bundles for entry in bundle["entry"]]


async def shared(
    server: Server, url: str, paths: list[Path], told: list[int], *, validation: str = "structure"
) -> Loaded:
    helpers = Helpers.fork(2)
    helpers.url, helpers.validation = url, levels(validation)
    try:
        return await load_files(server.platform.door, JOB, paths, told.append, helpers=helpers)
    finally:
        helpers.end()


async def test_everything_is_stored_and_told_and_audited(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    given = lines(patients=15)
    path = tmp_path / "all.ndjson"
    path.write_bytes(b"\n".join(given))
    told: list[int] = []
    loaded = await shared(server, database_url, [path], told)
    assert (loaded.stored, loaded.refused, sum(told)) == (len(given), [], len(given))
    (row,) = await server.rows("select count(*) from resource")
    assert row[0] == len(given)
    events = [event for event in await server.events() if event["action"] == "C"]
    assert len(events) == len(given)
    assert {event["agent"][0]["altId"] for event in events} == {"system:load"}
    again = await shared(server, database_url, [path], told)
    assert (again.stored, again.unchanged) == (0, len(given))


async def test_the_later_line_has_the_last_word_and_each_refusal_names_its_line_in_order(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    def patient(number: int, family: str) -> bytes:
        return codec.encode({"resourceType": "Patient", "id": f"p{number}", "name": [{"family": family}]})

    first, second = tmp_path / "b.ndjson", tmp_path / "a.ndjson"
    first.write_bytes(
        b"\n".join(
            [patient(n % 40, f"family{n}") for n in range(1_200)] + [b'{"resourceType":"Patient"', b"7"]
        )
    )
    second.write_bytes(
        b"\n".join(
            [
                b'{"resourceType":"Patient","id":"bad id"}',
                b'{"resourceType":"Patient","id":"x","nonsense":1}',
                codec.encode(
                    {
                        "resourceType": "Bundle",
                        "type": "collection",
                        "entry": [{"resource": json.loads(patient(0, "last"))}],
                    }
                ),
            ]
        )
    )
    loaded = await shared(server, database_url, [first, second], [])
    places = [reason.split(": ")[0] for reason in loaded.refused]
    assert places == ["b.ndjson:1201", "b.ndjson:1202", "a.ndjson:1", "a.ndjson:2"]
    names: list[Any] = [(await server.get(f"Patient/p{n}")).json()["name"][0]["family"] for n in range(40)]
    assert names == ["last", *(f"family{1_160 + n}" for n in range(1, 40))]


async def test_what_writes_are_validated_for_holds_in_every_process(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    contact = [
        {"gender": "female"}
    ]  # R4 pat-1: a contact has at least a name, a telecom, an address or a party
    path = tmp_path / "one.ndjson"
    path.write_bytes(codec.encode({"resourceType": "Patient", "id": "p", "contact": contact}))
    loaded = await shared(server, database_url, [path], [], validation="structure,Patient=full")
    assert (loaded.stored, len(loaded.refused)) == (0, 1)
    assert (await shared(server, database_url, [path], [])).stored == 1


async def test_a_transaction_between_the_lines_finds_what_came_before_it(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    identifier = [{"system": "http://x", "value": "1"}]
    entry = {
        "resource": {
            "resourceType": "Basic",
            "code": {"text": "x"},
            "subject": {"reference": "Patient?identifier=http://x|1"},
        },
        "request": {"method": "POST", "url": "Basic"},
    }
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(
        b"\n".join(
            [
                codec.encode({"resourceType": "Patient", "id": "p", "identifier": identifier}),
                codec.encode({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}),
            ]
        )
    )
    loaded = await shared(server, database_url, [path], [])
    assert (loaded.stored, loaded.refused) == (2, [])
    (found,) = (await server.get("Basic?subject=Patient/p")).json()["entry"]
    assert found["resource"]["subject"]["reference"] == "Patient/p"


async def test_transactions_in_a_row_end_as_one_after_the_other_would(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    """Of a hundred that name a few resources or ask for them, made by two processes."""

    def post(kind: str, condition: str | None = None, **elements: Any) -> dict[str, Any]:
        request = {"method": "POST", "url": kind} | ({"ifNoneExist": condition} if condition else {})
        return {"resource": {"resourceType": kind, **elements}, "request": request}

    def put(number: int, family: str) -> dict[str, Any]:
        patient = {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": family}]}
        return {"resource": patient, "request": {"method": "PUT", "url": f"Patient/p{number}"}}

    def ward(number: int) -> dict[str, Any]:
        identifier = {"system": "http://wards", "value": str(number % 5)}
        return post("Location", f"identifier=http://wards|{number % 5}", identifier=[identifier])

    def note(number: int) -> dict[str, Any]:
        place = {"reference": f"Location?identifier=http://wards|{number % 5}"}
        return post("Basic", code={"text": "note"}, subject=place)

    entries = [
        [put(number % 7, f"f{number}"), *([ward(number)] if number % 10 < 5 else [note(number)])]
        for number in range(100)
    ]
    path = tmp_path / "transactions.ndjson"
    bundles = [{"resourceType": "Bundle", "type": "transaction", "entry": each} for each in entries]
    bundles.insert(
        50, {"resourceType": "Bundle", "type": "transaction", "entry": [note(77)] * 2 + [put(1, "")]}
    )
    path.write_bytes(b"\n".join(codec.encode(each) for each in bundles))
    told: list[int] = []
    loaded = await shared(server, database_url, [path], told)
    assert loaded.stored == 200
    assert [reason.partition(": ")[0] for reason in loaded.refused] == ["transactions.ndjson:51"]
    assert sum(told) == 200
    found = [(await server.get(f"Patient/p{number}")).json()["name"][0]["family"] for number in range(7)]
    assert found == ["f98", "f99", "f93", "f94", "f95", "f96", "f97"]
    assert (await server.get("Location?_summary=count")).json()["total"] == 5


async def test_what_a_database_that_ended_may_have_lost_is_not_told_as_stored(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    """Its crash ends every connection, also those of processes whose commits did not wait for the disk."""
    path = tmp_path / "all.ndjson"
    path.write_bytes(b"\n".join(lines(patients=3)))
    helpers = Helpers.fork(2)
    helpers.url, helpers.validation = database_url, levels("structure")
    await helpers.begin(JOB)
    try:
        loaded = await load_shared(helpers, [path], lambda _count: None)
        assert loaded.refused == []
        await server.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        with pytest.raises(Unavailable):
            await load_shared(helpers, [path], lambda _count: None)
    finally:
        await helpers.close()
        helpers.end()


async def test_a_database_that_is_away_refuses_no_resource(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("The database is away; please try again.")

    entry = {
        "resource": {"resourceType": "Basic", "code": {"text": "x"}},
        "request": {"method": "POST", "url": "Basic"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    monkeypatch.setattr(server.platform.door, "enter", away)
    for name, given in (("a.ndjson", lines(patients=3)), ("b.ndjson", [codec.encode(bundle)])):
        path = tmp_path / name
        path.write_bytes(b"\n".join(given))
        with pytest.raises(Unavailable):
            await load_files(server.platform.door, JOB, [path], lambda _count: None)


async def test_a_process_that_is_killed_is_said_and_nothing_of_its_share_is_half_stored(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "all.ndjson"
    path.write_bytes(b"\n".join(lines(patients=15)))
    helpers = Helpers.fork(2)
    helpers.url, helpers.validation = database_url, levels("structure")
    os.kill(helpers.pids[0], signal.SIGKILL)
    try:
        with pytest.raises(Unavailable, match="ended unexpectedly"):
            await load_files(server.platform.door, JOB, [path], lambda _count: None, helpers=helpers)
    finally:
        helpers.end()
    (row,) = await server.rows(
        "select count(*) from resource r where not exists "
        "(select 1 from audit_event a where position(convert_to(r.id, 'UTF8') in a.body) > 0)"
    )
    assert row[0] == 0


async def test_a_database_that_is_away_is_said(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "one.ndjson"
    path.write_bytes(b'{"resourceType":"Patient","id":"p"}')
    helpers = Helpers.fork(1)
    helpers.validation = levels("structure")
    helpers.url = f"postgresql://nobody@/nothing?host={tmp_path}"
    try:
        with pytest.raises(Unavailable):
            await load_files(server.platform.door, JOB, [path], lambda _count: None, helpers=helpers)
    finally:
        helpers.end()


def test_the_command_shares_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    given = lines(patients=60)
    path.write_bytes(b"\n".join(given))
    command = [
        sys.executable,
        "-m",
        "carespine",
        "load",
        "--json",
        "--data",
        str(tmp_path / "data"),
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stored"] == len(given)
