"""The verbs of the register: apply, run, suspend, reinstate, withdraw; and a client's standing."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.kernel.clock import Clock
from carespine.kernel.errors import Conflict, Forbidden, NotFound, TooMany
from carespine.kernel.events import Announcer
from carespine.kernel.ids import new_id
from carespine.security.actor import ADMINISTRATION
from carespine.security.egress import Egress
from carespine.standards import (
    applying,
    areas,
    catalogue,
    events,
    gates,
    gating,
    issuing,
    lifecycle,
    moving,
    possession,
    rules,
    signing,
    store,
    waivers,
    waiving,
)
from carespine.standards.access import Reach
from carespine.standards.engine import html, runner
from carespine.standards.engine.config import RunConfig
from carespine.standards.engine.report import Report
from carespine.standards.keys import SigningKey
from carespine.standards.known import Known, read
from carespine.standards.lifecycle import CannotHappenError, Entry, Event, Situation
from carespine.standards.models import UNKNOWN, Application, CheckResult, Standing

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.security.door import Door
    from carespine.security.session import Session
    from carespine.storage.database import Connection, Database

_AUTHORITIES = frozenset({"administrator", "system"})
# Ours: a run makes about 2,500 requests; more at once would measure each other.
_RUNS_AT_ONCE = 2
_TOKEN_BYTES = 32
_SYSTEM = "Carespine"
_RULINGS = frozenset(
    {
        Event.FIND,
        Event.AGREE,
        Event.CLOSE,
        Event.EXTEND,
        Event.RESTRICT,
        Event.PHASE_OUT,
        Event.UPHOLD,
        Event.OVERTURN,
        Event.HOLD,
    }
)
_ANSWERS = frozenset({Event.REPLY, Event.APPEAL})
NO_FACTS = gates.Facts(sites=())


@dataclass(frozen=True, slots=True)
class Receipt:
    """An application that was taken. `token` is shown once; with it the supplier starts runs."""

    application: Application
    token: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A run and what was decided on it. `certificate_id` is None where it was refused, for `decision.reasons`."""

    run_id: str
    report: Report
    decision: rules.Decision
    certificate_id: str | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision of the authority: why, and where they matter how severe (1 to 3), until when, and who else
    signs. `facts` is what a withdrawal rests on, as JSON text.
    """

    reason: str
    severity: int | None = None
    until: datetime | None = None
    second: str | None = None
    facts: bytes = b""


Telling = Callable[[Application, str | None, str], object]


def _told_nothing(*_: object) -> object:
    """The supplier's own word is in the log; no other domain acts on it."""
    return None


