"""What the register and the catalogue show, and the administrator's decisions, from the standards domain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from carespine.kernel.errors import Forbidden, Invalid
from carespine.standards import cases, catalogue, declaring, gating, register, waiving
from carespine.standards.areas import Said, Word
from carespine.standards.lifecycle import ALLOWED, TABLE, Event, Situation, State
from carespine.standards.register import Record, Row
from carespine.standards.service import Ruling
from carespine.standards.waivers import Waiver, Wish
from carespine.web.pages.product_words import SAID, STATES, area_of, as_requirement, decisions, outcome_words
from carespine.web.pages.views import (
    AreaGate,
    CaseRow,
    Catalogue,
    CheckResult,
    Choice,
    ProductPage,
    ProductRow,
    RegisterFilters,
    RequirementArea,
    Transition,
    Visitor,
    Waived,
)

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.security.actor import Actor
    from carespine.standards.models import Application
    from carespine.standards.service import Standards
    from carespine.storage.database import Database

_ACCESS = frozenset(ALLOWED)
_LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class ProductSource:
    """Fills the port `Products`."""

    database: Database
    clock: Clock
    standards: Standards

    async def catalogue(self) -> Catalogue:
        """The requirements by area, as the catalogue's files state them."""
        found: dict[str, list[Any]] = {}
        for requirement in catalogue.requirements().values():
            found.setdefault(area_of(requirement), []).append(as_requirement(requirement))
        areas = tuple(RequirementArea(name, tuple(items)) for name, items in found.items())
        return Catalogue(catalogue.digest()[:12], areas)

    async def register(
        self, *, kind: str = "", state: str = "", capability: str = ""
    ) -> tuple[ProductRow, ...]:
        async with self.database.connection() as connection:
            rows = await register.rows(connection, now=self.clock())
            said = await declaring.declared(connection, [each.application.id for each in rows])
        return tuple(
            product_row(row)
            for row in register.chosen(rows, said, kind=kind, state=state, capability=capability)
        )

    async def filters(self) -> RegisterFilters:
        """What the register can be narrowed to now."""
        async with self.database.connection() as connection:
            rows = await register.rows(connection, now=self.clock())
            said = await declaring.declared(connection, [each.application.id for each in rows])
        kinds = sorted({each.application.profile for each in rows})
        states = [state for state in STATES if any(each.situation.state is state for each in rows)]
        return RegisterFilters(
            tuple((each, catalogue.profile(each).title) for each in kinds),
            tuple((str(state), STATES[state].label) for state in states),
            tuple(sorted({each for one in said.values() for each in one.capabilities})),
        )

    async def certified_apps(self) -> tuple[Choice, ...]:
        """The apps that may connect now, by client id."""
        async with self.database.connection() as connection:
            rows = await register.rows(connection, now=self.clock())
        allowed = {
            row.application.client_id: row.application for row in reversed(rows) if row.situation.allowed
        }
        named = Counter(app.product for app in allowed.values())
        return tuple(_choice(app, alone=named[app.product] == 1) for app in allowed.values())

    async def cases(self) -> tuple[CaseRow, ...]:
        """The open cases, with the words of the standards for what happened."""
        async with self.database.connection() as connection:
            found = await cases.open_cases(connection, now=self.clock())
        return tuple(
            CaseRow(
                product_row(each.row),
                _sentence(each.waits_for),
                each.until,
                each.row.situation.appealed,
                tuple(
                    (SAID.get(line.event, str(line.event)), line.who, line.at, line.reason)
                    for line in each.said
                ),
            )
            for each in found
        )

    async def product(self, product_id: str) -> ProductPage:
        async with self.database.connection() as connection:
            now = self.clock()
            record = await register.record(connection, product_id, now=now)
            stands = await gating.standings(connection, product_id, now=now)
        return replace(_page(record, now), areas=tuple(_gate(each) for each in stands))

    async def suspend(self, visitor: Visitor, product_id: str, *, reason: str) -> None:
        await self.standards.suspend(_administrator(visitor), product_id, reason=reason)

    async def decide(
        self, visitor: Visitor, product_id: str, step: str, *, reason: str, severity: int | None
    ) -> None:
        try:
            event = Event(step)
        except ValueError as error:
            raise Invalid("There is no such decision.") from error
        ruling = Ruling(reason, severity=severity)
        await self.standards.decide(_administrator(visitor), product_id, event, ruling)

    async def decide_area(
        self,
        visitor: Visitor,
        product_id: str,
        area: str,
        step: str,
        *,
        reason: str,
        cap: int | None,
        review: date | None,
    ) -> None:
        actor = _administrator(visitor)
        try:
            said = Said(step)
        except ValueError as error:
            raise Invalid("There is no such decision on an area.") from error
        word = Word(said, self.clock(), actor.name, reason, cap=cap, review=review)
        await gating.say(self.standards, actor, product_id, area, word)

    async def waive(
        self,
        visitor: Visitor,
        product_id: str,
        *,
        requirement: str,
        organisation: str,
        reason: str,
        until: date,
    ) -> None:
        """The day named is the last on which it holds, by the time in London."""
        wish = Wish(requirement, reason, end_of(until), organisation)
        await waiving.grant(self.standards, _administrator(visitor), product_id, wish)

    async def reinstate(self, visitor: Visitor, product_id: str, *, reason: str) -> None:
        await self.standards.reinstate(_administrator(visitor), product_id, reason=reason)


