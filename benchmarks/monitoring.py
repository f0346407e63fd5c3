"""Measures what continuous monitoring costs: one probe run of each of 50 certified services, as every hour brings.

    python benchmarks/monitoring.py [--services N] [--rounds N]

Starts an embedded database in a temporary folder and one process that answers for all services (their keys and their
security.txt), registers the products, and lets monitoring probe all of them as it does within an hour. The processor
time of this process and of the database's processes is told per hour, as a share of one core, beside the goal of at
most 20 % (issue: the open minimum standards). The time of the services themselves is theirs and is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from joserfc.jwk import ECKey

from carespine.kernel.ids import new_id
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.security.egress import Egress
from carespine.standards import monitoring, service, store
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import Entry, Event
from carespine.standards.models import Application
from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

GOAL = 0.20
HOUR_S = 3600
CONTACT = "Contact: mailto:s@x.example\nExpires: 2099-01-01T00:00:00Z\n"
SERVICE = """
import http.server, json, sys
keys = sys.argv[1].encode()
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        found = {"/.well-known/jwks.json": (keys, "application/json"),
                 "/.well-known/security.txt": (sys.argv[2].encode(), "text/plain")}
        body, kind = found.get(self.path, (b"{}", "application/json"))
        self.send_response(200 if self.path in found else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass(slots=True)
class Clock:
    """The real time, moved on by an hour for each round."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def database_seconds() -> float:
    """The processor time of all processes of PostgreSQL that this process started, those that ended included."""
    ticks, mine = os.sysconf("SC_CLK_TCK"), os.getpid()
    parents, spent = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        spent[int(folder.name)] = sum(int(each) for each in fields[11:15]) / ticks
    postgres = {pid for pid in parents if _command(pid) == "postgres"}
    return sum(spent[pid] for pid in postgres if _descends(pid, mine, parents))


def _command(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != ancestor:
        pid = parents[pid]
    return pid == ancestor


async def register(database: Database, address: str, key: ECKey, count: int, now: datetime) -> None:
    """Certified products, all at one address."""
    for number in range(count):
        asked = Application(
            id=new_id(),
            supplier="Example Wearables Ltd",
            product=f"Band {number + 1}",
            version="1.0.0",
            client_id=f"band-{number + 1}",
            base_url=address,
            profile="device-app",
            contact="help@example.org",
            jwks={"keys": [key.as_dict(private=False)]},
            thumbprint=key.thumbprint(),
            created=now,
        )
        async with database.transaction() as tx:
            await store.add_application(tx, asked, secret=sha256(b"token").digest())
            for event in (Event.APPLY, Event.START):
                await store.add_event(tx, asked.id, Entry(event, now, asked.supplier, str(event)))
            certified = Entry(Event.CERTIFY, now, "Carespine", "met everything", new_id())
            await store.add_event(tx, asked.id, certified)


async def measure(url: str, address: str, key: ECKey, *, services: int, rounds: int) -> bool:
    """Each round's processor time; whether all were within the goal and every service was found up."""
    database, clock = Database(url), Clock()
    await database.open()
    await register(database, address, key, services, clock())
    standards = service.Standards(
        door=Door(database, AuditLog(database, clock), clock),
        database=database,
        key=SigningKey.of(ECKey.generate_key("P-256")),
        base_url="https://carespine.example",
        clock=clock,
        egress=Egress(allow_loopback=True),
    )
    good = True
    for number in range(rounds):
        clock.ahead = timedelta(hours=number)
        own, theirs, begun = time.process_time(), database_seconds(), time.perf_counter()
        probed = await monitoring.tick(standards)
        # Between two runs of the same hour, a server looks every 30 s whether anything is due.
        for _ in range(120):
            await monitoring.tick(standards)
        own, theirs = time.process_time() - own, database_seconds() - theirs
        share = (own + theirs) / HOUR_S
        async with database.connection() as connection:
            up = await connection.fetchval("select count(*) from standards_probe where outcome = 'up'")
            others = await connection.fetch(
                "select distinct outcome, came from standards_probe where outcome <> 'up'"
            )
        for each in others:
            print(f"not up: {each['outcome']}: {each['came']}", file=sys.stderr)
        good &= share <= GOAL and probed == services and up >= services * (number + 1) and not others
        print(
            json.dumps(
                {
                    "services": probed,
                    "up": up,
                    "process_s": round(own, 2),
                    "database_s": round(theirs, 2),
                    "wall_s": round(time.perf_counter() - begun, 2),
                    "share_of_a_core": round(share, 5),
                    "goal": GOAL,
                }
            )
        )
    await database.close()
    return good


def main() -> None:
    """Measure, and exit 1 where the goal is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--services", type=int, default=50)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    key = ECKey.generate_key("P-384", {"kid": "band-1"})
    keys = json.dumps({"keys": [key.as_dict(private=False)]})
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        with subprocess.Popen(
            [sys.executable, "-c", SERVICE, keys, CONTACT], stdout=subprocess.PIPE, text=True
        ) as running:
            try:
                url = server.start()
                migrate(url)
                port = running.stdout.readline().strip()
                address = f"http://127.0.0.1:{port}"
                good = asyncio.run(measure(url, address, key, services=chosen.services, rounds=chosen.rounds))
            finally:
                running.terminate()
                server.stop()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
