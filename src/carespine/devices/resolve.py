"""Truth from many sources, decided when reading: each local day's value, and who was set aside and why.

Nothing is deleted or changed. For each metric the sources are asked in the metric's order (watch before phone
for steps, and so on). A source is *present* while its readings of the metric follow one another closely. What
a later source says about a time in which a better one was present is set aside, in part where it overlaps in
part; once the better ones were present for 80 % of a day, the later ones are set aside for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from carespine.devices.intervals import NOTHING, Stretches, union
from carespine.devices.metrics import Metric
from carespine.devices.samples import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Bool,
    Float64,
    Int64,
    Samples,
    SourceIdentity,
    concatenate,
)

# Carespine: a worn watch samples the heart at least every ten minutes; three misses in a row mean taken off.
PRESENCE_GAP_MS = 30 * MINUTE_MS
# Carespine: two devices notice the beginning and end of one walk within two minutes of each other.
PRESENCE_EDGE_MS = 2 * MINUTE_MS
# Issue 2: a better source with less than 80 % of a day lets the next one serve the rest.
FULL_COVERAGE = 0.80
# Carespine: two apps that pass on one measurement write times within two minutes of each other.
SAME_READING_MS = 2 * MINUTE_MS

IMPLAUSIBLE = "outside the plausible range"
SAME_READING = "the same reading came through another app"
BETTER_PRESENT = "a better source measured at the same time"
DAY_COVERED = "a better source covered the day"
ONE_A_DAY = "a better source gave the day's value"
DETAIL_USED = "the source's own details of the day were used"
TOTAL_USED = "the source's own total of the day says more"

STATISTIC = "a minimum, maximum or average that a sender made, not a reading"
# The kind of source under which adapters file such values.
STATISTIC_KIND = "statistic"

# Carespine: an interval of 20 hours or more is a source's total of a day, not a stretch of it.
TOTAL_MS = 20 * HOUR_MS
# Carespine: details that reach nine tenths of the same source's total are complete.
COMPLETE_DETAILS = 0.9


@dataclass(frozen=True, slots=True)
class Share:
    """What one source gave to one day: readings used, readings set aside for each reason, and its amount."""

    source: int
    used: int
    set_aside: Mapping[str, int] = field(default_factory=dict)
    amount: float = 0.0

    @property
    def set_aside_total(self) -> int:
        return sum(self.set_aside.values())


@dataclass(frozen=True, slots=True)
class Span:
    """From the first reading used to the last: moments in ms, each with the offset in force (minutes)."""

    start_ms: int
    start_offset_min: int
    end_ms: int
    end_offset_min: int


@dataclass(frozen=True, slots=True)
class Day:
    """One metric on one local day (days since 1970). `value` is None where every reading was set aside.

    `low` and `high` are the least and the greatest reading used; `parts` names further amounts, such as the
    minutes of each sleep stage. `imports` are the numbers of the imports whose readings were used.
    """

    day: int
    value: float | None
    low: float | None
    high: float | None
    shares: tuple[Share, ...]
    parts: Mapping[str, float] = field(default_factory=dict)
    imports: frozenset[int] = frozenset()
    span: Span | None = None

    @property
    def used(self) -> int:
        return sum(share.used for share in self.shares)

    @property
    def main_source(self) -> int | None:
        """The source that gave most, for those who can name only one."""
        useful = [share for share in self.shares if share.used]
        return max(useful, key=lambda share: (share.amount, share.used)).source if useful else None


def days(
    wanted: Metric,
    by_source: Mapping[int, Samples],
    sources: Mapping[int, SourceIdentity],
    preferred: Sequence[int] = (),
) -> list[Day]:
    """Every local day that has a reading of this metric, in order. `preferred` sources come first, in that order."""
    tables = _tables(wanted, by_source, sources)
    every = sorted({day for table in tables for day in table.rows_of})
    return [_day(day, wanted, _ordered(tables, day, wanted, sources, preferred)) for day in every]


def _tables(
    wanted: Metric, by_source: Mapping[int, Samples], sources: Mapping[int, SourceIdentity]
) -> list[_Table]:
    """One table a source; two where a source gave totals of whole days beside details."""
    tables = []
    for source, samples in by_source.items():
        whole = samples.end_ms - samples.start_ms >= TOTAL_MS
        # A diary without times writes every meal as its whole day: those are parts, not totals.
        if wanted.day != "sum" or wanted.data_class == "diet" or not whole.any() or whole.all():
            parts = [samples]
        else:
            parts = [samples.take(~whole), samples.take(whole)]
        made = [_Table(source, part, wanted) for part in parts if len(part)]
        for table in made:
            table.is_statistic = source in sources and sources[source].kind == STATISTIC_KIND
        tables += made
    return tables


_NO_ROWS = slice(0, 0)


@dataclass(slots=True, eq=False)
class _Table:
    """One source's readings with what every rule needs, cut into local days."""

    source: int
    samples: Samples
    value: Float64
    day: Int64
    plausible: Bool
    present: Stretches
    is_totals: bool
    is_statistic: bool
    rows_of: Mapping[int, slice]

    def __init__(self, source: int, samples: Samples, wanted: Metric) -> None:
        day = samples.middle_day() if wanted.timing == "daily" else samples.local_day()
        order = np.argsort(day, kind="stable")
        self.source, self.samples, self.day = source, samples.take(order), day[order]
        self.value = self.samples.canonical(wanted)
        lengths = samples.end_ms - samples.start_ms
        self.is_statistic = False
        self.is_totals = wanted.day == "sum" and bool((lengths >= TOTAL_MS).all())
        least, most = wanted.bounds
        self.plausible = (self.value >= least) & (self.value <= most)
        together = union(self.samples.start_ms, self.samples.end_ms, gap_ms=PRESENCE_GAP_MS)
        self.present = union(together.starts - PRESENCE_EDGE_MS, together.ends + PRESENCE_EDGE_MS)

        every, begins = np.unique(self.day, return_index=True)
        ends = [*begins[1:].tolist(), len(self.day)]
        self.rows_of = {
            number: slice(begin, end)
            for number, begin, end in zip(every.tolist(), begins.tolist(), ends, strict=True)
        }

    def rows(self, day: int) -> slice:
        return self.rows_of.get(day, _NO_ROWS)


