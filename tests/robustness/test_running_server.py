"""A real server under way: its figures, its log, too many requests, and its end."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
from api import fresh_database
from joserfc import jwt
from joserfc.jwk import ECKey
from live import Live, live

from carespine.kernel.nhs_number import synthetic
from carespine.storage.embedded import EmbeddedPostgres

JSON = {"content-type": "application/fhir+json"}
NUMBER = synthetic(7)
SECRETS = (
    NUMBER,
    "Zebedee",
    "Unlikely-Name",
    "zeb-1",
    "1961-02-03",
    "Rosemary Lane",
    "SECRET-TOKEN",
    "zeb@example",
)
PATIENT = {
    "resourceType": "Patient",
    "id": "zeb-1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}],
    "name": [{"family": "Unlikely-Name", "given": ["Zebedee"]}],
    "birthDate": "1961-02-03",
    "address": [{"line": ["7 Rosemary Lane"]}],
    "telecom": [{"system": "email", "value": "zeb@example"}],
}


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two processes that have little room: eight requests and two connections each, and log all they can."""
    with (
        fresh_database(postgres) as url,
        live(
            url,
            tmp_path_factory.mktemp("live"),
            workers=2,
            max_in_flight=8,
            database_connections=2,
            log_level="debug",
        ) as running,
    ):
        yield running


