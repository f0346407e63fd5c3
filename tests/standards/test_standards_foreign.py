"""What others wrote: servers against which the engine must not stumble, and tools that must read what it writes.

They come from the public registries when these tests run; where a registry is out of reach the tests skip and say so.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from carespine.kernel import nhs_number
from carespine.security.egress import Egress
from carespine.standards.engine import config, runner
from carespine.standards.engine.report import Report
from carespine.standards.formats import REPORTS, oscal
from carespine.standards.models import Outcome

pytestmark = pytest.mark.slow
NPM_SERVER, PYPI_SERVER = "@asymmetrik/node-fhir-server-core@2.2.5", "fhirsnake==1.1.0"
TRESTLE, JUNIT_READER = "compliance-trestle==5.2.0", "junitparser==5.0.3"
FOREIGN = Path(__file__).parent / "foreign"
# fhirsnake is started from its own folder.
SNAKE = (
    "import os, sys, fhirsnake, uvicorn; sys.path.insert(0, os.path.dirname(fhirsnake.__file__)); "
    "uvicorn.run('main:app', host='127.0.0.1', port=int(sys.argv[1]))"
)


def tool(package: str, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command of a PyPI package, in an environment of its own."""
    whole = [*uv(package), *command]
    return subprocess.run(whole, cwd=cwd, capture_output=True, text=True, timeout=200, check=False)


def uv(package: str) -> list[str]:
    return [str(Path(sys.executable).parent / "uv"), "tool", "run", "--quiet", "--from", package]


def fetched(package: str, cwd: Path, *command: str) -> None:
    """Skip where the package cannot be had here."""
    done = tool(package, *command, cwd=cwd)
    if done.returncode:
        pytest.skip(f"{package} cannot be fetched here: {done.stderr.strip()[-200:]}")


@dataclass(frozen=True, slots=True)
class Foreign:
    """A server that somebody else wrote, with a patient of it."""

    address: str
    fhir_base: str
    patient_id: str


class WithTokens(httpx.AsyncBaseTransport):
    """The network, and a token endpoint for servers that have none: their checks then reach their FHIR."""

    def __init__(self) -> None:
        self.network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            given = {"access_token": "opaque-token-of-a-test", "token_type": "Bearer", "expires_in": 300}
            return httpx.Response(200, json=given)
        return await self.network.handle_async_request(request)

    async def aclose(self) -> None:
        await self.network.aclose()


@contextmanager
def serving(command: Sequence[str], port: int, cwd: Path) -> Iterator[str]:
    """A server as a process of its own; its address."""
    address = f"http://127.0.0.1:{port}"
    with (
        (cwd / "server.log").open("w") as log,
        subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log) as process,
    ):
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            try:
                httpx.get(f"{address}/Patient")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            pytest.fail("the server did not come up")
        yield address
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def an_identity(name: str, patient_id: str) -> dict[str, object]:
    key = ECKey.generate_key("P-384")
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint()}
    number = nhs_number.synthetic(1)
    return {"name": name, "client_id": name, "jwk": jwk, "patient_id": patient_id, "nhs_number": number}


def a_patient(fhir_base: str) -> str:
    """The id of a Patient that the server has just taken."""
    made = httpx.post(f"{fhir_base}/Patient", json={"resourceType": "Patient", "name": [{"family": "Fox"}]})
    return made.headers.get("location", "").rpartition("/")[2] or str(made.json()["id"])


async def checked(server: Foreign, profile: str) -> Report:
    """A run of the profile with everything configured that a server can be asked."""
    address, fhir_base, own = server.address, server.fhir_base, server.patient_id
    identities = [an_identity(name, own) for name in ("first", "second", "third")]
    told = {
        "identities": identities,
        "fhir_base": fhir_base,
        "token_url": f"{address}/token",
        "registrar": "first",
        "auditor": "first",
        "revoked": "third",
        "twins": {"family": "Fox", "given": "Fay", "birth_date": "1980-01-01"},
        "consent": {"patient_id": own, "refused_loinc": "15074-8", "refused_unit": "mmol/L"},
        "booking": {"organisations": ["A81001"], "unreleased_slot": "none", "patience_seconds": 0.1},
        "gates": {"outside": "second", "capped_site": "V81999", "other_site": "A81001", "cap": 2},
        "restricted": {
            "patient_id": own,
            "nhs_number": nhs_number.synthetic(1),
            "family": "Fox",
            "postcode": "ZZ99 3VZ",
            "practice": "Y99999",
        },
        "merged": {"superseded_id": "x", "superseded_number": nhs_number.synthetic(2), "surviving_id": own},
        "ods": {"open": "A81001", "closed": "A89999", "unknown": "ZZ999"},
        "hooks": {"token": "a token of a test", "crash": "/c", "dependency": "/d", "patience_seconds": 0.1},
    }
    plan = runner.Plan(
        address,
        profile=profile,
        config=config.parse(told),
        seed="foreign",
        egress=Egress(allow_loopback=True),
        transport=WithTokens(),
    )
    return await runner.run(plan)


