"""The gate: how many requests are at work, what is logged, what an unexpected error shows; and loading of files."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from api import SYSTEM, Server, serving
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from carespine.spine.loading import BATCH, load_files
from carespine.web.gate import Gate, reply

SECRET = "Zebedee Unlikely-Name"


class Slow:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.at_work = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at_work.release()
        await self.go.wait()
        await reply(send, 200, b"{}")


def client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_beyond_the_limit_requests_are_told_to_come_back(server: Server) -> None:
    slow = Slow()
    async with client(Gate(slow, limit=3, https=False)) as http:
        first = [asyncio.create_task(http.get("/")) for _ in range(3)]
        for _ in range(3):
            await slow.at_work.acquire()
        turned_away = await asyncio.gather(*(http.get("/") for _ in range(5)))
        slow.go.set()
        answered = await asyncio.gather(*first)
        after = await http.get("/")
    assert {r.status_code for r in turned_away} == {429}
    for refused in turned_away:
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["issue"][0]["code"] == "throttled"
        assert refused.headers["x-content-type-options"] == "nosniff"
    assert {r.status_code for r in (*answered, after)} == {200}


async def test_a_request_that_fails_gives_its_place_back() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError(SECRET)

    async with client(Gate(broken, limit=1, https=False)) as http:
        with capture_logs():
            assert [(await http.get("/")).status_code for _ in range(3)] == [500, 500, 500]


async def test_an_unexpected_error_shows_nothing_and_logs_no_values() -> None:
    """An error's text may hold what the database was given: a name, a number."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(f"invalid input for query argument $1: {SECRET!r}") from error

    async with client(Gate(broken, limit=1, https=False)) as http:
        with capture_logs() as logs:
            answer = await http.get(f"/fhir/Patient?name={SECRET}", headers={"x-request-id": "known"})
    assert (answer.status_code, answer.json()["resourceType"]) == (500, "OperationOutcome")
    assert SECRET not in answer.text
    failed = next(line for line in logs if line["event"] == "request failed")
    assert failed["request_id"] == "known"
    assert failed["error"] == "RuntimeError"
    assert any("broken" in place for place in failed["where"])
    assert not failed.get("exc_info")
    assert SECRET not in str(logs)


async def test_one_line_is_logged_for_a_request_and_it_names_no_patient(server: Server) -> None:
    tree = {"resourceType": "Patient", "id": "zeb", "name": [{"text": SECRET}]}
    with capture_logs() as logs:
        await server.write("Patient/zeb", tree)
        await server.get(f"Patient?name={SECRET}")
        await server.get("Patient/zeb", authorization="Basic secret")
    assert [(line["method"], line["area"], line["status"]) for line in logs] == [
        ("PUT", "fhir/Patient", 201),
        ("GET", "fhir/Patient", 200),
        ("GET", "fhir/Patient", 200),
    ]
    assert not any(word in str(logs) for word in (SECRET, "zeb", "secret"))


@pytest.mark.parametrize(
    ("address", "strict"), [("https://care.example", True), ("http://127.0.0.1:8600", False)]
)
async def test_browsers_are_told_to_stay_with_https_where_it_is_used(
    database_url: str, tmp_path: Path, address: str, strict: bool
) -> None:
    async with serving(database_url, tmp_path, base_url=address) as running:
        reply_headers = (await running.http.get("/health")).headers
    assert ("strict-transport-security" in reply_headers) is strict


async def test_a_database_that_is_away_is_a_503_with_its_reason(server: Server) -> None:
    await server.platform.database.close()
    answer = await server.get("Patient/x")
    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"
    assert (await server.http.get("/ready")).status_code == 503
    assert (await server.http.get("/health")).status_code == 200
    await server.platform.database.open()
    assert (await server.http.get("/ready")).status_code == 200


def patient(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}"}


def lines(*trees: Any) -> bytes:
    return b"".join(
        (tree if isinstance(tree, bytes) else json.dumps(tree).encode()) + b"\n" for tree in trees
    )


