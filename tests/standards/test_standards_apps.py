"""The example apps as Carespine's clients: they authenticate, look the patient up, send, and tell what was answered."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

NUMBER = "9990000336"


@dataclass
class Platform:
    """A stand-in for Carespine that answers as it is told and remembers what it was asked."""

    answers: dict[str, tuple[int, dict[str, Any]]]
    address: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def platform() -> Iterator[Platform]:
    people = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "p1"}}]}
    found = Platform(
        {
            "/oauth/token": (200, {"access_token": "t", "expires_in": 300, "token_type": "Bearer"}),
            "/fhir/Patient/_search": (200, people),
            "/devices/patients/p1/imports": (201, {"read": 3, "stored": 2, "duplicate": 1}),
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"token_endpoint": f"{found.address}/oauth/token"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.asked.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            self.answer(*found.answers[self.path])

        def answer(self, status: int, tree: dict[str, Any]) -> None:
            raw = json.dumps(tree).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def connect(app, platform) -> None:
    wish = {"carespine": platform.address, "client_id": "steady-band"}
    httpx.post(f"{app.address}/connect", json=wish, headers=app.operator).raise_for_status()


def send(app, body: bytes = b"a zip") -> httpx.Response:
    return httpx.post(
        f"{app.address}/patients/{NUMBER}/exports", content=body, headers=app.operator, timeout=30
    )


def test_an_export_is_sent_with_a_signed_assertion_and_the_answer_comes_back_verbatim(steady_band, platform):
    connect(steady_band, platform)

    answer = send(steady_band)

    assert (answer.status_code, answer.json()) == (201, {"read": 3, "stored": 2, "duplicate": 1})
    token, search, imported = platform.asked
    assertion = parse_qs(token[2].decode())["client_assertion"][0]
    key = ECKey.import_key(steady_band.about["jwks"]["keys"][0])
    claims = json.loads(jws.deserialize_compact(assertion, key, algorithms=["ES384"]).payload)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("steady-band",) * 2 + (
        f"{platform.address}/oauth/token",
    )
    assert claims["exp"] - claims["iat"] <= 300
    assert parse_qs(search[2].decode())["identifier"] == [f"https://fhir.nhs.uk/Id/nhs-number|{NUMBER}"]
    assert imported[1]["authorization"] == "Bearer t"
    assert (imported[1]["content-type"], imported[2]) == ("application/zip", b"a zip")


def test_the_same_export_has_the_same_idempotency_key_and_another_has_another(steady_band, platform):
    connect(steady_band, platform)

    for body in (b"one", b"one", b"two"):
        send(steady_band, body)

    keys = [headers["idempotency-key"] for path, headers, _ in platform.asked if path.endswith("/imports")]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("where", "status", "step"),
    [
        ("/oauth/token", 400, "token"),
        ("/fhir/Patient/_search", 403, "patient search"),
        ("/devices/patients/p1/imports", 403, "import"),
    ],
)
def test_a_refusal_comes_back_verbatim_and_is_remembered(steady_band, platform, where, status, step):
    platform.answers[where] = (status, {"told": f"refused at {step}"})
    connect(steady_band, platform)

    answer = send(steady_band)

    assert (answer.status_code, answer.json()) == (status, {"told": f"refused at {step}"})
    last = httpx.get(f"{steady_band.address}/status", headers=steady_band.operator).json()["refusals"][0]
    assert (last["step"], last["status"]) == (step, status)
    assert "refused at" in last["answer"]


def test_a_patient_carespine_does_not_know_is_told_so(steady_band, platform):
    platform.answers["/fhir/Patient/_search"] = (200, {"resourceType": "Bundle", "total": 0})
    connect(steady_band, platform)

    assert send(steady_band).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/connect"), ("POST", f"/patients/{NUMBER}/exports"), ("GET", "/status")]
)
def test_only_the_operator_may_send(steady_band, method, path):
    assert httpx.request(method, f"{steady_band.address}{path}").status_code == 401


def test_a_carespine_that_is_away_is_told_as_such(steady_band):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        wish = {"carespine": f"http://127.0.0.1:{free.getsockname()[1]}"}
        answer = httpx.post(f"{steady_band.address}/connect", json=wish, headers=steady_band.operator)

    assert answer.status_code == 502


def test_what_an_app_keeps_to_itself_nobody_else_may_read(steady_band):
    for name in ("key.json", "operator-token", "sandbox-keys.json"):
        assert (steady_band.data / name).stat().st_mode & 0o777 == 0o600
