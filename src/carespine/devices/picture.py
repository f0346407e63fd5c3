"""A patient's readings over the weeks a summary looks at, resolved: what the sections are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from carespine.devices import store
from carespine.devices.metrics import all_metrics
from carespine.devices.models import ImportResult
from carespine.devices.naming import as_date
from carespine.devices.pressures import DIASTOLIC, SYSTOLIC, Pressure, pair
from carespine.devices.resolve import Day, days
from carespine.devices.samples import DAY_MS, HOUR_MS, Samples, SourceIdentity
from carespine.devices.shelf import Shelf, StoreShelf
from carespine.devices.sleep import nights
from carespine.devices.thresholds import Thresholds
from carespine.devices.zones import in_force

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# What the sections are made of. A metric no section shows is not read: five years of heart rate cost nothing.
METRICS = (
    SYSTOLIC,
    DIASTOLIC,
    "resting-heart-rate",
    "steps",
    "sleep",
    "weight",
    "glucose-cgm",
    "glucose-meter",
    "oxygen-saturation",
    "peak-flow",
    "moderate-minutes",
    "vigorous-minutes",
    "exercise-minutes",
    "dietary-energy",
    "fat",
    "saturates",
    "carbohydrate",
    "sugars",
    "free-sugars",
    "fibre",
    "protein",
    "sodium",
    "alcohol",
    "fruit-and-vegetables",
)
# What a GP looks back over between two reviews: a quarter of a year (issue: a 90-day summary).
LOOK_BACK_DAYS = 90
# The furthest that local days lie from UTC days, and a night's beginning on the evening before.
MARGIN_DAYS = 2
# Carespine: a day whose last reading comes before 22:00 is still going on (exported during the day).
DAY_IS_OVER_MS = 22 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Picture:
    """Readings of the look-back, resolved. Days are local days since 1970; `imports` go by their number.

    `last_day` is the day of the latest reading; `last_full_day` the latest that was over by then.
    """

    patient_id: str
    age: int | None
    last_day: int
    last_full_day: int
    readings: Mapping[str, Mapping[int, Samples]]
    days: Mapping[str, list[Day]]
    pressures: tuple[Pressure, ...]
    pressures_set_aside: tuple[Pressure, ...]
    sources: Mapping[int, SourceIdentity]
    imports: Mapping[int, ImportResult]
    not_shared: frozenset[str]
    thresholds: Thresholds = field(default_factory=dict)

    @property
    def period(self) -> str:
        return period_of(self.last_day)

    @property
    def first_day(self) -> int:
        return self.last_day - LOOK_BACK_DAYS + 1


def period_of(last_day: int) -> str:
    """The review period: the calendar month of the latest reading, as in 2026-11."""
    return f"{as_date(last_day):%Y-%m}"


async def load(
    tx: Connection, patient: int, patient_id: str, *, birth_date: date | None, thresholds: Thresholds
) -> Picture | None:
    """The picture of a patient now, with the targets set for them; None where nothing was ever stored."""
    return await of_shelf(
        StoreShelf(tx, patient),
        patient_id,
        birth_date=birth_date,
        imports=await store.imports(tx, patient, patient_id),
        not_shared=await store.classes_not_shared(tx, patient),
        thresholds=thresholds,
    )


async def of_shelf(
    shelf: Shelf,
    patient_id: str,
    *,
    birth_date: date | None,
    imports: Mapping[int, ImportResult],
    not_shared: frozenset[str] = frozenset(),
    thresholds: Thresholds | None = None,
) -> Picture | None:
    """The picture of what lies on a shelf; None where it is empty."""
    latest = await shelf.latest()
    if latest is None:
        return None
    last_day = latest.day
    first_ms = (last_day - LOOK_BACK_DAYS - MARGIN_DAYS) * DAY_MS
    stored = await shelf.window(METRICS, first_ms=first_ms, last_ms=(last_day + MARGIN_DAYS) * DAY_MS)
    readings = in_force(stored)
    sources = await shelf.sources()
    counted, aside = pair(readings, sources)
    return Picture(
        patient_id=patient_id,
        age=None if birth_date is None else _age(birth_date, as_date(last_day)),
        last_day=last_day,
        last_full_day=last_day if latest.ended_ms >= DAY_IS_OVER_MS else last_day - 1,
        readings=readings,
        days=resolve_all(readings, sources, await shelf.rankings()),
        pressures=tuple(counted),
        pressures_set_aside=tuple(aside),
        sources=sources,
        imports=imports,
        not_shared=not_shared,
        thresholds=thresholds or {},
    )


def resolve_all(
    readings: Mapping[str, Mapping[int, Samples]],
    sources: Mapping[int, SourceIdentity],
    rankings: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, list[Day]]:
    """The local days of every metric in these readings; `rankings` is the patient's own order of sources."""
    found = {}
    for key, by_source in readings.items():
        wanted = all_metrics()[key]
        own = (rankings or {}).get(key, ())
        found[key] = (
            nights(by_source, sources, own)
            if wanted.day == "sleep"
            else days(wanted, by_source, sources, own)
        )
    return found


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