def _choice(asked: Application, *, alone: bool) -> Choice:
    """An app to choose; its version stands in the name where another version is certified beside it."""
    name = asked.product if alone else f"{asked.product}, version {asked.version}"
    return Choice(asked.client_id, name, f"Version {asked.version}, made by {asked.supplier}")


def _administrator(visitor: Visitor) -> Actor:
    if visitor.actor is None or visitor.kind != "administrator":
        raise Forbidden("Only an administrator may decide about a product.")
    return visitor.actor


def product_row(row: Row) -> ProductRow:
    """A product as lists show it."""
    asked, situation = row.application, row.situation
    until = situation.certificate_until
    return ProductRow(
        asked.id,
        asked.product,
        asked.supplier,
        asked.version,
        STATES[situation.state],
        situation.since,
        until.date() if until and situation.certificate_id else None,
    )


def end_of(day: date) -> datetime:
    """The moment at which a day ends in London."""
    return datetime.combine(day + timedelta(days=1), time(), _LONDON)


def _gate(stands: gating.Standing) -> AreaGate:
    gate, told = stands.gate, msgspec.to_builtins(stands.gate.evidence) or {}
    words = tuple((name.replace("_", " "), str(text)) for name, text in told.items() if name != "is_home")
    return AreaGate(
        stands.area,
        not stands.hidden,
        gate.is_open,
        stands.hidden,
        stands.registered,
        gate.cap or None,
        gate.review,
        words,
    )


def _waived(waiver: Waiver, now: datetime) -> Waived:
    where = f"At {waiver.organisation}" if waiver.organisation else "Everywhere"
    until = waiver.until
    return Waived(waiver.requirement, where, waiver.reason, waiver.who, until, waiver.holds(now))


def _page(record: Record, now: datetime) -> ProductPage:
    asked, situation, run = record.row.application, record.row.situation, record.last_run
    profile, found = catalogue.profile(asked.profile), catalogue.requirements()
    certificate = record.certificate.id if record.certificate else None
    return ProductPage(
        product=product_row(record.row),
        description=f"Asked to be certified as: {profile.title}.",
        history=tuple(
            Transition(STATES[step.state], step.entry.at, step.entry.who, _sentence(step.entry.reason))
            for step in reversed(record.history)
        ),
        refused=None if situation.state in _ACCESS else _sentence(situation.reason),
        ends=situation.lapses,
        checks=tuple(_check(result) for result in run.results) if run else (),
        certificate_id=certificate,
        certificate_url=f"/standards/certificates/{certificate}" if certificate else None,
        report_url=f"/standards/runs/{run.id}/report.html" if run else None,
        evidence_url=f"/standards/runs/{run.id}/evidence.jsonl" if run else None,
        can_suspend=_may(situation, Event.SUSPEND) and situation.state is not State.SUSPENDED,
        can_reinstate=_may(situation, Event.REINSTATE),
        contact=asked.contact,
        decisions=decisions(situation),
        sites=tuple(sorted({site.organisation for site in record.sites})),
        due=situation.due,
        capabilities=record.declared.capabilities,
        dependencies=record.declared.dependencies,
        contacts=tuple(sorted(record.declared.contacts.items())),
        waivers=tuple(_waived(each, now) for each in record.waivers),
        waivable=tuple(
            (each, f"{each} {found[each].title}") for each in profile.requirements if found[each].waivable
        ),
    )


def _may(situation: Situation, event: Event) -> bool:
    return (situation.state, event) in TABLE


def _check(result: Any) -> CheckResult:
    words, tone = outcome_words(result["outcome"])
    faults = [fault["text"] for fault in result["faults"]]
    message = f"Expected: {result['expected']}. Came: {result['came']}."
    return CheckResult(
        result["requirement"],
        result["title"],
        words,
        tone,
        " ".join([message.replace("..", "."), *faults[:1]]),
    )


def _sentence(text: str) -> str:
    """A reason as a sentence of its own: it begins with a capital and ends with a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".") if text else ""
