"""The clinical rules as tables: every row of rules/cases holds, and docs/clinical-rules.md shows the same rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources

import numpy as np
import pytest

from carespine.devices.rules import (
    activity,
    blood_pressure,
    diet,
    glucose,
    labels,
    oximetry,
    peak_flow,
    traffic_lights,
)
from carespine.devices.samples import DAY_MS, MINUTE_MS

Row = dict[str, str]
START = datetime(2026, 11, 1, 0, 0)  # noqa: DTZ001 - the rules see the local clock


def table(name: str) -> list[Row]:
    text = (
        resources.files("carespine.devices.rules.cases").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    )
    return list(csv.DictReader(text.splitlines()))


def number(text: str) -> float | None:
    return float(text) if text else None


def colour(row: Row) -> str:
    return traffic_lights.light(
        row["nutrient"],
        float(row["grams in 100 g or ml"]),
        is_drink=row["kind"] == "drink",
        portion=number(row["portion in g or ml"]),
    )


def band(row: Row) -> str:
    return blood_pressure.band_of(float(row["systolic average"]), float(row["diastolic average"]))


def on_target(row: Row) -> str:
    age = int(row["age"]) if row["age"] else None
    upper, lower = blood_pressure.target_for(age)
    return (
        "yes" if float(row["systolic average"]) < upper and float(row["diastolic average"]) < lower else "no"
    )


def monitored(days: str) -> list[blood_pressure.BloodPressure]:
    """B is a morning and an evening of two readings, M or E one of them, S single readings, - none."""
    readings = []
    for place, kind in enumerate(days):
        hours = {"B": (7, 19), "M": (7,), "E": (19,), "S": (7, 19), "-": ()}[kind]
        for hour in hours:
            for minute in (0,) if kind == "S" else (0, 2):
                at = START + timedelta(days=place, hours=hour, minutes=minute)
                readings.append(blood_pressure.BloodPressure(at, 130, 80))
    return readings


def week(row: Row) -> str:
    decided = blood_pressure.home_average(monitored(row["days"]), age=50)
    if isinstance(decided, blood_pressure.NotEnough):
        return f"not-enough|{' '.join(decided.sentences)}"
    return "ready|"


def oxygen(row: Row) -> str:
    return oximetry.band(float(row["percent"]), number(row["own baseline"]))


def repeat(row: Row) -> str:
    later = START + timedelta(minutes=float(row["minutes apart"]))
    pair = [
        oximetry.Oxygen(START, float(row["first percent"])),
        oximetry.Oxygen(later, float(row["second percent"])),
    ]
    decided = oximetry.assess(pair)
    assert decided is not None
    return f"{'no' if decided.confirmed is None else 'yes'}|{decided.advice}"


def sensor(
    days: int, active: int, mmol: float, *, measured_in_mg: bool = False, mg: float | None = None
) -> object:
    """A sensor that reports every five minutes for some days, evenly thinned to a share of the time."""
    count = days * 288
    kept = np.ceil(np.arange(1, count + 1) * active / 100) > np.ceil(np.arange(count) * active / 100)
    moment = (np.arange(count, dtype=np.int64) * 5 * MINUTE_MS)[kept]
    value = np.full(len(moment), mmol)
    by_mg = np.full(len(moment), mg if mg is not None else mmol * glucose.MG_PER_MMOL)
    return glucose.profile(moment, moment // DAY_MS, value, by_mg, [measured_in_mg] * len(moment))


def glucose_band(row: Row) -> str:
    in_mg, reading = row["unit"] == "mg/dL", float(row["reading"])
    mmol = reading / glucose.MG_PER_MMOL if in_mg else reading
    decided = sensor(14, 100, mmol, measured_in_mg=in_mg, mg=reading if in_mg else None)
    assert isinstance(decided, glucose.CgmProfile)
    shares = {
        "very low": decided.very_low,
        "low": decided.below - decided.very_low,
        "in range": decided.in_range,
        "high": decided.above - decided.very_high,
        "very high": decided.very_high,
    }
    return next(name for name, share in shares.items() if share == 100)


def gmi(row: Row) -> str:
    decided = sensor(14, 100, float(row["mean in mg/dL"]) / glucose.MG_PER_MMOL)
    assert isinstance(decided, glucose.CgmProfile)
    return f"{decided.gmi:.1f}"


def refusal(row: Row) -> str:
    decided = sensor(int(row["days"]), int(row["active percent"]), 7.0)
    if isinstance(decided, glucose.CgmProfile):
        return "ready|"
    assert isinstance(decided, glucose.CgmRefused)
    return f"refused|{decided.sentences[0]}"


def zone(row: Row) -> str:
    return peak_flow.zone(float(row["latest in L/min"]) / float(row["personal best in L/min"]) * 100)


def active(row: Row) -> str:
    days = int(row["days with readings"])
    moderate = dict.fromkeys(range(days), float(row["moderate minutes"]) / days)
    vigorous = dict.fromkeys(range(days), float(row["vigorous minutes"]) / days)
    decided = activity.week(moderate, vigorous, last_day=6)
    if isinstance(decided, activity.TooFewDays):
        return "too few days"
    assert decided is not None
    return "yes" if round(decided.equivalent, 6) >= activity.WEEKLY_MINUTES else "no"


def label(row: Row) -> str:
    names = {"kcal": "kcal", "kJ": "kj", "fat": "fat_g", "saturates": "saturates_g", "carbohydrate": "carbohydrate_g",
             "sugars": "sugars_g", "protein": "protein_g", "salt": "salt_g", "sodium": "sodium_g"}  # fmt: skip
    return " ".join(
        labels.errors(labels.Label(**{field: number(row[name]) for name, field in names.items()}))
    )


def diary(row: Row) -> str:
    names = {"kcal": "kcal", "fat": "fat_g", "saturates": "saturates_g", "carbohydrate": "carbohydrate_g",
             "sugars": "sugars_g", "protein": "protein_g", "alcohol units": "alcohol_units"}  # fmt: skip
    return " ".join(
        diet.doubts_about(diet.DietDay(**{field: number(row[name]) for name, field in names.items()}))
    )


# table -> what works a row out, and the columns that it must equal
TABLES: dict[str, tuple[Callable[[Row], str], tuple[str, ...]]] = {
    "traffic_lights": (colour, ("colour",)),
    "blood_pressure_bands": (band, ("band",)),
    "blood_pressure_targets": (on_target, ("on target",)),
    "blood_pressure_weeks": (week, ("state", "what is missing")),
    "oximetry_bands": (oxygen, ("band",)),
    "oximetry_repeats": (repeat, ("confirmed", "advice")),
    "glucose_bands": (glucose_band, ("band",)),
    "glucose_gmi": (gmi, ("GMI in percent",)),
    "glucose_refusals": (refusal, ("state", "why")),
    "peak_flow_zones": (zone, ("zone",)),
    "activity_weeks": (active, ("meets the guideline",)),
    "labels": (label, ("what is wrong",)),
    "diet_days": (diary, ("what is in doubt",)),
}
CASES = [(name, place, row) for name in TABLES for place, row in enumerate(table(name), 2)]


@pytest.mark.parametrize(("name", "line", "row"), CASES, ids=[f"{name}:{line}" for name, line, _ in CASES])
def test_a_row_of_the_rules_holds(name: str, line: int, row: Row) -> None:
    work_out, columns = TABLES[name]
    assert work_out(row) == "|".join(row[column] for column in columns), f"{name}.csv line {line}"


def test_there_are_at_least_two_hundred_rows_and_none_twice() -> None:
    assert len(CASES) >= 200
    assert len({(name, *row.values()) for name, _, row in CASES}) == len(CASES)


def test_every_table_of_the_folder_is_tested() -> None:
    folder = resources.files("carespine.devices.rules.cases")
    assert {path.name.removesuffix(".csv") for path in folder.iterdir() if path.name.endswith(".csv")} == set(
        TABLES
    )
