"""Running checks: one after the other, each with its time limit, network failures judged by two of three."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from carespine.kernel import clock as kernel_clock
from carespine.kernel.clock import Clock, fhir_instant
from carespine.kernel.errors import Invalid, Misconfigured
from carespine.security.egress import Egress, GuardedTransport, RefusedAddress
from carespine.standards import catalogue, rules, stages
from carespine.standards.checks import all_checks
from carespine.standards.engine import keeping
from carespine.standards.engine.check import Check
from carespine.standards.engine.config import RunConfig
from carespine.standards.engine.context import Context, EndedEarlyError, Session
from carespine.standards.engine.evidence import EvidenceLog
from carespine.standards.engine.keeping import Begun
from carespine.standards.engine.masking import Masker
from carespine.standards.engine.recorder import Recorder
from carespine.standards.engine.report import Report
from carespine.standards.keys import client_thumbprint
from carespine.standards.models import CheckResult, Finding, Outcome

# lifecycle.md, Probes: flake rule, 2 of 3.
_RUNS, _MAJORITY = 3, 2
# Ours: how long a service may take to connect to, and to answer one request of a check.
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_SEED_BYTES = 16

Progress = Callable[[CheckResult], None]


class NothingAnswers(Invalid):
    """There is no service at the address, so nothing was checked and nobody is charged."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, against what, as whom. `only` narrows to these requirement or check ids.

    `transport` replaces the network (tests run a service in their own process); `announce` hears the seed's
    hash before the first request. `folder` keeps the run as it goes; with `resume` the one that was broken
    off there is gone on with.
    """

    base_url: str
    profile: str = "device-app"
    config: RunConfig = field(default_factory=RunConfig)
    seed: str = ""
    only: frozenset[str] = frozenset()
    egress: Egress = field(default_factory=Egress)
    clock: Clock = kernel_clock.now
    transport: httpx.AsyncBaseTransport | None = None
    announce: Callable[[str], None] = lambda _: None
    progress: Progress = lambda _: None
    folder: Path | None = None
    resume: bool = False

    def checks(self) -> list[Check]:
        """The checks of the profile's requirements, in order. Raises Misconfigured where `only` names none
        of them.
        """
        wanted = set(catalogue.profile(self.profile).requirements)
        found = [each for each in all_checks().values() if each.requirement in wanted]
        unknown = self.only - {each.id for each in found} - {each.requirement for each in found}
        if unknown:
            raise Misconfigured(f"the profile {self.profile} has no check {', '.join(sorted(unknown))}")
        return [each for each in found if not self.only or {each.id, each.requirement} & self.only]


async def run(plan: Plan) -> Report:
    """Run the plan's checks. Raises NothingAnswers, RefusedAddress or Misconfigured where none could be
    run.
    """
    _demand_address(plan.base_url)
    checks, profile = plan.checks(), catalogue.profile(plan.profile)
    begun, evidence = _begun(plan)
    done = {result.check for result in begun.results}
    async with _session(plan, evidence) as session:
        published = await _published_keys(session)
        for check in checks:
            if check.id not in done:
                result = await _decided(session, check, begun.seed)
                _note(plan, begun, evidence, result)
    verdict = rules.verdict(begun.results)
    evidence.append("end", {"seed": begun.seed, "verdict": verdict, "at": fhir_instant(plan.clock())})
    if plan.folder is not None:
        keeping.finish(plan.folder)
    return Report(
        base_url=plan.base_url,
        profile=profile.name,
        profile_version=profile.version,
        catalogue=catalogue.digest(),
        seed=begun.seed,
        seed_sha256=sha256(begun.seed.encode()).hexdigest(),
        started=begun.started,
        ended=plan.clock(),
        results=tuple(begun.results),
        verdict=verdict,
        evidence=evidence,
        published_keys=published,
    )


def _begun(plan: Plan) -> tuple[Begun, EvidenceLog]:
    """A run that begins now, or the one in the plan's folder that is resumed; the seed's hash is told first."""
    begun = Begun(
        service=plan.base_url,
        profile=plan.profile,
        catalogue=catalogue.digest(),
        only=tuple(sorted(plan.only)),
        seed=plan.seed or secrets.token_hex(_SEED_BYTES),
        started=plan.clock(),
    )
    evidence = EvidenceLog()
    if plan.resume and plan.folder is not None:
        begun, evidence = keeping.resume(plan.folder, begun)
    seed_hash = sha256(begun.seed.encode()).hexdigest()
    plan.announce(seed_hash)
    if not evidence.lines:
        evidence.append("start", _opening(plan, seed_hash, begun.started))
    if plan.folder is not None:
        keeping.follow(plan.folder, begun, evidence)
    for result in begun.results:
        plan.progress(result)
    return begun, evidence


def _note(plan: Plan, begun: Begun, evidence: EvidenceLog, result: CheckResult) -> None:
    """Keep one result: in the evidence, in the run, in the folder, and before the eyes of whoever waits."""
    evidence.append("result", {"check": result.check, "outcome": result.outcome, "came": result.finding.came})
    begun.results.append(result)
    if plan.folder is not None:
        keeping.save(plan.folder, begun)
    plan.progress(result)


def _opening(plan: Plan, seed_hash: str, started: datetime) -> dict[str, Any]:
    return {
        "at": fhir_instant(started),
        "service": plan.base_url,
        "profile": plan.profile,
        "catalogue_sha256": catalogue.digest(),
        "seed_sha256": seed_hash,
    }


@asynccontextmanager
async def _session(plan: Plan, evidence: EvidenceLog) -> AsyncIterator[Session]:
    """The run's client and its knowledge of the service, discovered before the first check."""
    transport = plan.transport or GuardedTransport(plan.egress, httpx.AsyncHTTPTransport(verify=_trust(plan)))
    async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT, follow_redirects=False) as client:
        client.headers["user-agent"] = "carespine-standards"
        recorder = Recorder(client, evidence, masker=Masker(plan.config.secrets), clock=plan.clock)
        base = plan.base_url.rstrip("/")
        session = Session(base, plan.config, recorder, client, evidence, plan.clock, plan.egress)
        session.discovery = await _first_answer(session)
        yield session