@dataclass(frozen=True, slots=True)
class Standards:
    """The register of one platform. Every verb is one transaction with its audit event and its announcement."""

    door: Door
    database: Database
    key: SigningKey
    base_url: str
    clock: Clock
    announcer: Announcer = field(default_factory=Announcer)
    egress: Egress = field(default_factory=Egress)
    running: set[str] = field(default_factory=set)

    async def apply(self, actor: Actor, wish: applying.Wish) -> Receipt:
        """Take an application.

        Raises Invalid where the applicant does not prove to hold the key, and Conflict where the client id belongs to
        another product or key, or this version applied before.
        """
        wanted, token = applying.application(wish, now=self.clock()), secrets.token_urlsafe(_TOKEN_BYTES)
        async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
            tx, audience = session.tx, f"{self.base_url}/standards/applications"
            await possession.demand(tx, wanted, wish.proof, audience=audience, now=self.clock())
            for other in await store.applications_of_client(tx, wanted.client_id):
                if (other.supplier, other.product) != (wanted.supplier, wanted.product):
                    raise Conflict(f"The client id {wanted.client_id} belongs to another product.")
                if other.thumbprint != wanted.thumbprint:
                    raise Conflict(
                        f"The client id {wanted.client_id} is bound to another key; choose a new id."
                    )
            earlier = await store.applications_of_product(tx, wanted.supplier, wanted.product)
            if any(other.version == wanted.version for other in earlier):
                raise Conflict(
                    f"{wanted.product} {wanted.version} has applied already; run it with its own token."
                )
            await store.add_application(tx, wanted, secret=sha256(token.encode()).digest())
            entry = Entry(
                Event.APPLY, self.clock(), wanted.supplier, f"applied for the profile {wanted.profile}"
            )
            await store.add_event(tx, wanted.id, entry)
            await self._audit(session, "C", "apply", wanted)
        return Receipt(wanted, token)

    async def run(
        self,
        actor: Actor,
        application_id: str,
        *,
        config: RunConfig,
        seed: str = "",
        progress: Callable[[CheckResult], None] = lambda _: None,
    ) -> Decided:
        """Check the application's service and decide. No transaction is open while the service is being called.

        Raises TooMany where as many runs are under way as one process makes, or this one already is; NothingAnswers
        or RefusedAddress where the service cannot be called, which leaves it in `testing` and charges nobody.
        """
        if application_id in self.running or len(self.running) >= _RUNS_AT_ONCE:
            raise TooMany("Other runs are under way; try again in a minute.", headers={"Retry-After": "60"})
        self.running.add(application_id)
        try:
            async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
                wanted = await self._held(session.tx, application_id)
                await self._add(session.tx, wanted, Event.START, wanted.supplier, "a run of the checks began")
                await self._audit(session, "E", "run-checks", wanted)
            plan = runner.Plan(
                wanted.base_url,
                profile=wanted.profile,
                config=config,
                seed=seed,
                egress=self.egress,
                clock=self.clock,
                progress=progress,
            )
            report = await runner.run(plan)
            documents = await asyncio.to_thread(_documents, report)
            async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
                wanted = await self._held(session.tx, application_id)
                return await self._decide(session, wanted, report, documents)
        finally:
            self.running.discard(application_id)

    async def _decide(
        self, session: Session, wanted: Application, report: Report, documents: dict[str, bytes]
    ) -> Decided:
        """Keep the run, and issue the certificate or refuse it."""
        tx, run_id = session.tx, new_id()
        digest = sha256(documents["report.json"]).hexdigest()
        required = catalogue.profile(wanted.profile).requirements
        waived = waivers.in_force(await waiving.of_product(tx, wanted.id), now=self.clock())
        decision = rules.decide(report.results, required=required, waived=waived)
        used = {each: end for each, end in waived.items() if each in _unmet(report, required)}
        if wanted.thumbprint not in report.published_keys:
            reason = (
                "The service at the address does not publish the applicant's key at /.well-known/jwks.json"
            )
            decision = rules.Decision(certified=False, level=None, reasons=(reason, *decision.reasons))
        await store.add_run(
            tx,
            store.StoredRun(
                id=run_id,
                application=wanted.id,
                started=report.started,
                ended=report.ended,
                verdict=report.verdict,
                seed_sha256=report.seed_sha256,
                report_sha256=digest,
                verdict_sha256=report.verdict_hash,
                evidence_head=report.evidence.head,
                results=report.tree()["results"],
            ),
            documents,
        )
        if not decision.certified:
            reason = "; ".join(decision.reasons)
            await self._add(tx, wanted, Event.REFUSE, _SYSTEM, reason, run=run_id)
            await self._audit(session, "E", "refuse-certificate", wanted, reason=reason)
            await self.announcer.announce(session, events.CertificateRefused(wanted, decision.reasons))
            return Decided(run_id, report, decision, None)
        certificate = await issuing.issue(
            tx,
            wanted,
            issuing.Grounds(report, run_id, digest, decision.level or "", used),
            key=self.key,
            base_url=self.base_url,
            now=self.clock(),
        )
        reason = f"met every requirement of {report.profile} {report.profile_version}, level {decision.level}"
        if used:
            reason += f", by waiver without {', '.join(sorted(used))}"
        resting = Ruling(reason, until=min(used.values())) if used else None
        await self._add(
            tx, wanted, Event.CERTIFY, _SYSTEM, reason, run=run_id, certificate=certificate, ruling=resting
        )
        await self._audit(session, "C", "issue-certificate", wanted, certificate=certificate.id)
        issued = events.CertificateIssued(wanted, certificate.id, certificate.expires)
        await self.announcer.announce(session, issued)
        return Decided(run_id, report, decision, certificate.id)

    async def suspend(self, actor: Actor, application_id: str, *, reason: str) -> Situation:
        """Take the platform's access away at once, for safety or security. Raises Conflict where there is none."""
        return await self._rule(actor, application_id, Event.SUSPEND, reason, events.CertificateSuspended)

    async def reinstate(self, actor: Actor, application_id: str, *, reason: str) -> Situation:
        """Lift a suspension. Raises Conflict where there is none."""
        return await self._rule(actor, application_id, Event.REINSTATE, reason, events.CertificateReinstated)

    async def decide(self, actor: Actor, application_id: str, event: Event, decision: Ruling) -> Situation:
        """A step of the authority between a finding and the end, or on an appeal. Raises Conflict where it
        does not follow.

        An emergency hold takes two administrators, who call this with the same words within a day: the first
        signs, and nothing changes; with the second it holds.
        """
        if event not in _RULINGS:
            raise Conflict(f"{event} is not a decision that is taken here.")

        def told(wanted: Application, certificate: str | None, reason: str) -> object:
            return events.StandingChanged(wanted, certificate, reason, str(event), str(event))

        if event is Event.HOLD:
            words = signing.words_of_hold(decision.reason.strip(), decision.until)
            other = await self._signed(actor, application_id, event, words)
            if isinstance(other, Situation):
                return other
            decision = replace(decision, second=other.name)
        return await self._rule(actor, application_id, event, decision.reason, told, ruling=decision)

    async def _signed(
        self, actor: Actor, application_id: str, event: Event, words: bytes
    ) -> signing.Signature | Situation:
        """The signature of the other person, or the situation as it stays until they sign too."""
        async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
            wanted = await self._held(session.tx, application_id)
            now = self.clock()
            found = await store.situation(session.tx, wanted.id, now=now)
            if (found.state, event) not in lifecycle.TABLE:
                raise Conflict(f"{event} cannot follow while a product is {found.state}.")
            other = await signing.sign(session.tx, actor, wanted.id, event, words, now=now)
            await self._audit(session, "E", f"sign-{event}", wanted)
            return other or found

    async def answer(self, actor: Actor, application_id: str, event: Event, *, text: str) -> Situation:
        """The supplier's word on a finding or a decision: a reply, or an appeal."""
        if event not in _ANSWERS:
            raise Conflict(f"{event} is not for the supplier.")
        return await self._say(actor, application_id, event, text, _told_nothing, Ruling(text))

    async def deploy(self, actor: Actor, application_id: str, *, organisation: str, area: str = "") -> None:
        """Put a site of the product on record. Raises Conflict where its state allows no new ones."""
        async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
            if actor.kind not in _AUTHORITIES:
                raise Forbidden("Only an administrator may put a site on record.")
            wanted = await self._held(session.tx, application_id)
            known = await store.deployments(session.tx, wanted.id)
            now = self.clock()
            found = await store.situation(session.tx, wanted.id, now=now)
            if wanted.profile == areas.PROFILE and area not in await gating.open_areas(
                session.tx, wanted.id, now=now
            ):
                raise Conflict(f"G1: {wanted.product} is not open in {area or 'any area by default'}.")
            is_new = (organisation, area) not in {(each.organisation, each.area) for each in known}
            if is_new and not found.access.new_sites:
                raise Conflict(
                    f"{wanted.product} {wanted.version} is {found.state}: it may not come to new sites."
                )
            await store.deploy(session.tx, wanted.id, store.Deployment(organisation, area, now, actor.name))
            await self._audit(session, "C", "deploy-product", wanted, organisation=organisation, area=area)

    async def withdraw(
        self, actor: Actor, application_id: str, *, reason: str, facts: gates.Facts = NO_FACTS
    ) -> Situation:
        """End a product version's access for good. Raises Conflict with every gate (W1 to W5) that is shut.

        What was reconciled (W3) is read from the comparisons kept since the product came into its state, whatever
        `facts` says of it. An override names two administrators by their user names, and both call this with the
        same facts within a day: the first signs, and nothing changes; with the second it is withdrawn.
        """
        async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
            wanted = await self._held(session.tx, application_id)
            found = await store.situation(session.tx, wanted.id, now=self.clock())
            sites = await store.deployments(session.tx, wanted.id)
            known = await moving.reconciled(session.tx, wanted.id, facts, since=found.since)
        if found.state is lifecycle.State.EXPORT_ONLY or sites:
            deployed = frozenset(site.organisation for site in sites)
            if shut := gates.reasons_to_stay(known, deployed=deployed, now=self.clock()):
                raise Conflict(f"It may not be withdrawn yet. {'; '.join(shut)}.")
        ruling = Ruling(reason, facts=msgspec.json.encode(known))
        if facts.override is not None:
            other = await self._overridden(actor, application_id, reason.strip(), facts, facts.override)
            if isinstance(other, Situation):
                return other
            ruling = replace(ruling, second=other.name)
        event, told = Event.WITHDRAW, events.CertificateWithdrawn
        return await self._rule(actor, application_id, event, reason, told, ruling=ruling)

    async def _overridden(
        self, actor: Actor, application_id: str, reason: str, facts: gates.Facts, override: gates.Override
    ) -> signing.Signature | Situation:
        """The signature of the other of the two whom an override names, or the situation until they sign too."""
        named = {override.first.strip(), override.second.strip()}
        if actor.id not in named:
            raise Conflict("An override is signed by the two people whom it names; you are not one of them.")
        words = signing.words_of_withdrawal(reason, facts)
        other = await self._signed(actor, application_id, Event.WITHDRAW, words)
        if isinstance(other, signing.Signature) and {actor.id, other.who} != named:
            raise Conflict("An override is signed by the two people whom it names.")
        return other

    async def _rule(
        self,
        actor: Actor,
        application_id: str,
        event: Event,
        reason: str,
        told: Telling,
        *,
        ruling: Ruling | None = None,
    ) -> Situation:
        """A decision of the authority: checked, logged, audited, announced."""
        if actor.kind not in _AUTHORITIES:
            async with self.door.enter(actor, purpose=ADMINISTRATION):
                raise Forbidden(f"Only an administrator may {event} a product.")
        return await self._say(actor, application_id, event, reason, told, ruling or Ruling(reason))

    async def _say(
        self, actor: Actor, application_id: str, event: Event, reason: str, told: Telling, ruling: Ruling
    ) -> Situation:
        """One line for the log, with its audit event and its announcement."""
        async with self.door.enter(actor, purpose=ADMINISTRATION) as session:
            if not reason.strip():
                raise Conflict("Say why: the reason is shown to the supplier and the public.")
            wanted = await self._held(session.tx, application_id)
            found = await self._add(session.tx, wanted, event, actor.name, reason.strip(), ruling=ruling)
            await self._audit(session, "U", f"{event}-certificate", wanted, reason=reason.strip())
            await self.announcer.announce(session, told(wanted, found.certificate_id, reason.strip()))
            return found

    async def allowed_to_run(self, application_id: str, token: str) -> bool:
        """Whether this is the token that the application was given."""
        async with self.database.connection() as connection:
            secret = await store.secret_of(connection, application_id)
        return secret is not None and hmac.compare_digest(secret, sha256(token.encode()).digest())

    async def _held(self, tx: Connection, application_id: str) -> Application:
        """The application, locked. Raises NotFound."""
        await store.hold(tx, application_id)
        found = await store.application(tx, application_id)
        if found is None:
            raise NotFound("There is no such application.")
        return found

    async def _add(
        self,
        tx: Connection,
        wanted: Application,
        event: Event,
        who: str,
        reason: str,
        *,
        run: str | None = None,
        certificate: store.StoredCertificate | None = None,
        ruling: Ruling | None = None,
    ) -> Situation:
        """Add a line to the log. Raises Conflict where it does not follow from the state."""
        before = await store.situation(tx, wanted.id, now=self.clock())
        at = certificate.issued if certificate else self.clock()
        more = ruling or Ruling(reason)
        entry = Entry(
            event,
            max(at, before.since),
            who,
            reason,
            certificate.id if certificate else None,
            more.severity,
            more.until,
            more.second,
        )
        try:
            found = lifecycle.after(before, entry)
        except CannotHappenError as error:
            raise Conflict(f"{wanted.product} {wanted.version} is {before.state}: {error}.") from error
        seq = await store.add_event(tx, wanted.id, entry, run=run)
        if more.facts:
            await store.add_withdrawal(tx, wanted.id, seq, more.facts)
        return found

    async def _audit(
        self, session: Session, action: Any, subtype: str, wanted: Application, **detail: str
    ) -> None:
        told = {"client": wanted.client_id, "product": f"{wanted.product} {wanted.version}", **detail}
        await session.audit(action, subtype, what=f"standards/{wanted.id}", detail=told)