def _ordered(
    tables: Iterable[_Table],
    day: int,
    wanted: Metric,
    sources: Mapping[int, SourceIdentity],
    preferred: Sequence[int] = (),
) -> list[_Table]:
    """The sources with readings on this day, best first; among equals the one that was present longer."""

    def order(table: _Table) -> tuple[int, int, bool, int, int]:
        kind = sources[table.source].kind if table.source in sources else "unknown"
        rows = table.rows(day)
        first, last = int(table.samples.start_ms[rows].min()), int(table.samples.end_ms[rows].max())
        stayed = table.present.within(first, last + 1).total
        # Between equals, details before totals: they can be compared with other sources stretch by stretch.
        own = preferred.index(table.source) if table.source in preferred else len(preferred)
        return own, wanted.rank(kind), table.is_totals, -stayed, table.source

    present = [table for table in tables if _has(table, day)]
    return present if len(present) < 2 else sorted(present, key=order)


def _has(table: _Table, day: int) -> bool:
    rows = table.rows(day)
    return bool(rows.stop > rows.start)


def _day(day: int, wanted: Metric, tables: list[_Table]) -> Day:
    chosen = list(_choose(day, wanted, tables))
    used = [(table, fraction) for table, fraction, _ in chosen if (fraction > 0).any()]
    value, low, high = _value(wanted, day, used)
    shares = tuple(_share(table, day, fraction, aside) for table, fraction, aside in chosen)
    kept = concatenate([table.samples.take(_rows_used(table, day, fraction)) for table, fraction in used])
    return Day(day, value, low, high, shares, imports=imports_of(kept), span=span_of(kept))


