"""What the sections share: numbers in words, data quality, and where each number came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from carespine.devices.metrics import Metric, Unit, metric
from carespine.devices.models import (
    Change,
    Coding,
    Figure,
    Point,
    Provenance,
    Quality,
    Result,
    Series,
    SourceShare,
    Standing,
    Target,
)
from carespine.devices.naming import as_date, day_id, device_id
from carespine.devices.picture import Picture
from carespine.devices.resolve import IMPLAUSIBLE, Day
from carespine.devices.samples import ZoneTrust
from carespine.devices.words import amount, counted

# Carespine: a section says so when its readings end more than a week before the newest of any kind.
STALE_DAYS = 7


@dataclass(frozen=True, slots=True)
class Frame:
    """What stays the same in a section, whatever its state."""

    key: str
    title: str
    plain_title: str
    metric_key: str
    rule: str

    def empty(self, picture: Picture) -> Result:
        """The section without any reading: not shared, or simply none."""
        data_class = metric(self.metric_key).data_class
        shared = data_class not in picture.not_shared
        return Result(
            key=self.key,
            title=self.title,
            plain_title=self.plain_title,
            data_class=data_class,
            state="no-data" if shared else "not-shared",
            verdict="No readings." if shared else "The patient has not shared this class of data.",
            plain="We have no readings." if shared else "You have chosen not to share this.",
            rule=self.rule,
        )


def rounded(value: float, digits: int) -> Decimal:
    """`value` to so many digits after the point, halves away from zero."""
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def written(value: float, digits: int) -> str:
    """A number as people write it: thousands separated, a true minus sign."""
    return f"{rounded(value, digits):,}".replace("-", "\u2212")


def figure(
    key: str,
    label: str,
    value: float,
    *,
    unit: Unit,
    digits: int = 0,
    codes: tuple[Coding, ...] = (),
    target: Target | None = None,
) -> Figure:
    """A figure whose value is rounded as it is shown, so that number, text and standing always agree."""
    shown = float(rounded(value, digits))
    return Figure(
        key=key,
        label=label,
        value=shown,
        text=written(value, digits),
        unit=unit.code,
        unit_text=unit.text,
        codes=codes,
        target=target,
        standing=None if target is None else standing(shown, target),
    )


def instant(moment_ms: int) -> datetime:
    """A stored moment as an instant."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC)


def target(picture: Picture, key: str, usual: Target) -> Target:
    """The target a clinician set for this patient under `key`, else the guideline's."""
    own = picture.thresholds.get(key)
    return usual if own is None else own.target


def standing(value: float, target: Target) -> Standing:
    """Where a value lies; the low end belongs to the band, the high end does not."""
    if target.low is not None and value < target.low:
        return "below"
    if target.high is not None and value >= target.high:
        return "above"
    return "within"


def change(
    label: str,
    now: float,
    before: float,
    *,
    unit_text: str,
    digits: int,
    against: str,
    say: Callable[[float], str] | None = None,
) -> Change:
    """A number against the time before, in a sentence that names both; `say` words an amount of another kind."""
    say = say or (lambda value: amount(written(value, digits), unit_text))
    difference = float(rounded(now, digits) - rounded(before, digits))
    if difference == 0:
        sentence = f"{label}: {say(now)}, unchanged against {against}."
    else:
        word = "up" if difference > 0 else "down"
        sentence = f"{label}: {say(now)}, {word} {say(abs(difference))} against {against} ({say(before)})."
    shown = float(rounded(now, digits)), float(rounded(before, digits))
    return Change(label, *shown, difference, unit_text, sentence)


def chart(key: str, label: str, of: Metric, found: Iterable[Day], kind: str = "line") -> Series:
    """One point for each day with a value, in the metric's day unit."""
    points = tuple(
        Point(as_date(day.day), round(day.value, 4), day.low, day.high)
        for day in found
        if day.value is not None
    )
    unit = of.day_unit
    return Series(key, label, unit.code, unit.text, "bar" if kind == "bar" else "line", points)


def quality(picture: Picture, key: str, found: Sequence[Day], *, first: int, last: int) -> Quality:
    """How many of the days from `first` to `last` have a value, and what else a reader should know."""
    inside = [day for day in found if first <= day.day <= last]
    with_value = [day for day in inside if day.value is not None]
    aside = sum(share.set_aside_total for day in inside for share in day.shares)
    newest = max((day.day for day in found), default=last)
    flags = [*zone_flags(picture, key, first=first, last=last), *_flags(picture, inside, last=newest)]
    return Quality(
        days_expected=last - first + 1,
        days_with_readings=len(with_value),
        coverage=round(len(with_value) / (last - first + 1), 4),
        readings=sum(day.used for day in inside),
        readings_set_aside=aside,
        flags=tuple(flags),
    )


def _flags(picture: Picture, inside: Sequence[Day], *, last: int) -> Iterable[str]:
    odd = sum(share.set_aside.get(IMPLAUSIBLE, 0) for day in inside for share in day.shares)
    if odd:
        yield f"{counted(odd, 'reading')} outside the plausible range were set aside."
    if picture.last_day - last > STALE_DAYS:
        yield f"The latest reading is from {as_date(last):%d %B %Y}."


def zone_flags(picture: Picture, key: str, *, first: int, last: int) -> Iterable[str]:
    """A sentence where the local day of some readings from `first` to `last` is not certain."""
    doubtful = 0
    for samples in picture.readings.get(key, {}).values():
        day = samples.local_day()
        doubtful += int(((samples.trust == ZoneTrust.AMBIGUOUS) & (day >= first) & (day <= last)).sum())
    if doubtful:
        yield f"The time zone of {counted(doubtful, 'reading')} is not certain: their day may be wrong."


def provenance(picture: Picture, key: str, found: Sequence[Day]) -> Provenance:
    """Where the numbers of these days come from: sources, daily Observations, imports."""
    return Provenance(
        sources=shares(picture, found),
        observation_ids=tuple(
            day_id(picture.patient_id, key, day.day) for day in found if day.value is not None
        ),
        import_ids=import_ids(picture, frozenset[int]().union(*(day.imports for day in found))),
    )


def import_ids(picture: Picture, numbers: frozenset[int]) -> tuple[str, ...]:
    """The ids of these imports, oldest first."""
    return tuple(picture.imports[number].import_id for number in sorted(numbers) if number in picture.imports)


def shares(picture: Picture, found: Sequence[Day]) -> tuple[SourceShare, ...]:
    """What each source gave to these days, the one used most first."""
    rows = []
    for source in sorted({share.source for day in found for share in day.shares}):
        own = [share for day in found for share in day.shares if share.source == source]
        rows.append(
            SourceShare(
                source_id=device_id(picture.patient_id, source),
                label=picture.sources[source].label,
                readings_used=sum(share.used for share in own),
                readings_set_aside=sum(share.set_aside_total for share in own),
                days_used=sum(1 for share in own if share.used),
                reasons=tuple(sorted({reason for share in own for reason in share.set_aside})),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.readings_used, row.label)))
