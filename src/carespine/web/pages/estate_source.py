"""What a health body sees of the register, from the standards domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.kernel.errors import Forbidden
from carespine.standards import catalogue, comparing, estate, monitoring, moving, register
from carespine.standards.authority import health_body
from carespine.web.pages.product_source import product_row
from carespine.web.pages.product_words import outcome_words
from carespine.web.pages.views import (
    ComparedLine,
    ComparedProduct,
    Comparison,
    Estate,
    EstateRow,
    Evidence,
    ProductRow,
    Visitor,
)

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.kernel.clock import Clock
    from carespine.security.actor import Actor
    from carespine.standards.service import Standards
    from carespine.storage.database import Database

_NOTICES = 10


@dataclass(frozen=True, slots=True)
class EstateSource:
    """Fills the port `Estates`."""

    database: Database
    clock: Clock
    standards: Standards

    async def choices(self) -> tuple[ProductRow, ...]:
        async with self.database.connection() as connection:
            rows = await register.rows(connection, now=self.clock())
        return tuple(product_row(row) for row in rows)

    async def adoptable(self) -> tuple[ProductRow, ...]:
        async with self.database.connection() as connection:
            rows = await register.rows(connection, now=self.clock())
        return tuple(product_row(row) for row in rows if row.situation.access.new_sites)

    async def compare(self, ids: Sequence[str]) -> Comparison:
        async with self.database.connection() as connection:
            now = self.clock()
            found = await estate.compare(connection, ids, now=now)
        products = [
            ComparedProduct(
                product_row(row),
                catalogue.profile(row.application.profile).title,
                said.capabilities,
                said.dependencies,
            )
            for row, said in zip(found.rows, found.declared, strict=True)
        ]
        lines = [
            ComparedLine(
                line.requirement.id,
                line.requirement.title,
                line.requirement.level,
                tuple(
                    _evidence(cell, now) if asked else None
                    for asked, cell in zip(line.asked, line.shown, strict=True)
                ),
            )
            for line in found.lines
        ]
        return Comparison(tuple(products), tuple(lines))

    async def estate(self, visitor: Visitor) -> Estate:
        organisation = health_body(_actor(visitor))
        async with self.database.connection() as connection:
            held = await estate.of(connection, organisation, now=self.clock())
            told = await monitoring.notices(connection, organisation, most=_NOTICES)
        rows = tuple(
            EstateRow(
                product_row(each.row),
                tuple(area for area in each.areas if area),
                each.is_leaving,
                each.row.situation.deadline,
                tuple((lapse.what, lapse.at) for lapse in each.lapses),
                _moved(each.moves),
            )
            for each in held
        )
        return Estate(organisation, rows, tuple((each.at, each.text) for each in told))

    async def adopt(self, visitor: Visitor, product_id: str, *, area: str) -> None:
        await estate.adopt(self.standards, _actor(visitor), product_id, area=area)


def _actor(visitor: Visitor) -> Actor:
    if visitor.actor is None:
        raise Forbidden("Only a health body's own administrator may see its estate.")
    return visitor.actor


def _moved(moves: Sequence[moving.Move]) -> str:
    if not moves:
        return "Not rehearsed yet"
    last = moves[0]
    return f"Moved to {last.target} without loss" if last.equal else f"Moving to {last.target} lost something"


def _evidence(cell: comparing.Shown | None, now: datetime) -> Evidence:
    if cell is None:
        return Evidence("Not shown", "neutral", "", None, None)
    words, tone = outcome_words(cell.outcome)
    if not cell.counts(now):
        return Evidence("Out of date", "watch", cell.how, cell.on, cell.until)
    return Evidence(words, tone, cell.how, cell.on, cell.until)
