"""kill -9 of the server in the middle of an import: nothing acknowledged is lost, nothing is repeated."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from carespine.demo.apple_export import ExportTruth, wearer_of, write_export
from carespine.demo.practice.story_people import CONSENTING_PATIENT
from carespine.kernel.ids import patient_key
from carespine.storage.embedded import EmbeddedPostgres

_PATIENT = {"resourceType": "Patient", "id": CONSENTING_PATIENT.id, "birthDate": "1964-05-02"}
_HEADERS = {"content-type": "application/zip", "idempotency-key": "one-export"}
_PATH = f"/devices/patients/{CONSENTING_PATIENT.id}/imports"


@dataclass
class Crashing:
    """A real server with its real database in one folder; both die with `kill`."""

    data: Path
    process: subprocess.Popen[bytes] | None = None
    address: str = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "carespine", "serve", "--open", "--port", "0"]
        log = (self.data / "server.log").open("ab")
        self.process = subprocess.Popen(
            [*command, "--data", str(self.data)], stdout=subprocess.PIPE, stderr=log
        )
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert "Carespine is ready" in line, (self.data / "server.log").read_text()[-2000:]
        self.address = line.split()[3]

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def send(self, export: Path) -> httpx.Response:
        with export.open("rb") as file:
            return httpx.post(self.address + _PATH, content=file.read(), headers=_HEADERS, timeout=60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Crashing]:
    crashing = Crashing(tmp_path / "data")
    crashing.data.mkdir()
    crashing.start()
    yield crashing
    crashing.kill()


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportTruth]:
    path = tmp_path_factory.mktemp("export") / "export.zip"
    return path, write_export(path, person=wearer_of(CONSENTING_PATIENT), records=30_000, days=30)


def _held(server: Crashing) -> tuple[int, int, int]:
    """Readings stored, imports recorded, summaries in the inbox: asked of the database itself."""
    database = EmbeddedPostgres(server.data)
    with psycopg.connect(database.start()) as connection:
        readings = connection.execute(
            "select coalesce(sum(readings), 0) from device_chunk where patient = %s",
            [patient_key(CONSENTING_PATIENT.id)],
        ).fetchone()
        imports = connection.execute("select count(*) from device_import").fetchone()
        reports = connection.execute(
            "select count(*) from resource r join resource_type t on t.number = r.type "
            "where t.name = 'DiagnosticReport' and not deleted"
        ).fetchone()
    assert readings is not None
    assert imports is not None
    assert reports is not None
    return int(readings[0]), imports[0], reports[0]


@pytest.mark.slow
def test_an_import_that_the_server_dies_in_happens_once_when_it_is_sent_again(
    server: Crashing, export: tuple[Path, ExportTruth]
) -> None:
    path, _ = export
    answer = httpx.put(f"{server.address}/fhir/Patient/{CONSENTING_PATIENT.id}", json=_PATIENT)
    assert answer.status_code == 201
    for moment in (0.05, 0.25, 0.5, 0.8):
        sender = threading.Thread(target=_ignoring_the_crash, args=(server, path))
        sender.start()
        time.sleep(moment)  # the moment of the crash is what varies here
        server.kill()
        sender.join()
        server.start()
        readings, imports, reports = _held(server)
        assert (imports == 0) == (readings == 0) == (reports == 0), "all of the import or nothing"
    final = server.send(path)
    assert final.status_code in (200, 201), final.text
    counts = final.json()
    assert counts["read"] == counts["stored"] + counts["duplicate"] + counts["rejected"]
    assert _held(server) == (counts["stored"], 1, 1)

    server.kill()
    server.start()
    assert _held(server) == (counts["stored"], 1, 1), "what was acknowledged is there after a crash"
    again = server.send(path)
    assert (again.status_code, again.json()["stored"]) == (200, counts["stored"])
    assert _held(server) == (counts["stored"], 1, 1), "sending it again repeats nothing"


def _ignoring_the_crash(server: Crashing, path: Path) -> None:
    with suppress(httpx.HTTPError):
        server.send(path)
