"""Kill a running Carespine with kill -9 while clients write, again and again, and look for what was acknowledged.

    python tools/crash_harness.py --kills 200        # the long run: about 15 minutes
    python tools/crash_harness.py --seconds 60       # as many kills as fit

Each round starts the real server, lets writers work on resources of their own, kills the server, a worker, the
database, one of its backends or all of them, waits until there is service again, and looks at every write that was
acknowledged: it must be there, in a history without gap or double, and a transaction must be there whole. At the end
every resource of every round is looked at once more, and the audit trail is verified. It exits 1 at the first loss.

A process that is killed loses what was not yet given to the operating system; that a machine without power loses
nothing besides is the promise of fsync, which is on, and is not what is tried here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

COMMAND = [sys.executable, "-m", "carespine"]
JSON = {"content-type": "application/fhir+json"}
WRITERS = 4
TARGETS = ("server", "worker", "above the workers", "database", "backend", "everything")
_READY = re.compile(r"is ready: (http://\S+)")
_SYSTEM = "https://carespine.example/crash"
_SERVICE_WITHIN_S = 60.0


class Lost(Exception):
    """An acknowledged write is not there, or the record contradicts itself."""


@dataclass
class Ledger:
    """What one writer was told: `counted` maps the versions of its counter to the number that was acknowledged."""

    name: str
    counted: dict[int, int] = field(default_factory=dict)
    tried: int = 0
    pairs: int = 0
    tried_pairs: int = 0
    created: list[str] = field(default_factory=list)
    tried_created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return len(self.counted) + self.pairs + len(self.created) + len(self.deleted)


class Server:
    """The real server over one data folder, in a process group of its own."""

    def __init__(self, data: Path, port: int) -> None:
        self._data, self._port = data, port
        self.address = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self._data / "serve.log").open("ab")
        own = {name: value for name, value in os.environ.items() if not name.startswith("CARESPINE_")}
        environment = {**own, "CARESPINE_LOG_LEVEL": "error"}
        command = [*COMMAND, "serve", "--open", "--port", str(self._port), "--data", str(self._data)]
        with log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self, target: str, chance: random.Random) -> int:
        """Send SIGKILL to the target's processes; how many there were."""
        pids = self._pids(target, chance)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def _pids(self, target: str, chance: random.Random) -> list[int]:
        if self.process is None:
            return []
        above = _children(self.process.pid, "python")  # what the workers are forked from, among them
        workers = [pid for each in above for pid in _children(each, "python")]
        postmaster = self._postmaster()
        backends = _children(postmaster, "postgres") if postmaster else []
        main = [postmaster] if postmaster else []
        return {
            "server": [self.process.pid],
            "worker": workers,
            "above the workers": above,
            "database": main,
            "backend": chance.sample(backends, min(1, len(backends))),
            "everything": [self.process.pid, *above, *workers, *main, *backends],
        }[target]

    def _postmaster(self) -> int | None:
        for place in (self._data / "postgres", *Path("/var/lib/carespine").glob("*/postgres")):
            pid_file = place / "postmaster.pid"
            try:
                pid = int(pid_file.read_text().split("\n", 1)[0])
            except (OSError, ValueError):
                continue
            if self.process is not None and pid in _children(self.process.pid, "postgres"):
                return pid
        return None


