"""$import: NDJSON by address, in the request, or uploaded; what is refused is told by line; again changes nothing."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from api import BASE, Server, fresh_database, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs_client import ASYNC, kick_off, lines, manifest, settled
from sources import Source, source

from carespine.kernel.errors import Invalid, TooLarge
from carespine.security.actor import TREATMENT, Actor
from carespine.spine.bulk import pieces
from carespine.spine.fhir_api.exchange import Exchange
from carespine.spine.jobs import runner
from carespine.spine.load_helpers import Helpers
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server that the tests of this module import into, each under ids of its own."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("import"), open=True) as running:
            yield running


@pytest.fixture(scope="module")
def files() -> Iterator[Source]:
    with source() as running:
        yield running


def ndjson(*trees: Tree) -> bytes:
    return b"".join(json.dumps(tree).encode() + b"\n" for tree in trees)


def patient(name: str, **more: Any) -> Tree:
    return {"resourceType": "Patient", "id": name, **more}


def asked(*inputs: Tree, **simple: str) -> Tree:
    given = [
        {"name": "input", "part": [{"name": name, "valueUri": value} for name, value in each.items()]}
        for each in inputs
    ]
    others = [{"name": name, "valueString": value} for name, value in simple.items()]
    return {"resourceType": "Parameters", "parameter": [*others, *given]}


async def test_files_are_fetched_and_stored_and_a_second_time_changes_nothing(
    shared: Server, files: Source
) -> None:
    plain = files.put("/p.ndjson", ndjson(patient("by-address"), patient("by-address-2")))
    packed = files.put(
        "/o.ndjson.gz", gzip.compress(ndjson({"resourceType": "Organization", "id": "packed", "name": "O"}))
    )
    body = asked(
        {"type": "Patient", "url": plain},
        {"url": packed},
        inputFormat="application/fhir+ndjson",
        mode="InitialLoad",
    )
    found = await manifest(shared, "$import", body)
    assert found["output"] == [
        {"type": "Patient", "inputUrl": plain, "count": 2, "unchanged": 0},
        {"inputUrl": packed, "count": 1, "unchanged": 0},
    ]
    assert found["error"] == []
    assert (await shared.get("Patient/by-address-2")).headers["etag"] == 'W/"1"'
    again = await manifest(shared, "$import", body)
    assert [each["unchanged"] for each in again["output"]] == [2, 1]
    assert (await shared.get("Patient/by-address")).headers["etag"] == 'W/"1"'
    # What was fetched is not kept.
    assert await shared.rows("select 1 from job_part where file like 'input.%'") == []


async def test_a_large_import_is_shared_among_processes_and_outlives_their_end(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Helpers] = []
    start = Helpers.start

    def noting(count: int) -> Helpers:
        started.append(start(count))
        if len(started) == 1:
            os.kill(started[0].pids[0], signal.SIGKILL)
        return started[-1]

    monkeypatch.setattr(Helpers, "start", noting)
    monkeypatch.setattr(runner, "_WAIT_S", 0.0)
    text = ndjson(*(patient(f"large-{number}", language="x" * 800) for number in range(3_000)), {"id": "x"})
    begun = await shared.post("$import", text, content_type="application/fhir+ndjson", **ASYNC)
    found = (await settled(shared, begun)).json()
    assert found["output"][0]["count"] == 3_000
    assert [each["count"] for each in found["error"]] == [1]
    assert len(started) == 2
    (row,) = await shared.rows("select count(*) from resource where id like 'large-%'")
    assert row[0] == 3_000
    for pid in (pid for helpers in started for pid in helpers.pids):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_an_upload_that_takes_its_time_holds_no_connection_of_the_database(shared: Server) -> None:
    enough = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield ndjson(patient("slow-1"))
        await enough.wait()
        yield ndjson(patient("slow-2"))

    headers = {"content-type": "application/fhir+ndjson", **ASYNC}
    uploads = [
        asyncio.create_task(shared.http.post("/fhir/$import", content=slowly(), headers=headers))
        for _ in range(9)
    ]
    await asyncio.sleep(0.1)
    open_ones = await shared.rows("select count(*) from pg_stat_activity where state = 'idle in transaction'")
    assert open_ones[0][0] == 0
    assert (await shared.get("Patient?name=x")).status_code == 200
    enough.set()
    for upload in uploads:
        assert (await settled(shared, await upload)).status_code == 200


async def test_what_is_refused_is_told_with_its_line_and_the_rest_is_stored(
    shared: Server, files: Source
) -> None:
    text = ndjson(
        patient("good-1"), patient("bad", gender=5), {"resourceType": "Basic", "id": "x", "code": {}}
    )
    address = files.put(
        "/mixed.ndjson", text + b"\n{ not json\n" + ndjson(patient("good-2")) + b'{"resourceType":"Patient"}'
    )
    found = await manifest(shared, "$import", asked({"type": "Patient", "url": address}))
    assert found["output"][0]["count"] == 2
    (file,) = found["error"]
    assert (file["inputUrl"], file["type"], file["count"]) == (address, "OperationOutcome", 4)
    said = [outcome["issue"][0]["diagnostics"] for outcome in await lines(shared, file)]
    assert [text.partition(":")[0] and text.split(", line ")[1].split(":")[0] for text in said] == [
        "2",
        "3",
        "5",
        "7",
    ]
    assert "gender" in said[0]
    assert "'Basic'" in said[1]
    assert await shared.found("Patient?_id=good-1,good-2,bad") == ["good-1", "good-2"]


async def test_a_file_that_cannot_be_fetched_is_an_error_and_the_others_are_imported(
    shared: Server, files: Source
) -> None:
    away = files.address + "/none.ndjson"
    moved = files.put("/moved", b"", 302, location=files.address + "/p.ndjson")
    damaged = files.put("/damaged.gz", gzip.compress(ndjson(patient("damaged")))[:-6])
    good = files.put("/good.ndjson", ndjson(patient("beside-errors")))
    inputs = [{"url": url} for url in (away, moved, damaged, good)]
    found = await manifest(shared, "$import", asked(*inputs))
    assert [each["count"] for each in found["output"]] == [0, 0, 0, 1]
    said = [(await lines(shared, file))[0]["issue"][0]["diagnostics"] for file in found["error"]]
    assert "answered 404" in said[0]
    assert "redirects" in said[1]
    assert "too early" in said[2]


async def test_content_may_come_with_the_request(shared: Server) -> None:
    inline = base64.b64encode(ndjson(patient("inline"))).decode()
    body: Tree = {
        "resourceType": "Parameters",
        "parameter": [{"name": "input", "part": [{"name": "content", "valueBase64Binary": inline}]}],
    }
    assert (await manifest(shared, "$import", body))["output"][0]["count"] == 1
    sent = await shared.http.post(
        "/fhir/$import?type=Patient",
        content=gzip.compress(ndjson(patient("as-body"))),
        headers={**ASYNC, "content-type": "application/fhir+ndjson"},
    )
    assert (await settled(shared, sent)).json()["output"][0]["count"] == 1
    form = await shared.http.post(
        "/fhir/$import",
        files=[
            ("Patient", ("a.ndjson", ndjson(patient("in-form")))),
            ("f", ("Organization.ndjson", b"{}\n")),
        ],
        headers=ASYNC,
    )
    found = (await settled(shared, form)).json()
    assert [each.get("type") for each in found["output"]] == ["Patient", "Organization"]
    assert [each["count"] for each in found["output"]] == [1, 0]
    assert len(found["error"]) == 1
    assert await shared.found("Patient?_id=inline,as-body,in-form") == ["inline", "as-body", "in-form"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (asked(mode="InitialLoad"), "at least one input"),
        (asked({"url": "ftp://x/y"}), "https://"),
        (asked({"type": "Nothing", "url": "https://x/y"}), "'Nothing'"),
        (asked({"type": "Patient"}), "either a url or content"),
        (asked({"url": "https://x/y", "etag": "1"}), "etag"),
        (asked({"url": "https://x/y"}, inputFormat="text/csv"), "inputFormat"),
        (asked({"url": "https://x/y"}, mode="Overwrite"), "mode"),
        (asked({"url": "https://x/y"}, colour="red"), "colour"),
    ],
)
async def test_what_cannot_be_imported_is_refused_with_the_reason(
    shared: Server, body: Tree, words: str
) -> None:
    reply = await kick_off(shared, "$import", body)
    assert reply.status_code == 400, reply.text
    assert words in reply.text


async def test_a_form_that_is_none_and_a_missing_preference_are_refused(shared: Server) -> None:
    headers = {**ASYNC, "content-type": "multipart/form-data; boundary=x"}
    for content in (b"nothing", b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n"):
        reply = await shared.http.post("/fhir/$import", content=content, headers=headers)
        assert reply.status_code == 400, reply.text
    plain = {"content-type": "application/fhir+ndjson"}
    assert (await shared.http.post("/fhir/$import", content=b"{}", headers=plain)).status_code == 400
    assert await shared.rows("select 1 from job where state in ('waiting', 'running')") == []


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]"])
async def test_only_public_addresses_are_fetched_from(tmp_path: Path, database_url: str, host: str) -> None:
    async with serving(database_url, tmp_path) as server:
        actor = Actor("app", "loader", "loader", "registered app", scopes=frozenset({"system/*.cruds"}))
        async with server.platform.database.transaction() as tx:
            await tx.execute(
                "insert into oauth_client (client_id, name, jwks, scopes, certified) "
                "values ('loader', '', '{}', '', false)"
            )
        body = asked({"url": f"http://{host}:9/x.ndjson"})
        reply = await server.ask(actor, "POST", "$import", body, headers=ASYNC)
        address = reply.headers["Content-Location"].removeprefix(f"{BASE}/fhir/")
        while (state := await server.ask(actor, "GET", address)).status == 202:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        file = state.tree["error"][0]["url"].removeprefix(f"{BASE}/fhir/")
        download = await server.platform.fhir.answer(_get(server, actor, file))
        assert download.stream is not None
        text = b"".join([piece async for piece in download.stream])
        assert b"may not be called from here" in text


def _get(server: Server, actor: Actor, path: str) -> Any:

    return Exchange("GET", tuple(path.split("/")), (), {}, b"", actor, TREATMENT, f"{BASE}/fhir")


async def test_people_do_not_import(shared: Server) -> None:
    doctor = Actor("practitioner", "d", "D", "general practitioner", organisation="A")
    refused = await shared.ask(doctor, "POST", "$import", asked({"url": "https://x/y"}), headers=ASYNC)
    assert refused.status == 403


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=30), st.booleans())
def test_pieces_put_together_are_the_file(text: bytes, sizes: list[int], packed: bool) -> None:
    if text.startswith(b"\x1f\x8b"):
        return
    content = gzip.compress(text) if packed else text
    cutter = pieces.Cutter(limit=10_000)
    found: list[tuple[int, bytes]] = []
    start = 0
    for size in [*sizes, len(content)]:
        found += cutter.feed(content[start : start + size])
        start += size
    found += cutter.end()
    whole = text if not text or text.endswith(b"\n") else text + b"\n"
    assert b"".join(piece for _, piece in found) == whole
    assert all(piece.count(b"\n") == count for count, piece in found)


def test_pieces_end_after_some_lines_and_files_at_their_limit() -> None:
    cutter = pieces.Cutter(limit=100_000)
    found = [count for count, _ in cutter.feed(b"{}\n" * (2 * pieces.LINES + 1))]
    assert found == [pieces.LINES, pieces.LINES]
    with pytest.raises(TooLarge):
        list(cutter.feed(b" " * 100_001))
    with pytest.raises(Invalid):
        list(pieces.Cutter(limit=100).feed(b"\x1f\x8bnothing"))
