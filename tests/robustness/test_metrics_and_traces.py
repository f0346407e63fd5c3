"""Who may read the figures, and what a trace says: the route, the status, the request, and no patient."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from api import serving

from carespine.web import tracing

SECRET = "Unlikely-Name"


class _Collector(BaseHTTPRequestHandler):
    """Takes what an exporter sends."""

    received: list[bytes]

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """No lines on standard error."""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    _Collector.received = []
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "carespine"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_off_unless_the_environment_asks_for_them(
    environment: dict[str, str], wanted: bool
) -> None:
    assert tracing.is_wanted(environment) is wanted


async def test_a_trace_names_the_route_and_the_request_and_no_patient(
    database_url: str, tmp_path: Path, collector: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with serving(database_url, tmp_path, open=True) as server:
        tree = {"resourceType": "Patient", "id": "zeb-1", "name": [{"family": SECRET}]}
        await server.write("Patient/zeb-1", tree, traceparent=parent, x_request_id="request-77")
        await server.get(f"Patient?name={SECRET}")
        await server.get("Patient/zeb-1/_history/9")
    sent = b"".join(_Collector.received)
    for said in (b"PUT /fhir/{type}/{id}", b"GET /fhir/{type}", b"GET /fhir/{type}/{id}/_history/{version}"):
        assert said in sent
    assert b"request-77" in sent
    assert bytes.fromhex(parent.split("-")[1]) in sent
    assert bytes.fromhex(parent.split("-")[2]) in sent
    assert SECRET.encode() not in sent
    assert b"zeb-1" not in sent


@pytest.mark.parametrize(
    ("settings", "authorization", "status"),
    [
        ({}, "", 200),
        ({"base_url": "https://care.example"}, "", 404),
        ({"base_url": "https://care.example", "metrics_token": "figures"}, "", 404),
        ({"base_url": "https://care.example", "metrics_token": "figures"}, "Bearer wrong", 404),
        ({"base_url": "https://care.example", "metrics_token": "figures"}, "Bearer é", 404),
        ({"base_url": "https://care.example", "metrics_token": "figures"}, "Bearer figures", 200),
        ({"metrics_token": "figures"}, "", 404),
    ],
)
async def test_figures_are_for_those_who_hold_the_token_or_the_machine(
    database_url: str, tmp_path: Path, settings: dict[str, str], authorization: str, status: int
) -> None:
    async with serving(database_url, tmp_path, **settings) as server:
        reply = await server.http.get("/metrics", headers={"authorization": authorization.encode("latin-1")})
    assert reply.status_code == status
    assert ("carespine_build_info" in reply.text) is (status == 200)