def _children(parent: int, name: str) -> list[int]:
    """The processes directly below `parent` whose program is called so."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            command, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
            if int(rest[1]) == parent and command.startswith(name):
                found.append(int(entry.name))
    return found


def _observation(resource_id: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": resource_id,
        "status": "final",
        "code": {"text": "crash"},
        "valueInteger": number,
    }


class Writer:
    """Writes until it is stopped; a write that was not answered is tried again until it is."""

    def __init__(self, http: httpx.AsyncClient, ledger: Ledger, stop: asyncio.Event) -> None:
        self._http, self._ledger, self._stop = http, ledger, stop

    async def run(self) -> None:
        while not self._stop.is_set():
            for step in (self._count, self._pair, self._create, self._delete):
                await step()

    async def _send(self, method: str, url: str, body: Any = None, **headers: str) -> httpx.Response | None:
        """The answer that acknowledges, or None where the run ends first."""
        while not self._stop.is_set():
            try:
                reply = await self._http.request(
                    method, url, content=json.dumps(body) if body else None, headers={**JSON, **headers}
                )
            except httpx.HTTPError:
                await asyncio.sleep(0.02)
                continue
            if reply.status_code < 300:
                return reply
            if reply.status_code not in (429, 503):
                raise Lost(f"{method} {url} was answered {reply.status_code}: {reply.text[:300]}")
            await asyncio.sleep(0.02)
        return None

    async def _count(self) -> None:
        ledger = self._ledger
        ledger.tried += 1
        name = f"{ledger.name}-count"
        reply = await self._send("PUT", f"/fhir/Observation/{name}", _observation(name, ledger.tried))
        if reply is not None:
            ledger.counted[int(reply.headers["etag"][3:-1])] = ledger.tried

    async def _pair(self) -> None:
        ledger = self._ledger
        ledger.tried_pairs += 1
        entries = [
            {
                "resource": _observation(f"{ledger.name}-{side}", ledger.tried_pairs),
                "request": {"method": "PUT", "url": f"Observation/{ledger.name}-{side}"},
            }
            for side in ("left", "right")
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        if await self._send("POST", "/fhir", bundle) is not None:
            ledger.pairs = ledger.tried_pairs

    async def _create(self) -> None:
        ledger = self._ledger
        value = f"{ledger.name}-{len(ledger.tried_created)}"
        ledger.tried_created.append(value)
        tree = {"resourceType": "Patient", "identifier": [{"system": _SYSTEM, "value": value}]}
        condition = {"if-none-exist": f"identifier={_SYSTEM}|{value}"}
        if await self._send("POST", "/fhir/Patient", tree, **condition) is not None:
            ledger.created.append(value)

    async def _delete(self) -> None:
        name = f"{self._ledger.name}-gone-{len(self._ledger.deleted)}"
        if await self._send("PUT", f"/fhir/Observation/{name}", _observation(name, 0)) is None:
            return
        if await self._send("DELETE", f"/fhir/Observation/{name}") is not None:
            self._ledger.deleted.append(name)


async def _history(http: httpx.AsyncClient, url: str) -> dict[int, int]:
    """Version -> number of an Observation's whole history; raises Lost where it has a gap or a double."""
    found: list[tuple[int, int]] = []
    following: str | None = f"/fhir/Observation/{url}/_history?_count=1000"
    while following:
        reply = await http.get(following)
        if reply.status_code == 404:
            return {}
        bundle = reply.json()
        for entry in bundle.get("entry", ()):
            tree = entry.get("resource", {})
            found.append((int(entry["response"]["etag"][3:-1]), tree.get("valueInteger", -1)))
        following = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    versions = [version for version, _ in found]
    if versions != list(range(len(versions), 0, -1)):
        raise Lost(f"The versions of {url} are {versions[:20]}")
    return dict(found)


async def verify(http: httpx.AsyncClient, ledger: Ledger) -> None:
    """Look at everything that this writer was told; raises Lost."""
    counted = await _history(http, f"{ledger.name}-count")
    for version, number in ledger.counted.items():
        if counted.get(version) != number:
            raise Lost(f"{ledger.name}: version {version} was {number}, now {counted.get(version)}")
    left, right = [await _history(http, f"{ledger.name}-{side}") for side in ("left", "right")]
    if left != right:
        raise Lost(f"{ledger.name}: half of a transaction is there")
    last = left[max(left)] if left else 0
    if last not in (ledger.pairs, ledger.tried_pairs):
        raise Lost(f"{ledger.name}: the last transaction was {ledger.pairs}, now {last}")
    for start in range(0, len(ledger.created), 50):
        values = ",".join(f"{_SYSTEM}|{value}" for value in ledger.created[start : start + 50])
        found = (await http.get("/fhir/Patient", params={"identifier": values, "_count": 200})).json()
        seen = Counter(entry["resource"]["identifier"][0]["value"] for entry in found.get("entry", ()))
        if seen != Counter(ledger.created[start : start + 50]):
            raise Lost(f"{ledger.name}: of the created {set(ledger.created) ^ set(seen)} differ")
    for name in ledger.deleted:
        if (await http.get(f"/fhir/Observation/{name}")).status_code != 410:
            raise Lost(f"{ledger.name}: {name} is not deleted")