def _rows_used(table: _Table, day: int, fraction: Float64) -> Int64 | slice:
    rows = table.rows(day)
    if fraction.all():
        return rows  # as nearly always; a slice copies nothing
    result: Int64 = np.flatnonzero(fraction > 0) + int(rows.start)
    return result


def imports_of(samples: Samples) -> frozenset[int]:
    """The numbers of the imports that brought these readings."""
    return frozenset(np.unique(samples.origin).tolist() if len(samples) > 1 else samples.origin.tolist())


def span_of(samples: Samples) -> Span | None:
    """From the earliest start to the latest end of these readings; None without any."""
    if not len(samples):
        return None
    first, last = int(samples.start_ms.argmin()), int(samples.end_ms.argmax())
    return Span(
        int(samples.start_ms[first]),
        int(samples.offset_min[first]),
        int(samples.end_ms[last]),
        int(samples.offset_min[last]),
    )


def separate(
    wanted: Metric,
    by_source: Mapping[int, Samples],
    sources: Mapping[int, SourceIdentity],
    preferred: Sequence[int] = (),
) -> dict[int, tuple[Samples, Samples]]:
    """For a sparse metric: the readings of each source that count, and those that were set aside."""
    tables = _tables(wanted, by_source, sources)
    if len(tables) == 1 and not tables[0].is_statistic:
        (only,) = tables
        return {only.source: (only.samples.take(only.plausible), only.samples.take(~only.plausible))}
    found: dict[int, tuple[list[Samples], list[Samples]]] = {}
    for day in sorted({day for table in tables for day in table.rows_of}):
        for table, fraction, _ in _choose(day, wanted, _ordered(tables, day, wanted, sources, preferred)):
            kept, aside = found.setdefault(table.source, ([], []))
            of_day = table.samples.take(np.arange(*table.rows(day).indices(len(table.day))))
            kept.append(of_day.take(fraction > 0))
            aside.append(of_day.take(fraction <= 0))
    return {source: (concatenate(kept), concatenate(aside)) for source, (kept, aside) in found.items()}


Choice = tuple[_Table, Float64, dict[str, int]]
"""A source, which fraction of each of its day's readings counts, and how many were set aside why."""


def _choose(day: int, wanted: Metric, tables: list[_Table]) -> Iterator[Choice]:
    if len(tables) == 1 and not tables[0].is_statistic:
        yield _alone(day, tables[0])
        return
    rule = _overlap_rule(wanted)
    covered, earlier = NOTHING, list[_Table]()
    less = _less_telling(day, tables) | {id(table): STATISTIC for table in tables if table.is_statistic}
    for place, table in enumerate(tables, 1):
        rows = table.rows(day)
        fraction = table.plausible[rows].astype(np.float64)
        aside = {IMPLAUSIBLE: int((~table.plausible[rows]).sum())}
        own = less.get(id(table))
        if own is not None:
            aside[own] = int((fraction > 0).sum())
            fraction = np.zeros(len(fraction))
        first, last = _bounds_of(day, table, rows)
        if earlier:
            reason, keep = rule(table, rows, covered.within(first, last), earlier, day)
            lost = (fraction > 0) & (keep <= 0)
            aside[reason] = int(lost.sum())
            fraction = fraction * keep
        # What the last source covered, nobody asks.
        if place < len(tables) and (fraction > 0).any():
            covered = covered.joined(table.present.within(first, last))
            earlier.append(table)
        yield table, fraction, {reason: count for reason, count in aside.items() if count}


def _alone(day: int, table: _Table) -> Choice:
    """The choice where nobody else has a reading on the day: what is plausible counts."""
    plausible = table.plausible[table.rows(day)]
    implausible = len(plausible) - int(np.count_nonzero(plausible))
    return table, plausible.astype(np.float64), {IMPLAUSIBLE: implausible} if implausible else {}


def _less_telling(day: int, tables: list[_Table]) -> dict[int, str]:
    """Of a source with both totals and details of a day, the one of the two that says less, and why."""
    less = {}
    for totals in (table for table in tables if table.is_totals):
        for details in tables:
            if details.source == totals.source and not details.is_totals:
                whole = float(totals.value[totals.rows(day)].sum())
                parts = float(details.value[details.rows(day)].sum())
                if parts >= COMPLETE_DETAILS * whole:
                    less[id(totals)] = DETAIL_USED
                else:
                    less[id(details)] = TOTAL_USED
    return less


