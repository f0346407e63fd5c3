"""The table of metrics, read once from metrics.toml: what each is called, coded, measured and added up in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from carespine.devices.codes import LOCAL_METRIC, LOINC, SNOMED
from carespine.devices.models import Coding

Timing = Literal["instant", "interval", "daily"]
DayRule = Literal["sum", "mean", "median", "last", "max", "leq", "sleep"]

# LOINC's own names say so: measured, calculated or estimated over 24 hours, or the sleep of a night.
CODES_OF_A_DAY = frozenset(
    {
        "41950-7",
        "41953-1",
        "41979-6",
        "93832-4",
        "9057-1",
        "75302-0",
        "81033-3",
        "81133-1",
        "81057-2",
        "81012-7",
    }
)


class TableError(ValueError):
    """metrics.toml says something that must not be; found when the table is read, so in every test."""


class SleepStage(IntEnum):
    """The stages in which a sleep sample is stored; the numbers are in stored data and never change."""

    IN_BED = 0
    AWAKE = 1
    ASLEEP = 2
    LIGHT = 3
    DEEP = 4
    REM = 5


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that readings may come in: canonical = (value + shift) * factor. `code` is UCUM."""

    code: str
    text: str
    factor: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. See metrics.toml for what each field means and where it comes from."""

    key: str
    title: str
    plain: str
    loinc: Coding | None
    loinc_day: Coding | None
    loinc_extra: tuple[Coding, ...]
    local: Coding | None
    snomed: Coding | None
    units: tuple[Unit, ...]
    day_unit: Unit
    bounds: tuple[float, float]
    bounds_source: str
    impossible: tuple[float, float]
    resolution: float
    digits: int
    day: DayRule
    timing: Timing
    dense: bool
    category: str
    data_class: str
    ranking: tuple[str, ...]

    @property
    def unit(self) -> Unit:
        """The canonical unit."""
        return self.units[0]

    def unit_index(self, code: str) -> int | None:
        """The place of the UCUM `code` among the units this metric accepts, or None."""
        return next((place for place, unit in enumerate(self.units) if unit.code == code), None)

    def rank(self, kind: str) -> int:
        """The place of a kind of source in the ranking; 0 is best, kinds not named share the last."""
        return self.ranking.index(kind) if kind in self.ranking else len(self.ranking)

    def reading_codes(self) -> tuple[Coding, ...]:
        """The codes of one reading; never a 24-hour code."""
        found = (self.loinc, *self.loinc_extra, self.local, self.snomed)
        return tuple(code for code in found if code is not None)

    def day_codes(self) -> tuple[Coding, ...]:
        """The codes of one local day: the 24-hour code where there is one, else the reading's own."""
        if self.loinc_day is None:
            return self.reading_codes()
        return (self.loinc_day,) if self.snomed is None else (self.loinc_day, self.snomed)


@cache
def all_metrics() -> Mapping[str, Metric]:
    """Every metric by its key, in the order of the table."""
    text = resources.files(__package__).joinpath("metrics.toml").read_text(encoding="utf-8")
    return MappingProxyType({key: as_metric(key, row) for key, row in tomllib.loads(text).items()})


def metric(key: str) -> Metric:
    """The metric called `key`; KeyError when the table has none."""
    return all_metrics()[key]


def data_classes() -> tuple[str, ...]:
    """The data classes a patient may consent to, in the order in which the table first names them."""
    return tuple(dict.fromkeys(entry.data_class for entry in all_metrics().values()))


def as_metric(key: str, row: Mapping[str, Any]) -> Metric:
    """One table of metrics.toml as a Metric. Raises TableError for a 24-hour code on a reading, or the reverse."""
    reading = [row["loinc"][0]] if "loinc" in row else []
    reading += [code for code, _ in row.get("loinc_extra", ())]
    if set(reading) & CODES_OF_A_DAY:
        raise TableError(f"{key}: a code of 24 hours stands on a reading.")
    if "loinc_day" in row and row["loinc_day"][0] not in CODES_OF_A_DAY:
        raise TableError(f"{key}: the code of a reading stands on a day.")
    return _metric(key, row)


def _metric(key: str, row: Mapping[str, Any]) -> Metric:
    units = tuple(Unit(**unit) for unit in row["units"])
    low, high = row["bounds"]
    least, most = row["impossible"]
    return Metric(
        key=key,
        title=row["title"],
        plain=row["plain"],
        loinc=_coding(LOINC, row.get("loinc")),
        loinc_day=_coding(LOINC, row.get("loinc_day")),
        loinc_extra=tuple(Coding(LOINC, code, display) for code, display in row.get("loinc_extra", ())),
        local=_coding(LOCAL_METRIC, row.get("local")),
        snomed=_coding(SNOMED, row.get("snomed")),
        units=units,
        day_unit=Unit(**row["unit_day"]) if "unit_day" in row else units[0],
        bounds=(float(low), float(high)),
        bounds_source=row["bounds_source"],
        impossible=(float(least), float(most)),
        resolution=float(row["resolution"]),
        digits=row["digits"],
        day=row["day"],
        timing=row["timing"],
        dense=row["dense"],
        category=row["category"],
        data_class=row["data_class"],
        ranking=tuple(row["ranking"]),
    )


def _coding(system: str, pair: list[str] | None) -> Coding | None:
    return None if pair is None else Coding(system, pair[0], pair[1])