async def _service(http: httpx.AsyncClient, server: Server) -> None:
    """Wait until requests are answered, starting the server again where its process has gone."""
    deadline = time.monotonic() + _SERVICE_WITHIN_S
    while time.monotonic() < deadline:
        if server.process is None or server.process.poll() is not None:
            server.start()
        try:
            if (await http.get("/ready", timeout=2)).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.05)
    raise Lost(f"There was no service within {_SERVICE_WITHIN_S:.0f} s of a kill")


async def _round(
    server: Server, http: httpx.AsyncClient, number: int, target: str, chance: random.Random
) -> list[Ledger]:
    stop = asyncio.Event()
    ledgers = [Ledger(f"r{number}w{writer}") for writer in range(WRITERS)]
    writers = [asyncio.create_task(Writer(http, ledger, stop).run()) for ledger in ledgers]
    await asyncio.sleep(chance.uniform(0.1, 0.8))
    if not server.kill(target, chance):
        raise Lost(f"There was no {target} to kill")
    await asyncio.sleep(chance.uniform(0.0, 0.2))
    await _service(http, server)
    await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*writers)
    for ledger in ledgers:
        await verify(http, ledger)
    return ledgers


async def run(*, kills: int, seconds: float, seed: int, targets: Sequence[str] = TARGETS) -> dict[str, Any]:
    """Rounds of writing and killing until there were so many kills, or the time is up; raises Lost."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable, not secret
    data = Path(tempfile.mkdtemp(prefix="carespine-crash-"))
    server = Server(data, _free_port())
    started, done, ledgers = time.monotonic(), Counter[str](), []
    try:
        limits = httpx.Limits(max_connections=2 * WRITERS)
        async with httpx.AsyncClient(
            base_url=server.address, timeout=30, limits=limits, trust_env=False
        ) as http:
            await _service(http, server)
            while done.total() < kills and time.monotonic() - started < seconds:
                target = targets[done.total() % len(targets)]
                ledgers += await _round(server, http, done.total(), target, chance)
                done[target] += 1
                if done.total() % 20 == 0:
                    print(
                        f"{done.total()} kills, {sum(each.acknowledged for each in ledgers)} writes",
                        flush=True,
                    )
            for ledger in ledgers:
                await verify(http, ledger)
            ended = server.stop()
        trail = _audit(data)
    except Lost as lost:
        log = (data / "serve.log").read_text(errors="replace").splitlines()
        failed = [line for line in log if "request failed" in line]
        raise Lost("\n".join([str(lost), *failed[-5:], "The server's log ends:", *log[-5:]])) from lost
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
        shutil.rmtree(data, ignore_errors=True)
    return {
        "kills": dict(done),
        "acknowledged writes verified": sum(each.acknowledged for each in ledgers),
        "lost": 0,
        "audit events": trail["events"],
        "audit faults": trail["faults"],
        "exit code of the last stop": ended,
        "seconds": round(time.monotonic() - started, 1),
    }


def _audit(data: Path) -> dict[str, Any]:
    command = [*COMMAND, "audit", "verify", "--json", "--data", str(data)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Lost(f"The audit trail does not hold: {done.stdout[-500:]} {done.stderr[-500:]}")
    trail: dict[str, Any] = json.loads(done.stdout)
    return trail


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Kill a running Carespine and look for what was acknowledged."
    )
    parser.add_argument("--kills", type=int, default=10**9, help="how often")
    parser.add_argument("--seconds", type=float, default=10**9, help="for how long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this; may be repeated")
    given = parser.parse_args()
    if given.kills == given.seconds == 10**9:
        given.kills = 200
    try:
        print(
            json.dumps(
                asyncio.run(
                    run(
                        kills=given.kills,
                        seconds=given.seconds,
                        seed=given.seed,
                        targets=given.target or TARGETS,
                    )
                ),
                indent=2,
            )
        )
    except Lost as lost:
        sys.exit(f"LOST: {lost}")


if __name__ == "__main__":
    main()