def judge(report: Report) -> None:
    """The engine came to an end by itself, with an answer to every question, and found something to say."""
    outcomes = {each.check: each.outcome for each in report.results}
    assert [name for name, outcome in outcomes.items() if outcome is Outcome.ERROR] == []
    assert report.verdict == "fail"
    assert set(outcomes.values()) >= {Outcome.PASS, Outcome.FAIL, Outcome.SKIP}
    assert all(each.finding.came for each in report.results)
    for render in REPORTS.values():
        assert render(report)


@pytest.fixture(scope="module")
def npm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    folder = tmp_path_factory.mktemp("npm") / "server"
    shutil.copytree(FOREIGN, folder)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", NPM_SERVER]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode:
        pytest.skip(f"{NPM_SERVER} cannot be fetched here: {done.stderr.strip()[-200:]}")
    port = free_port()
    with serving(["node", "server.js", str(port)], port, folder) as address:
        yield Foreign(address, f"{address}/4_0_0", a_patient(f"{address}/4_0_0"))


@pytest.fixture(scope="module")
def pypi_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    folder = tmp_path_factory.mktemp("pypi")
    fetched(PYPI_SERVER, folder, "python", "-c", "import fhirsnake")
    (folder / "resources" / "Patient").mkdir(parents=True)
    (folder / "resources" / "Patient" / "fay.json").write_text(
        json.dumps({"resourceType": "Patient", "id": "fay"})
    )
    port = free_port()
    with serving([*uv(PYPI_SERVER), "python", "-c", SNAKE, str(port)], port, folder) as address:
        yield Foreign(address, address, a_patient(address))


@pytest.mark.parametrize("profile", ["record-system", "virtual-clinic"])
async def test_a_server_of_npm_is_judged_without_an_error_of_the_engine(npm_server, profile):
    judge(await checked(npm_server, profile))


async def test_a_server_of_pypi_is_judged_without_an_error_of_the_engine(pypi_server):
    judge(await checked(pypi_server, "record-system"))


# Tools that read reports


@pytest.fixture
def report(start) -> Report:
    """A run with a pass, a failure and something that does not apply."""
    service = start("double-books", kind="booking-service")
    mixed = asyncio.run(runner.run(service.plan("BK-02", "BK-01", "SE-01", "SE-13")))
    assert {each.outcome for each in mixed.results} == {Outcome.PASS, Outcome.FAIL, Outcome.OMIT}
    return mixed


def test_compliance_trestle_finds_the_catalogue_and_the_results_valid(tmp_path, report):
    fetched(TRESTLE, tmp_path, "trestle", "version")
    (tmp_path / "catalog.json").write_bytes(oscal.catalog())
    (tmp_path / "results.json").write_bytes(oscal.assessment_results(report))
    space = tmp_path / "space"
    space.mkdir()

    for command in (
        ["trestle", "init"],
        ["trestle", "import", "-f", "../catalog.json", "-o", "standards"],
        ["trestle", "import", "-f", "../results.json", "-o", "run"],
        ["trestle", "validate", "--all"],
    ):
        done = tool(TRESTLE, *command, cwd=space)
        assert done.returncode == 0, done.stdout + done.stderr

    told = done.stdout + done.stderr
    assert told.count("VALID: Model") == 2
    assert "INVALID" not in told


def test_a_reader_of_junit_reads_what_failed(tmp_path, report):
    fetched(JUNIT_READER, tmp_path, "junitparser", "--help")
    (tmp_path / "junit.xml").write_bytes(REPORTS["junit.xml"](report))

    script = (
        "import junitparser; found = junitparser.JUnitXml.fromfile('junit.xml'); "
        "print([(case.classname, type(case.result[0]).__name__) for suite in found for case in suite if case.result])"
    )
    done = tool(JUNIT_READER, "python", "-c", script, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "('bk-02-one-slot', 'Failure')" in done.stdout
    assert "('se-01-tls', 'Skipped')" in done.stdout