def _bounds_of(day: int, table: _Table, rows: slice) -> tuple[int, int]:
    """The local day as moments in UTC, by the offset of the source's first reading of that day."""
    start = day * DAY_MS - int(table.samples.offset_min[rows.start]) * MINUTE_MS
    return start, start + DAY_MS


OverlapRule = Callable[[_Table, slice, Stretches, list[_Table], int], tuple[str, Float64]]
"""Given what better sources covered: why readings are set aside, and the fraction of each to keep."""


def _overlap_rule(wanted: Metric) -> OverlapRule:
    if wanted.timing == "daily":
        return _one_a_day
    return _by_presence if wanted.dense else _same_reading


def _one_a_day(
    _table: _Table, rows: slice, _covered: Stretches, _earlier: list[_Table], _day: int
) -> tuple[str, Float64]:
    return ONE_A_DAY, np.zeros(rows.stop - rows.start)


def _by_presence(
    table: _Table, rows: slice, covered: Stretches, _earlier: list[_Table], _day: int
) -> tuple[str, Float64]:
    starts, ends = table.samples.start_ms[rows], table.samples.end_ms[rows]
    if covered.total >= FULL_COVERAGE * DAY_MS:
        return DAY_COVERED, np.zeros(len(starts))
    length = (ends - starts).astype(np.float64)
    outside = np.where(length > 0, length - covered.overlap(starts, ends), ~covered.holds(starts))
    result: Float64 = outside / np.where(length > 0, length, 1.0)
    return BETTER_PRESENT, result


def _same_reading(
    table: _Table, rows: slice, _covered: Stretches, earlier: list[_Table], day: int
) -> tuple[str, Float64]:
    """Separate measurements all count; one that another app passed on as well counts once."""
    keep = np.ones(rows.stop - rows.start)
    for other in earlier:
        theirs = other.rows(day)
        apart = np.abs(table.samples.start_ms[rows][:, None] - other.samples.start_ms[theirs][None, :])
        differ = np.abs(table.value[rows][:, None] - other.value[theirs][None, :])
        tolerance = 0.005 * np.abs(table.value[rows])[:, None]
        keep[((apart <= SAME_READING_MS) & (differ <= tolerance)).any(axis=1)] = 0.0
    return SAME_READING, keep


# Rules that give a single reading back as it is.
_OF_ONE = frozenset({"max", "last", "median", "mean"})


def _value(
    wanted: Metric, day: int, used: list[tuple[_Table, Float64]]
) -> tuple[float | None, float | None, float | None]:
    if not used:
        return None, None, None
    amounts = np.concatenate([table.value[table.rows(day)][fraction > 0] for table, fraction in used])
    if len(amounts) == 1 and wanted.day in _OF_ONE:
        only = float(amounts[0])
        return only, only, only
    low, high = float(amounts.min()), float(amounts.max())
    if wanted.day == "sum":
        total = sum(float((table.value[table.rows(day)] * fraction).sum()) for table, fraction in used)
        return total, low, high
    if wanted.day == "max":
        return high, low, high
    if wanted.day == "leq":
        return float(10 * np.log10(np.mean(10 ** (amounts / 10)))), low, high
    if wanted.day == "last":
        moments = np.concatenate(
            [table.samples.start_ms[table.rows(day)][fraction > 0] for table, fraction in used]
        )
        return float(amounts[np.flatnonzero(moments == moments.max())[0]]), low, high
    middle = np.median(amounts) if wanted.day == "median" else amounts.mean()
    return float(middle), low, high


def _share(table: _Table, day: int, fraction: Float64, aside: dict[str, int]) -> Share:
    amount = float((table.value[table.rows(day)] * fraction).sum())
    return Share(table.source, int((fraction > 0).sum()), aside, amount)
