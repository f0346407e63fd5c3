"""Measures what authorisation, consent and audit cost together: the same reads and searches with them and without.

    python benchmarks/authorisation_cost.py [--seconds N] [--rounds N]

Loads the corpus into an embedded database in a temporary folder, with a Consent of each patient for one certified
app, and starts two server processes over it: one as it is, asked with the app's access token, and one that is open and
writes no trail. Each round measures both, one after the other, so that what else the machine does meets both; the
medians of the rounds are compared with the goal of at most 20 % (issue: who may see what).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from fhir_load import corpus, report, server, work
from fhir_load.client import Connection
from fhir_load.corpus import Tree
from joserfc import jwt
from joserfc.jwk import ECKey

from carespine.kernel.clock import now
from carespine.security import clients
from carespine.security.clients import Client
from carespine.standards import store
from carespine.standards.lifecycle import Entry, Event
from carespine.standards.models import Application
from carespine.storage.database import Database
from carespine.web.databases import database
from carespine.web.settings import Settings

GOAL = 0.20
CLIENT = "benchmark"
SCOPE = "system/*.rs"
_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KINDS = {"reading by id": work.read, "searching": work.search}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement (default 4)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each kind (default 5)")
    options = parser.parse_args()
    print(f"{report.machine()}, {corpus.name()}, one server process each\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="carespine-bench-") as folder:
        Path(folder).chmod(0o755)
        measure(Path(folder), options.seconds, options.rounds)


def measure(folder: Path, seconds: float, rounds: int) -> None:
    data, file = folder / "data", folder / "corpus.ndjson"
    server.Server(data, 1).stop()  # makes the folder, the schema and the keys
    trees = [tree for bundle in corpus.bundles(0) for tree in corpus.resources(bundle)]
    consents = [_consent(tree["id"]) for tree in trees if tree["resourceType"] == "Patient"]
    file.write_text("".join(f"{json.dumps(tree)}\n" for tree in (*trees, *consents)))
    server.load(data, file)
    key = ECKey.generate_key("P-384", {"kid": "benchmark"})
    with database(Settings(data=data)) as url, _alone(data) as whole, _alone(data, "--bare") as bare:
        asyncio.run(_certify(url, key))
        for name in KINDS:
            _compare(name, whole, bare, trees, seconds, rounds, key)


def _compare(
    name: str, whole: int, bare: int, trees: list[Tree], seconds: float, rounds: int, key: ECKey
) -> None:
    rates: dict[int, list[float]] = {whole: [], bare: []}
    for turn in range(rounds + 1):
        for port in (whole, bare) if turn % 2 else (bare, whole):
            Connection.token = _token(whole, key) if port == whole else ""
            run = asyncio.run(KINDS[name](port, trees, seconds if turn else 1.0))
            if run.errors:
                raise SystemExit(f"{name}: {run.errors} of {run.done} requests failed.")
            if turn:  # the first warms up
                rates[port].append(run.rate)
    cost = 1 - statistics.median(rates[whole]) / statistics.median(rates[bare])
    verdict = "within" if cost <= GOAL else "NOT within"
    told = ", ".join(
        f"{label} {statistics.median(rates[port]):,.0f}/s ({min(rates[port]):,.0f} to {max(rates[port]):,.0f})"
        for label, port in (("with", whole), ("without", bare))
    )
    print(f"{name}: {told}; costs {cost:.0%}, {verdict} the goal of {GOAL:.0%}", flush=True)


def _consent(patient: str) -> Tree:
    """Everything, for the one app."""
    return {
        "resourceType": "Consent",
        "id": f"c-{sha256(patient.encode()).hexdigest()[:32]}",
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"text": "opt in"},
        "provision": {
            "type": "permit",
            "actor": [
                {"role": {"text": "recipient"}, "reference": {"identifier": {"value": CLIENT}}},
            ],
        },
    }


async def _certify(url: str, key: ECKey) -> None:
    """Register the app, with a certificate in force."""
    jwks = {"keys": [key.as_dict(private=False)]}
    asked = Application(
        id="benchmark",
        supplier="Benchmark",
        product="Benchmark",
        version="1",
        client_id=CLIENT,
        base_url="https://benchmark.example",
        profile="device-app",
        contact="benchmark@carespine.example",
        jwks=jwks,
        thumbprint=key.thumbprint(),
        created=now(),
    )
    connected = Database(url, max_size=2)
    await connected.open()
    async with connected.transaction() as tx:
        await store.add_application(tx, asked, secret=bytes(32))
        for event in (Event.APPLY, Event.START, Event.CERTIFY):
            certificate = "benchmark" if event is Event.CERTIFY else None
            await store.add_event(tx, asked.id, Entry(event, now(), "benchmark", str(event), certificate))
        scopes = frozenset({SCOPE})
        await clients.register(
            tx, Client(CLIENT, "Benchmark", None, jwks, scopes, certified=True, enabled=True)
        )
    await connected.close()


def _token(port: int, key: ECKey) -> str:
    """A fresh access token, as a backend service gets it."""
    moment, address = int(time.time()), f"http://127.0.0.1:{port}/oauth/token"
    claims = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": address,
        "iat": moment,
        "exp": moment + 60,
        "jti": uuid4().hex,
    }
    assertion = jwt.encode({"alg": "ES384", "kid": "benchmark"}, claims, key, algorithms=["ES384"])
    form = {"grant_type": "client_credentials", "scope": SCOPE, "client_assertion_type": _JWT}
    asking = HTTPConnection("127.0.0.1", port, timeout=10)
    media = {"content-type": "application/x-www-form-urlencoded"}
    asking.request("POST", "/oauth/token", urlencode({**form, "client_assertion": assertion}), media)
    answer = asking.getresponse()
    text = answer.read().decode()
    asking.close()
    if answer.status != 200:
        raise SystemExit(f"No access token: {text}")
    return str(json.loads(text)["access_token"])


@contextmanager
def _alone(data: Path, *more: str) -> Iterator[int]:
    """A server process; its port, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    script = Path(__file__).parent / "fhir_load" / "alone.py"
    log = data.parent / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(script), str(data), str(port), *more], stdout=output, stderr=output
        )
    try:
        _wait(port, process, log)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        asking = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            asking.request("GET", "/ready")
            if asking.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            asking.close()
    raise SystemExit(f"The server did not start: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    main()
