"""Waivers: which requirement may be left unmet, by whom, where, why and until when; pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from carespine.standards.models import Requirement

_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver that was granted. It holds from `granted` until `until` and then ends by itself.

    `organisation` is an ODS code; empty, it holds everywhere and counts in the product's certificate.
    """

    id: str
    application: str
    requirement: str
    organisation: str
    reason: str
    who: str
    granted: datetime
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it counts at this moment."""
        return self.granted <= now < self.until


@dataclass(frozen=True, slots=True)
class Wish:
    """A waiver that is asked for."""

    requirement: str
    reason: str
    until: datetime | None
    organisation: str = ""


def latest_end(granted: datetime) -> datetime:
    """Twelve calendar months later, by UTC (LI-04: at most 12 months); of 29 February the 28th."""
    moment = granted.astimezone(UTC)
    last = monthrange(moment.year + 1, moment.month)[1]
    return moment.replace(year=moment.year + 1, day=min(moment.day, last))


def reasons_to_refuse(
    wish: Wish, requirement: Requirement | None, *, known: Iterable[Waiver], now: datetime
) -> tuple[str, ...]:
    """Every reason why this waiver may not be granted now; none grants it. `known` are the product's own."""
    if requirement is None:
        return (f"There is no requirement {wish.requirement} in the product's profile.",)
    reasons = []
    if not requirement.waivable:
        reasons.append(f"{requirement.id} may not be waived: {requirement.harm}")
    if not wish.reason.strip():
        reasons.append("Say why: the reason is shown to everybody.")
    if len(wish.reason) > _LONGEST_REASON:
        reasons.append(f"The reason is {_LONGEST_REASON} characters at most.")
    reasons += _wrong_with_end(wish.until, now)
    if any(
        each.requirement == wish.requirement and each.organisation == wish.organisation and each.holds(now)
        for each in known
    ):
        reasons.append(f"{requirement.id} is waived there already.")
    return tuple(reasons)


def _wrong_with_end(until: datetime | None, now: datetime) -> list[str]:
    if until is None:
        return ["A waiver has an end."]
    if until.tzinfo is None:
        return ["The end of a waiver has a time zone."]
    if not now < until <= latest_end(now):
        return ["A waiver ends in the future, within 12 months."]
    return []


def in_force(waivers: Sequence[Waiver], *, now: datetime, organisation: str = "") -> dict[str, datetime]:
    """The requirements that are waived everywhere, and at this organisation, with the moment when that ends."""
    places = {"", organisation}
    found: dict[str, datetime] = {}
    for each in waivers:
        if each.organisation in places and each.holds(now):
            found[each.requirement] = max(each.until, found.get(each.requirement, each.until))
    return found
