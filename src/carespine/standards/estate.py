"""A health body's products: where each stands, and what lapses soon; and adopting one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Invalid, NotFound
from carespine.standards import catalogue, comparing, declaring, lifecycle, moving, store, waiving
from carespine.standards.authority import health_body
from carespine.standards.models import Requirement
from carespine.standards.register import Row
from carespine.standards.states import State
from carespine.standards.waivers import Waiver

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.standards.service import Standards
    from carespine.storage.database import Connection

# Ours: a health body needs a quarter to find, buy and rehearse another product.
SOON = timedelta(days=90)
LEAVING = frozenset({State.RESTRICTED, State.PHASING_OUT, State.EXPORT_ONLY, State.SUSPENDED, State.EXPIRED})
_LEAST, _MOST = 2, 4


@dataclass(frozen=True, slots=True)
class Lapse:
    """Something that ends by itself: what, and when."""

    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """One product at one health body, with the areas in which it is offered there. `lapses` are those of the next
    SOON, the first first.
    """

    row: Row
    areas: tuple[str, ...]
    since: datetime
    lapses: tuple[Lapse, ...]
    moves: tuple[moving.Move, ...]

    @property
    def is_leaving(self) -> bool:
        """Whether the product is on its way out, or gives no access."""
        return self.row.situation.state in LEAVING

    def tree(self) -> dict[str, Any]:
        """As JSON data."""
        moved = [{"at": fhir_instant(each.at), "target": each.target, "equal": each.equal, "id": each.id}
                 for each in self.moves]  # fmt: skip
        lapses = [{"what": each.what, "at": fhir_instant(each.at)} for each in self.lapses]
        areas = [each for each in self.areas if each]
        return {
            **self.row.tree(),
            "areas": areas,
            "lapses": lapses,
            "leaving": self.is_leaving,
            "moves": moved,
        }


def lapses_of(
    row: Row, shown: Mapping[str, comparing.Shown], waivers: Sequence[Waiver], *, now: datetime
) -> tuple[Lapse, ...]:
    """What of a product ends within SOON: its certificate, a deadline, evidence and waivers."""
    found, situation = [], row.situation
    if situation.certificate_until and situation.allowed:
        found.append(Lapse("The certificate", situation.certificate_until))
    if situation.deadline:
        found.append(Lapse(f"The time for being {situation.state}", situation.deadline))
    if situation.lapses:
        found.append(Lapse("The suspension", situation.lapses))
    for name, each in sorted(shown.items()):
        last = datetime.combine(each.until, datetime.min.time(), now.tzinfo) + timedelta(days=1)
        found.append(Lapse(f"Evidence for {name}", last))
    found += [Lapse(f"The waiver of {each.requirement}", each.until) for each in waivers if each.holds(now)]
    return tuple(sorted((each for each in found if now <= each.at < now + SOON), key=lambda each: each.at))


async def of(connection: Connection, organisation: str, *, now: datetime) -> list[Holding]:
    """What a health body uses, by product: what is on its way out first, then what lapses first."""
    rows = await connection.fetch(
        "select version, min(since) as since, array_agg(area order by area) as areas from standards_deployment "
        "where organisation = $1 group by version",
        organisation,
    )
    ids = [row["version"] for row in rows]
    logs, requirements = await store.logs(connection, ids), catalogue.requirements()
    found = []
    for row in rows:
        name = row["version"]
        asked = await store.application(connection, name)
        if asked is None:
            continue
        stands = Row(asked, lifecycle.replay(logs[name], now=now))
        waivers = [
            each
            for each in await waiving.of_product(connection, name)
            if each.organisation in {"", organisation}
        ]
        lapses = lapses_of(stands, await shown_by(connection, name, requirements), waivers, now=now)
        moves = tuple(await moving.moves(connection, name, organisation))
        found.append(Holding(stands, tuple(row["areas"]), row["since"], lapses, moves))
    far = now + SOON
    return sorted(
        found,
        key=lambda each: (
            not each.is_leaving,
            each.lapses[0].at if each.lapses else far,
            each.row.application.product,
        ),
    )


async def adopt(standards: Standards, actor: Actor, application_id: str, *, area: str = "") -> str:
    """Put a product on record for the actor's own health body; its ODS code. Raises Forbidden for anyone else, and
    Conflict where the product may come to no new sites.
    """
    organisation = health_body(actor)
    await standards.deploy(actor, application_id, organisation=organisation, area=area)
    return organisation


async def shown_by(
    connection: Connection, application_id: str, requirements: Mapping[str, Requirement]
) -> dict[str, comparing.Shown]:
    """What the product's last run showed, by requirement."""
    run = await store.last_run(connection, application_id)
    return comparing.evidence(run.results, run.ended, requirements) if run else {}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two to four products side by side."""

    rows: tuple[Row, ...]
    declared: tuple[declaring.Declaration, ...]
    lines: tuple[comparing.Line, ...]

    def tree(self, now: datetime) -> dict[str, Any]:
        """As JSON data; a cell is null where nothing was shown."""
        cells = [
            [
                {"outcome": cell.outcome, "how": cell.how, "on": cell.on.isoformat(), "until": cell.until.isoformat(),
                 "counts": cell.counts(now)}
                if cell else None
                for cell in line.shown
            ]
            for line in self.lines
        ]  # fmt: skip
        lines = [
            {"requirement": line.requirement.id, "title": line.requirement.title, "level": line.requirement.level,
             "asked": list(line.asked), "shown": shown}
            for line, shown in zip(self.lines, cells, strict=True)
        ]  # fmt: skip
        products = [
            {**row.tree(), "declared": declaring.tree(said)}
            for row, said in zip(self.rows, self.declared, strict=True)
        ]
        return {"products": products, "requirements": lines}


async def compare(connection: Connection, ids: Sequence[str], *, now: datetime) -> Comparison:
    """Products side by side on evidence. Raises Invalid for fewer than two, more than four or one twice; NotFound."""
    if not _LEAST <= len(ids) <= _MOST or len(set(ids)) != len(ids):
        raise Invalid(f"Choose {_LEAST} to {_MOST} different products to compare.")
    rows, shown, requirements = [], [], catalogue.requirements()
    for name in ids:
        rows.append(await _row(connection, name, now))
        shown.append(await shown_by(connection, name, requirements))
    said = await declaring.declared(connection, ids)
    profiles = [frozenset(catalogue.profile(each.application.profile).requirements) for each in rows]
    lines = comparing.compare(profiles, shown, requirements)
    return Comparison(tuple(rows), tuple(said.get(name, declaring.NOTHING) for name in ids), tuple(lines))


async def _row(connection: Connection, name: str, now: datetime) -> Row:
    asked = await store.application(connection, name)
    if asked is None:
        raise NotFound("There is no such product in the register.")
    return Row(asked, await store.situation(connection, name, now=now))
