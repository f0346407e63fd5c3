"""Generates a real-shaped Apple Health export.zip, with everything true about it known.

The file has what makes real ones hard to read: a memory address in each device description, curly
apostrophes and no-break spaces in names, blood pressure three times over, saturation as a fraction of "%",
glucose in two units, the same walks counted by watch and phone, a week in another time zone, a night of 23 or
25 hours, repeated, implausible and malformed records. The brands are invented, the layout is Apple's.

It streams: memory does not grow with the number of records. The XML is the same for the same arguments on
every machine and Python; the zip around it as far as the machine's zlib is the same.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import chain
from pathlib import Path

from carespine.demo.wearables import body, glucose, heart_rate, movement, night, pressure, trouble
from carespine.demo.wearables.clock import Clock, Trip
from carespine.demo.wearables.markup import CDA, Pen, head
from carespine.demo.wearables.shop import Workshop
from carespine.demo.wearables.truth import ExportTruth, GlucoseTruth, PressureReading, PressureTruth
from carespine.demo.wearables.wearer import Wearer, sources_of, wearer_of

__all__ = [
    "DEFAULT_DAYS",
    "DEFAULT_RECORDS",
    "DEFAULT_START",
    "ExportTruth",
    "GlucoseTruth",
    "PressureReading",
    "PressureTruth",
    "Wearer",
    "wearer_of",
    "write_export",
]
# Sixty days that end the day before the demonstration's today; British clocks go back on 25 October 2026.
DEFAULT_START, DEFAULT_DAYS, DEFAULT_RECORDS = date(2026, 9, 17), 60, 60_000
FEWEST_DAYS = 28  # enough for the trip, the week of blood pressures and the sensor, none upon another
_TRIP_AT, _TRIP_DAYS = 0.15, 7
_LINES_AT_ONCE = 2_000
_FOLDER = "apple_health_export"
# What a day writes apart from heart rate, at most, and what the sensor adds: fewer records cannot be asked.
_MOST_A_DAY, _MOST_FROM_SENSOR = 420, 4_600


def write_export(
    path: Path,
    *,
    person: Wearer,
    seed: int = 1948,
    start: date = DEFAULT_START,
    days: int | None = None,
    records: int = DEFAULT_RECORDS,
    as_taken: bool = False,
) -> ExportTruth:
    """Writes `path`, an export.zip of exactly `records` top-level Record elements; returns the truth.

    `days` from `start` on; by default sixty, or a day for each thousand records where that is more. Every
    moment is written with the offset of the wearer's home, as Apple does; with `as_taken` with that of the
    place where the wearer was. Raises ValueError for fewer than 28 days, or too few records for the days.
    """
    length = days if days is not None else max(DEFAULT_DAYS, records // 1_000)
    _check(length, records, person)
    shop = _workshop(person, seed, start, length, as_taken=as_taken)
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(_member(f"{_FOLDER}/export.xml"), "w", force_zip64=True) as member:
            for chunk in _chunks(_lines(shop, records)):
                shop.truth.xml_bytes += member.write(chunk)
        archive.writestr(_member(f"{_FOLDER}/export_cda.xml"), CDA)
    return shop.truth


def _check(length: int, records: int, person: Wearer) -> None:
    if length < FEWEST_DAYS:
        raise ValueError(f"an export covers at least {FEWEST_DAYS} days, not {length}")
    fewest = (_MOST_A_DAY + heart_rate.FEWEST_A_DAY) * length + _MOST_FROM_SENSOR * person.has_diabetes
    if records < fewest:
        raise ValueError(f"{length} days need at least {fewest} records, not {records}")


def _workshop(person: Wearer, seed: int, start: date, length: int, *, as_taken: bool) -> Workshop:
    out = start + timedelta(days=round(length * _TRIP_AT))
    trip = Trip(out, out + timedelta(days=_TRIP_DAYS - 1))
    clock = Clock(home=person.home_zone, start=start, days=length, trip=trip, as_taken=as_taken)
    last = start + timedelta(days=length - 1)
    changes = (clock.home_day(moment) for moment in clock.home.changes())
    truth = ExportTruth(
        first_day=start,
        last_day=last,
        trip=(trip.first, trip.last),
        clock_changes=tuple(day for day in changes if start <= day <= last),
    )
    return Workshop(
        seed=seed,
        start=start,
        length=length,
        wearer=person,
        sources=sources_of(person),
        clock=clock,
        pen=Pen(clock),
        truth=truth,
    )


def _lines(shop: Workshop, records: int) -> Iterator[str]:
    """The document, type after type as Apple writes it; heart rate last of the records, to fill up."""
    exported = shop.clock.midnight(shop.day(shop.length)) + 7 * 3600
    readings = pressure.Readings(shop)
    yield from head(shop.wearer, shop.clock.text(exported))
    yield from chain(body.height(shop), body.weights(shop), body.body_fat(shop))
    yield from chain(movement.steps(shop), movement.distances(shop), movement.energy(shop))
    yield from chain(movement.floors(shop), night.oxygen(shop), night.breathing(shop))
    yield from pressure.records(shop, readings, pressure.SYSTOLIC)
    yield from pressure.records(shop, readings, pressure.DIASTOLIC)
    if shop.wearer.has_diabetes:
        yield from chain(glucose.sensor(shop), glucose.meter(shop))
    yield from chain(night.resting(shop), night.variability(shop), night.noise(shop))
    yield from chain(movement.stand_hours(shop), night.sleep(shop))
    yield from chain(trouble.implausible(shop), trouble.malformed(shop))
    yield from heart_rate.heart_rates(shop, records - shop.truth.records)
    yield from pressure.correlations(shop, readings)
    yield from chain(movement.workouts(shop), movement.activity_summaries(shop))
    yield "</HealthData>\n"


def _chunks(lines: Iterable[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == _LINES_AT_ONCE:
            yield "".join(waiting).encode()
            waiting.clear()
    yield "".join(waiting).encode()


def _member(name: str) -> zipfile.ZipInfo:
    """A member of the archive with a fixed time, so that two archives of the same content are the same."""
    info = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