def _trust(plan: Plan) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=plan.config.ca_file)


async def _first_answer(session: Session) -> dict[str, Any]:
    """What is discovered. Raises NothingAnswers where the service cannot be reached, by two of three tries."""
    lost: list[httpx.TransportError] = []
    while len(lost) < _MAJORITY:
        try:
            return await _discover(session)
        except RefusedAddress:
            raise
        except httpx.TransportError as error:
            lost.append(error)
    raise NothingAnswers(
        f"nothing answers at {session.base_url}: {_why(lost[-1])}. Is the service up, and the address right?"
    ) from lost[-1]


def _demand_address(url: str) -> None:
    """Raise Misconfigured where this is no address of a service on the web."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise Misconfigured(
            f"{url!r} is no address of a service; write it as https://example.nhs.uk or with http://."
        )


def _why(error: httpx.TransportError) -> str:
    """Why there was no answer, in words."""
    match error:
        case httpx.ConnectTimeout():
            return "no connection came about in time"
        case httpx.ConnectError() if isinstance(_root(error), ssl.SSLError):
            return f"TLS could not be agreed on ({_root(error)})"
        case httpx.ConnectError():
            return "the name is unknown, or nobody listens there"
        case httpx.TimeoutException():
            return "the answer did not come in time"
        case httpx.RemoteProtocolError():
            return "what answers there does not speak HTTP as it should"
    return "the connection broke off"


def _root(error: BaseException) -> BaseException:
    cause = error.__cause__ or error.__context__
    return error if cause is None else _root(cause)


async def _discover(session: Session) -> dict[str, Any]:
    """The SMART configuration: at the service's root, or below its FHIR base as SMART has it."""
    context = Context(session, check="discovery", seed="")
    for place in (session.base_url, session.fhir_base):
        answer = await context.call("GET", f"{place}/.well-known/smart-configuration")
        if answer.ok and answer.tree:
            return answer.tree
    return {}


async def _published_keys(session: Session) -> tuple[str, ...]:
    """The thumbprints of the keys that the service says it signs with."""
    try:
        answer = await Context(session, check="discovery", seed="").call("GET", "/.well-known/jwks.json")
    except httpx.TransportError:
        return ()
    keys = answer.tree.get("keys") if answer.ok else None
    found = []
    for tree in keys if isinstance(keys, list) else []:
        try:
            found.append(client_thumbprint({"keys": [tree]}))
        except Invalid:  # a key that no certificate can be bound to proves nothing, and is no fault here
            continue
    return tuple(found)


async def _decided(session: Session, check: Check, seed: str) -> CheckResult:
    """The check's result by the flake rule: a second and third run only where noise may have decided the
    first.
    """
    requirement, today = catalogue.requirements()[check.requirement], session.clock().date()
    began, exchanges, findings = time.perf_counter(), list[int](), list[Finding]()
    at = stages.stage(requirement, today)
    if unchecked := at in stages.UNCHECKED:
        findings.append(Finding(Outcome.OMIT, f"the requirement is {at} on this day", tried=0))
    while not unchecked and len(findings) < _RUNS and _agreed(findings) is None:
        context = Context(session, check=check.id, seed=seed if not findings else f"{seed}/{len(findings)}")
        finding, noisy = await _once(context, check)
        exchanges += context.exchanges
        findings.append(finding)
        if len(findings) == 1 and not noisy:
            break
    chosen = rules.softened(_agreed(findings) or findings[-1], requirement, on=today)
    return CheckResult(
        check=check.id,
        requirement=requirement.id,
        requirement_version=requirement.version,
        level=requirement.level,
        title=check.title,
        quote=check.quote,
        expected=check.expected,
        advice=check.advice,
        finding=chosen,
        exchanges=tuple(exchanges),
        attempts=len(findings),
        seconds=time.perf_counter() - began,
    )


def _agreed(findings: Sequence[Finding]) -> Finding | None:
    """The finding whose outcome two runs share, if any two do yet."""
    for finding in findings:
        if sum(other.outcome is finding.outcome for other in findings) >= _MAJORITY:
            return finding
    return None


async def _once(context: Context, check: Check) -> tuple[Finding, bool]:
    """One run of the check, and whether noise (network, time) may have decided it."""
    absent = check.absent(context)
    if absent is not None:
        return absent, False
    try:
        async with asyncio.timeout(check.time_limit_s):
            finding = await check.run(context)
        return finding, check.flaky and finding.outcome is Outcome.FAIL
    except EndedEarlyError as early:
        return early.finding, False
    except httpx.TransportError as error:
        return context.failed(f"a request was not answered ({type(error).__name__})"), True
    except TimeoutError:
        return context.failed(f"the check did not end within {check.time_limit_s:.0f} seconds"), True
    except Exception as error:  # a fault of a check is reported as ours and never ends the run
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"line {where.tb_lineno}" if where is not None else "an unknown line"
        return Finding(
            Outcome.ERROR, f"{type(error).__name__} in {check.id} at {line}: {error}", tried=0
        ), False
