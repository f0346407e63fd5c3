"""The tables of Health Connect's exported database: milliseconds of UTC, offsets in seconds, units fixed by Android."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import MINUTE_MS, SourceIdentity

Row = dict[str, Any]
# androidx.health.connect: SleepSessionRecord.STAGE_TYPE_*; 3 is out of bed, 0 unknown, 7 awake in bed.
STAGES = {
    1: SleepStage.AWAKE,
    2: SleepStage.ASLEEP,
    3: SleepStage.AWAKE,
    4: SleepStage.LIGHT,
    5: SleepStage.DEEP,
    6: SleepStage.REM,
    7: SleepStage.AWAKE,
}
# android.health.connect.datatypes.Device.DEVICE_TYPE_*
_KINDS = {1: "watch", 2: "phone", 3: "scale", 4: "ring", 5: "strap", 6: "strap", 7: "watch"}


@dataclass(frozen=True, slots=True)
class Table:
    """One table; with `series`, its samples stand in another table under `parent_key`."""

    name: str
    take: Callable[[Row, Collector], None]
    series: str | None = None


def _values(columns: Mapping[str, tuple[str, str]], *, interval: bool) -> Callable[[Row, Collector], None]:
    def take(row: Row, into: Collector) -> None:
        start, end = _times(row, into)
        for column, (metric, unit) in columns.items():
            if row.get(column) is not None:
                into.take(metric, row[column], unit, start, _source(row, into), end=end if interval else None)

    return take


def _energy(metric: str) -> Callable[[Row, Collector], None]:
    """Android keeps energy in small calories: a thousand to the kilocalorie."""

    def take(row: Row, into: Collector) -> None:
        start, end = _times(row, into)
        into.take(metric, float(row["energy"]) / 1000, "kcal", start, _source(row, into), end=end)

    return take


def _heart_rate(row: Row, into: Collector) -> None:
    when = _moment(row["epoch_millis"], row.get("start_zone_offset"), into)
    into.take("heart-rate", row["beats_per_minute"], "/min", when, _source(row, into))


def _stage(row: Row, into: Collector) -> None:
    offset = row.get("start_zone_offset")
    start, end = _moment(row["stage_start_time"], offset, into), _moment(row["stage_end_time"], offset, into)
    into.stage(STAGES[int(row["stage_type"])], start, end, _source(row, into))


def _session(row: Row, into: Collector) -> None:
    """The session around the stages; without stages it is all that is known of the night."""
    start, end = _times(row, into)
    into.stage(SleepStage.IN_BED if row["stages"] else SleepStage.ASLEEP, start, end, _source(row, into))


def _exercise(row: Row, into: Collector) -> None:
    start, end = _times(row, into)
    if start is not None and end is not None:
        minutes = (end.ms - start.ms) / MINUTE_MS
        into.take("workout-minutes", minutes, "min", start, _source(row, into), end=end)


def _nutrition(row: Row, into: Collector) -> None:
    start, end = _times(row, into)
    source = into.source(app=row.get("app_name") or "Health Connect", kind="diary")
    if row.get("energy"):
        into.take("dietary-energy", float(row["energy"]) / 1000, "kcal", start, source, end=end)
    for column, metric in (
        ("protein", "protein"), ("total_fat", "fat"), ("saturated_fat", "saturates"),
        ("total_carbohydrate", "carbohydrate"), ("sugar", "sugars"), ("dietary_fiber", "fibre"),
    ):  # fmt: skip
        if row.get(column):
            into.take(metric, row[column], "g", start, source, end=end)
    for column, metric in (("sodium", "sodium"), ("caffeine", "caffeine")):
        if row.get(column):
            into.take(metric, row[column], "g", start, source, end=end)


def _table(name: str, take: Callable[[Row, Collector], None], series: str | None = None) -> Table:
    return Table(name, take, series)


TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        _table("steps_record_table", _values({"count": ("steps", "{steps}")}, interval=True)),
        _table("distance_record_table", _values({"distance": ("walking-distance", "m")}, interval=True)),
        _table("floors_climbed_record_table", _values({"floors": ("flights-climbed", "{flight}")}, interval=True)),
        _table("active_calories_burned_record_table", _energy("active-energy")),
        _table("total_calories_burned_record_table", _energy("total-energy")),
        _table("heart_rate_record_table", _heart_rate, "heart_rate_record_series_table"),
        _table("resting_heart_rate_record_table",
               _values({"beats_per_minute": ("resting-heart-rate", "/min")}, interval=False)),
        _table("heart_rate_variability_rmssd_record_table",
               _values({"heart_rate_variability_millis": ("hrv-rmssd", "ms")}, interval=False)),
        _table("respiratory_rate_record_table", _values({"rate": ("respiratory-rate", "/min")}, interval=False)),
        _table("oxygen_saturation_record_table",
               _values({"percentage": ("oxygen-saturation", "%")}, interval=False)),
        _table("blood_pressure_record_table",
               _values({"systolic": ("blood-pressure-systolic", "mm[Hg]"),
                        "diastolic": ("blood-pressure-diastolic", "mm[Hg]")}, interval=False)),
        _table("blood_glucose_record_table", _values({"level": ("glucose-meter", "mmol/L")}, interval=False)),
        _table("weight_record_table", _values({"weight": ("weight", "g")}, interval=False)),
        _table("height_record_table", _values({"height": ("height", "m")}, interval=False)),
        _table("body_fat_record_table", _values({"percentage": ("body-fat", "%")}, interval=False)),
        _table("lean_body_mass_record_table", _values({"mass": ("lean-mass", "g")}, interval=False)),
        _table("bone_mass_record_table", _values({"mass": ("bone-mass", "g")}, interval=False)),
        _table("body_temperature_record_table",
               _values({"temperature": ("body-temperature", "Cel")}, interval=False)),
        _table("basal_body_temperature_record_table",
               _values({"temperature": ("basal-temperature", "Cel")}, interval=False)),
        _table("vo2_max_record_table",
               _values({"vo2_milliliters_per_minute_kilogram": ("vo2max", "mL/min/kg{body_wt}")}, interval=False)),
        _table("hydration_record_table", _values({"volume": ("water", "L")}, interval=True)),
        _table("nutrition_record_table", _nutrition),
        _table("exercise_session_record_table", _exercise),
        _table("sleep_session_record_table", _session),
        _table("sleep_stages_table", _stage),
    )
}  # fmt: skip


def rows_of(database: sqlite3.Connection, table: Table, names: Sequence[str]) -> Iterator[Row]:
    """The records of a table, each with the app and device that made it."""
    parent = "sleep_session_record_table" if table.name == "sleep_stages_table" else table.name
    columns = _columns(database, parent)
    selected = ["r.*"]
    joins = []
    if "application_info_table" in names and "app_info_id" in columns:
        joins.append("left join application_info_table a on a.row_id = r.app_info_id")
        selected.append("coalesce(a.app_name, a.package_name) as app_name")
    if "device_info_table" in names and "device_info_id" in columns:
        joins.append("left join device_info_table d on d.row_id = r.device_info_id")
        selected.append(
            "d.manufacturer as device_maker, d.model as device_model, d.device_type as device_kind"
        )
    source = f'"{parent}" r'
    if table.series is not None and table.series in names:
        source = f'"{table.series}" s join "{parent}" r on r.row_id = s.parent_key'
        selected.append("s.*")
    elif table.name == "sleep_stages_table":
        source = f'sleep_stages_table s join "{parent}" r on r.row_id = s.parent_key'
        selected.append("s.*")
    elif table.name == "sleep_session_record_table" and "sleep_stages_table" in names:
        selected.append("(select count(*) from sleep_stages_table t where t.parent_key = r.row_id) as stages")
    elif table.name == "sleep_session_record_table":
        selected.append("0 as stages")
    cursor = database.execute(f"select {', '.join(selected)} from {source} {' '.join(joins)}")  # noqa: S608
    heads = [column[0] for column in cursor.description]
    for cells in cursor:
        yield dict(zip(heads, cells, strict=True))


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f'pragma table_info("{table}")')}


def _times(row: Row, into: Collector) -> tuple[Moment | None, Moment | None]:
    if row.get("start_time") is not None:
        start = _moment(row["start_time"], row.get("start_zone_offset"), into)
        return start, _moment(row.get("end_time"), row.get("end_zone_offset"), into)
    when = _moment(row.get("time"), row.get("zone_offset"), into)
    return when, None


def _moment(ms: Any, offset_s: Any, into: Collector) -> Moment | None:
    if ms is None:
        return None
    if offset_s is None:
        return into.clock.instant(float(ms))
    return into.clock.stated(float(ms), float(offset_s) / 60)


def _source(row: Row, into: Collector) -> SourceIdentity:
    kind = _KINDS.get(row.get("device_kind") or 0)
    model, maker = row.get("device_model") or "", row.get("device_maker") or ""
    return into.source(
        app=row.get("app_name") or "Health Connect", device=model, maker=maker, model=model, kind=kind
    )
