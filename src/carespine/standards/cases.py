"""The authority's desk: every case that is open, what was found, answered and appealed, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.standards import lifecycle, store
from carespine.standards.lifecycle import Entry, Event, Situation
from carespine.standards.register import Row
from carespine.standards.states import DECIDING_TIME, State

if TYPE_CHECKING:
    from carespine.storage.database import Connection

OPEN = frozenset(
    {
        State.WATCH,
        State.NONCONFORMITY,
        State.CAP_AGREED,
        State.RESTRICTED,
        State.PHASING_OUT,
        State.EXPORT_ONLY,
        State.SUSPENDED,
    }
)
_SAID = frozenset(
    {Event.FIND, Event.REPLY, Event.AGREE, Event.EXTEND, Event.SUSPEND, Event.APPEAL, Event.UPHOLD, Event.OVERTURN,
     Event.RESTRICT, Event.PHASE_OUT, Event.REFUSE}
)  # fmt: skip
_MOST = 6


@dataclass(frozen=True, slots=True)
class Case:
    """A product that is not simply certified. `said` are the last lines of the case, the newest first; `waits_for`
    is who has to act next.
    """

    row: Row
    said: tuple[Entry, ...]
    waits_for: str

    @property
    def until(self) -> datetime | None:
        """When it goes on by itself, or when an appeal has to be decided, if that is sooner."""
        found = self.row.situation
        moments = [each for each in (found.deadline, found.lapses) if each]
        if found.appealed:
            moments.append(found.appealed + DECIDING_TIME)
        return min(moments) if moments else None


def waits_for(situation: Situation) -> str:
    """Who has to act next."""
    if situation.appealed is not None:
        return "the authority: decide the appeal"
    match situation.state:
        case State.NONCONFORMITY if situation.replied:
            return "the authority: agree the plan, or restrict"
        case State.NONCONFORMITY:
            return "the supplier: answer the finding"
        case State.CAP_AGREED | State.RESTRICTED if situation.passed is not None:
            return "the authority: close the finding"
        case State.CAP_AGREED | State.RESTRICTED | State.WATCH:
            return "the supplier: mend it, and pass a run"
        case State.SUSPENDED:
            return "the authority: hear the supplier"
    return "the sites: move"


def case_of(row: Row, log: Sequence[Entry]) -> Case | None:
    """The case of a product, or None where none is open."""
    if row.situation.state not in OPEN and row.situation.appealed is None:
        return None
    said = [each for each in reversed(log) if each.event in _SAID][:_MOST]
    return Case(row, tuple(said), waits_for(row.situation))


async def open_cases(connection: Connection, *, now: datetime) -> list[Case]:
    """All open cases: those that wait for the authority first, then by their time."""
    asked = await store.applications(connection)
    logs = await store.logs(connection, [each.id for each in asked])
    found = []
    for each in asked:
        row = Row(each, lifecycle.replay(logs[each.id], now=now))
        if (case := case_of(row, logs[each.id])) is not None:
            found.append(case)
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(found, key=lambda each: (not each.waits_for.startswith("the authority"), each.until or far))