def figures(server: Live, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The series of one metric, by their labels."""
    text = httpx.get(f"{server.address}/metrics", trust_env=False).text
    found = {}
    for line in text.splitlines():
        if match := re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line):
            labels = tuple(sorted(re.findall(r'(\w+)="([^"]*)"', match[1] or "")))
            found[labels] = float(match[2])
    return found


def test_figures_of_all_processes_are_added_up_and_name_routes_not_ids(server: Live) -> None:
    asked = [
        ("PUT", "Patient/zeb-1"),
        *[("GET", "Patient/zeb-1")] * 12,
        ("GET", f"Patient?identifier={NUMBER}"),
    ]
    asked += [
        ("GET", "Patient/zeb-1/_history/1"),
        ("GET", "Patient/zeb-1/$everything"),
        ("GET", f"{NUMBER}/zeb-1"),
    ]
    asked += [("PROPFIND", "Patient"), ("POST", "Patient/$zeb-1")]
    for method, url in asked:  # a connection each, so that both processes have some
        body = json.dumps(PATIENT) if method in ("PUT", "POST") else None
        httpx.request(method, f"{server.fhir}/{url}", content=body, headers=JSON, trust_env=False)
    httpx.get(f"{server.address}/no-such-page/{NUMBER}", trust_env=False)
    counted: Counter[tuple[str, str, str]] = Counter()
    for labels, value in figures(server, "carespine_requests_total").items():
        named = dict(labels)
        counted[named["route"], named["method"], named["status"]] += int(value)
    assert counted["/fhir/{type}/{id}", "PUT", "201"] == 1
    assert counted["/fhir/{type}/{id}", "GET", "200"] == 12
    assert counted["/fhir/{type}", "GET", "200"] == 1
    assert counted["/fhir/{type}/{id}/_history/{version}", "GET", "200"] == 1
    assert counted["/fhir/{type}/{id}/$everything", "GET", "200"] == 1
    assert counted["/fhir/{unknown}/{id}", "GET", "404"] == 1
    assert counted["/fhir/{type}/{unknown}", "POST", "404"] == 1
    assert counted["/fhir/{type}", "other", "405"] == 1
    assert counted["{unknown}", "GET", "404"] >= 1
    deadline = time.monotonic() + 10  # each process takes it down every two seconds
    while (now := figures(server, "carespine_requests_in_progress")) != {(): 1.0}:  # the one that asks
        assert time.monotonic() < deadline, now
        time.sleep(0.2)
    assert 2 <= figures(server, "carespine_database_connections")[()] <= 4
    text = httpx.get(f"{server.address}/metrics", trust_env=False).text
    assert not [secret for secret in SECRETS if secret in text]


def test_a_log_at_its_loudest_names_no_patient_and_no_secret(server: Live) -> None:
    """A journey with everything that could go wrong on the way, then a search of every line for what must not be."""
    bearer = {"authorization": "Bearer SECRET-TOKEN"}
    bad = {**PATIENT, "gender": "Zebedee"}
    with httpx.Client(base_url=server.fhir, headers=JSON, trust_env=False) as http:
        http.put("/Patient/zeb-1", json=PATIENT)
        http.put("/Patient/zeb-1", json=PATIENT, headers={"if-match": 'W/"99"'})
        http.put("/Patient/zeb-1", json=bad)
        http.post("/Patient", content=json.dumps(PATIENT)[:-9])
        http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [{"resource": PATIENT}]})
        http.get("/Patient", params={"name": "Unlikely-Name", "birthdate": "1961-02-03"})
        http.get("/Patient", params={"identifier": NUMBER, "unknown": "Zebedee"})
        http.get(f"/{NUMBER}")
        http.get(f"/Patient/{NUMBER}/zeb-1/Zebedee")
        http.get("/Patient/zeb-1", headers=bearer)
        http.get("/Patient/zeb-1", headers={"x-request-id": "two words zeb-1"})
        http.post(
            f"{server.address}/oauth/token", data={"client_assertion": "SECRET-TOKEN", "client_id": "zeb-1"}
        )
        http.post(f"{server.address}/sign-in", data={"username": "zeb-1", "password": "SECRET-TOKEN"})
        http.get(f"{server.address}/practice/patients/zeb-1/summary")
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert len([line for line in lines if line["event"] == "request"]) >= 14
    assert all(line.get("request_id") for line in lines if line["event"] == "request")
    assert {line["status"] for line in lines if line["event"] == "request"} >= {200, 400, 401, 404, 412}
    assert not [secret for secret in SECRETS if secret in log]


async def get(server: Live, path: str) -> tuple[int, bytes]:
    """Status and head of an answer, on a connection of its own: 500 clients should cost little."""
    host, port = server.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head = answer.partition(b"\r\n\r\n")[0]
    return int(head.split()[1]), head.lower()


async def test_five_hundred_requests_at_once_are_answered_or_told_to_come_back(server: Live) -> None:
    replies = await asyncio.gather(*(get(server, "/fhir/Patient?name=unlikely") for _ in range(500)))
    counted = Counter(status for status, _ in replies)
    assert set(counted) <= {200, 429}
    assert counted[200] >= 16
    assert all(b"retry-after: 1" in head for status, head in replies if status == 429)
    assert (await get(server, "/health"))[0] == 200
    assert (await get(server, "/fhir/Patient?name=unlikely"))[0] == 200


def test_an_assertion_that_one_process_took_is_refused_by_the_other(server: Live) -> None:
    key = ECKey.generate_key("P-384", {"kid": "one"})
    with psycopg.connect(server.database_url) as connection:
        connection.execute(
            "insert into oauth_client (client_id, name, jwks, scopes, certified) "
            "values ('replayed', 'Replayed', %s, 'system/*.rs', false)",
            [json.dumps({"keys": [key.as_dict(private=False)]})],
        )
    first, second = one_connection_to_each(server)
    for here, there in ((first, second), (second, first)):
        form = {"grant_type": "client_credentials", "scope": "system/*.rs", **assertion(server, key)}
        assert (asked(here, form), asked(there, form), asked(here, form)) == (200, 401, 401)
    for each in (first, second):
        each.close()


def assertion(server: Live, key: ECKey) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": "replayed", "sub": "replayed", "aud": f"{server.address}/oauth/token", "iat": now}
    claims |= {"exp": now + 60, "jti": uuid4().hex}
    text = jwt.encode({"alg": "ES384", "kid": "one"}, claims, key, algorithms=["ES384"])
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": text,
    }


def asked(connection: HTTPConnection, form: dict[str, str]) -> int:
    """The status of a token request on this very connection, which stays with one process."""
    body, named = urlencode(form), {"content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/oauth/token", body, named)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def one_connection_to_each(server: Live) -> list[HTTPConnection]:
    """Connections that two different processes have accepted."""
    host, port = server.address.removeprefix("http://").split(":")
    found: dict[int, HTTPConnection] = {}
    for _ in range(200):
        connection = HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/health")
        connection.getresponse().read()
        ours = connection.sock.getsockname()[1]
        (owner,) = [
            process.pid
            for process in _serving(server)
            if any(each.raddr and each.raddr.port == ours for each in process.net_connections("tcp"))
        ]
        if found.setdefault(owner, connection) is not connection:
            connection.close()
        if len(found) == 2:
            return list(found.values())
    raise AssertionError("One process accepts every connection.")


async def test_at_its_end_the_server_finishes_what_it_has_begun(server: Live) -> None:
    """Under load: every write that is stored was acknowledged, and none was acknowledged that is not stored."""
    acknowledged: set[str] = set()
    enough = asyncio.Event()

    async def write(name: str) -> None:
        async with httpx.AsyncClient(base_url=server.fhir, timeout=30, trust_env=False) as http:
            for number in range(10_000):
                organisation = {"resourceType": "Organization", "id": f"{name}-{number}", "name": "x"}
                url = f"/Organization/{organisation['id']}"
                try:
                    reply = await http.put(url, json=organisation, headers=JSON)
                except httpx.TransportError:
                    if enough.is_set():
                        return
                    raise
                assert reply.status_code in (201, 429, 503), reply.text
                if reply.status_code == 201:
                    acknowledged.add(organisation["id"])
                if len(acknowledged) >= 50:
                    enough.set()

    writers = [asyncio.create_task(write(f"w{number}")) for number in range(12)]
    await enough.wait()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*writers)
    assert server.process.wait(timeout=30) == 0
    with psycopg.connect(server.database_url) as connection:
        rows = connection.execute("select id from resource where id like 'w%'").fetchall()
    assert acknowledged == {name for (name,) in rows}


def test_processes_are_replaced_when_they_die_and_end_with_their_supervisor(
    tmp_path: Path, database_url: str
) -> None:
    with live(database_url, tmp_path, workers=2) as server:
        serving = _serving(server)
        assert len(serving) == 2
        for process in serving:
            process.kill()
        _until(
            lambda: len(_serving(server) - serving) == 2, "nobody took the place of the processes that died"
        )
        _until(lambda: _answers(server), "the new processes do not answer")
        left = _family(server)
        server.process.kill()
        server.process.wait()
        _until(lambda: not any(process.is_running() for process in left), f"{left} outlive their supervisor")
        assert not _answers(server)


def test_the_server_outlives_the_process_that_its_processes_are_forked_from(
    tmp_path: Path, database_url: str
) -> None:
    with live(database_url, tmp_path, workers=2) as server:
        for with_them in (False, True):
            before = _serving(server)
            for process in [*psutil.Process(server.process.pid).children(), *(before if with_them else ())]:
                process.kill()  # the one that they are forked from first
            _until(lambda: len(_serving(server) - before) == 2, "no other processes serve")  # noqa: B023
            _until(lambda: _answers(server), "the new processes do not answer")
            _until(lambda: not any(process.is_running() for process in before), "some serve unwatched")  # noqa: B023
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0


def _family(server: Live) -> set[psutil.Process]:
    return set(psutil.Process(server.process.pid).children(recursive=True))


def _serving(server: Live) -> set[psutil.Process]:
    """The processes that answer: children of the one that they are forked from."""
    children = set(psutil.Process(server.process.pid).children())
    return {process for process in _family(server) - children if process.status() != psutil.STATUS_ZOMBIE}


def _answers(server: Live) -> bool:
    try:
        return httpx.get(f"{server.address}/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _until(holds: Callable[[], bool], fault: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, fault
        time.sleep(0.05)