def _documents(report: Report) -> dict[str, bytes]:
    """What is kept of a run, by name."""
    return {
        "report.json": report.json(),
        "report.html": html.render(report).encode(),
        "evidence.jsonl": report.evidence.text().encode(),
    }


def _unmet(report: Report, required: Iterable[str]) -> set[str]:
    """The requirements that only a waiver can make up for."""
    alone = rules.decide(report.results, required=required)
    return {reason.split(" ", 1)[0] for reason in alone.reasons}


async def standing(
    connection: Connection, client_id: str, *, now: datetime, known: Known | None = None
) -> Standing:
    """What this client may do now, from the committed log: read at every token and every request.

    `known` is what the process knows of the register, where it asks often.

    Where a client has several versions, the newest that ever was certified counts; a newer one that is still being
    tested takes nothing away, and an older one does not outlive it.
    """
    registered = await (known.of if known else read)(connection, client_id)
    applications, logs = registered.applications, registered.logs
    if not applications:
        return Standing(UNKNOWN, None, None, allowed=False, reason="there is no application by this client")
    certified = [each for each in applications if any(line.event is Event.CERTIFY for line in logs[each.id])]
    # A suspension for safety stands above a newer version's certificate, until the authority lifts it.
    barred = [
        each
        for each in certified
        if lifecycle.replay(logs[each.id], now=now).state is lifecycle.State.SUSPENDED
    ]
    chosen = (barred or certified or applications)[0]
    found = lifecycle.replay(logs[chosen.id], now=now)
    reach, closed = await _by_area(connection, chosen, found, now=now)
    return Standing(
        state=found.state,
        certificate_id=found.certificate_id,
        thumbprint=chosen.thumbprint,
        allowed=found.allowed and reach is not Reach.NONE,
        reason=closed or f"{chosen.product} {chosen.version} is {found.state}: {found.reason}",
        suspensions=sum(line.event is Event.SUSPEND for each in applications for line in logs[each.id]),
        reach=reach,
        deprecated_since=found.since if found.access.deprecated else None,
        sunset=found.sunset,
    )


async def _by_area(
    connection: Connection, chosen: Application, found: Situation, *, now: datetime
) -> tuple[Reach, str]:
    """What a product reaches, and why that is less than its state allows: a virtual service that no area ever
    accepted reaches nothing; one whose areas all closed may only read, so that its patients can be handed over.
    """
    reach = found.access.reach
    if chosen.profile != areas.PROFILE or reach is not Reach.ALL:
        return reach, ""
    stands = await gating.standings(connection, chosen.id, now=now)
    if any(not each.hidden for each in stands):
        return reach, ""
    was_open = any(each.gate.review is not None for each in stands)
    words = f"G1: {chosen.product} {chosen.version} is open in no area"
    return (Reach.EXPORT if was_open else Reach.NONE), words