async def load(server: Server, *paths: Path) -> Any:
    return await load_files(server.platform.door, SYSTEM, paths, lambda _: None)


@pytest.fixture
def loading(server: Server, tmp_path: Path) -> tuple[Server, Path]:
    return server, tmp_path


async def test_files_of_every_kind_are_loaded_and_again_change_nothing(loading: tuple[Server, Path]) -> None:
    server, folder = loading
    entry = {"resource": patient(4), "request": {"method": "PUT", "url": "Patient/p4"}}
    files = {
        "one.json": json.dumps(patient(1)).encode(),
        "many.ndjson": lines(patient(2), b"", patient(3)),
        "zipped.ndjson.gz": gzip.compress(lines(patient(5), patient(6))),
        "collection.json": json.dumps(
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": patient(7)}, {"fullUrl": "urn:x"}],
            }
        ).encode(),
        "transaction.json": json.dumps(
            {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        ).encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    first = await load(server, *(folder / name for name in files))
    assert (first.stored, first.unchanged, first.refused) == (7, 0, [])
    del files["transaction.json"]
    again = await load(server, *(folder / name for name in files))
    assert (again.stored, again.unchanged, again.refused) == (0, 6, [])
    assert len(await server.found("Patient")) == 7


async def test_what_is_faulty_is_reported_with_its_place_and_the_rest_is_loaded(
    loading: tuple[Server, Path],
) -> None:
    server, folder = loading
    bad = [
        b"{",
        {"resourceType": "Nonsense"},
        {**patient(9), "gender": "purple"},
        {"resourceType": "Patient"},
    ]
    good = [patient(number) for number in range(BATCH + 20)]
    (folder / "mixed.ndjson").write_bytes(lines(*good[:10], *bad, *good[10:], patient(3)))
    found = await load(server, folder / "mixed.ndjson")
    assert (found.stored, found.unchanged) == (BATCH + 20, 1)
    places = sorted(text.split(": ")[0] for text in found.refused)
    assert places == [f"mixed.ndjson:{number}" for number in (11, 12, 13, 14)]
    assert found.read == BATCH + 25


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(lines(*map(patient, range(200))), mtime=0)[:-200], id="cut"),
        pytest.param(gzip.compress(lines(patient(1)), mtime=0)[:12], id="cut at once"),
        pytest.param(b"no gzip at all", id="no gzip"),
        pytest.param(b"\x1f\x8b\x08" + bytes(6) + b"\x03\xff\xff\xff\xff", id="nonsense within"),
        pytest.param(b"", id="empty"),
    ],
)
async def test_a_compressed_file_that_is_damaged_is_refused_in_words(
    loading: tuple[Server, Path], content: bytes
) -> None:
    server, folder = loading
    (folder / "damaged.ndjson.gz").write_bytes(content)
    (folder / "good.ndjson").write_bytes(lines(patient(500)))
    found = await load(
        server, folder / "damaged.ndjson.gz", folder / "not-there.json", folder / "good.ndjson"
    )
    assert (await server.get("Patient/p500")).status_code == 200  # the others go on
    *damaged, missing = found.refused
    assert missing == "not-there.json cannot be read: No such file or directory."
    assert [text for text in damaged if not text.startswith("damaged.ndjson.gz cannot be read")] == []
    assert len(damaged) == (1 if content else 0)


async def test_a_byte_order_mark_is_passed_over_in_a_file(loading: tuple[Server, Path]) -> None:
    server, folder = loading
    (folder / "a.ndjson").write_bytes(b"\xef\xbb\xbf" + lines(patient(601), patient(602)))
    (folder / "b.json").write_bytes(b"\xef\xbb\xbf" + lines(patient(603)))
    (folder / "c.json").write_bytes(b" \n")
    found = await load(server, folder / "a.ndjson", folder / "b.json", folder / "c.json")
    assert (found.stored, found.refused) == (3, ["c.json is empty."])
