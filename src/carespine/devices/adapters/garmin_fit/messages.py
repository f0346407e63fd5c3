"""What the messages of a FIT file mean: records, monitoring, sleep levels, scales, cuffs, oximetry, breathing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import DAY_MS, MINUTE_MS, SourceIdentity

# Profile of the FIT SDK: sleep_level 0 unmeasurable, 1 awake, 2 light, 3 deep, 4 REM.
_LEVELS = {
    "awake": SleepStage.AWAKE,
    "light": SleepStage.LIGHT,
    "deep": SleepStage.DEEP,
    "rem": SleepStage.REM,
    1: SleepStage.AWAKE,
    2: SleepStage.LIGHT,
    3: SleepStage.DEEP,
    4: SleepStage.REM,
}
_DISTANCES = {
    "walking": "walking-distance",
    "running": "walking-distance",
    "hiking": "walking-distance",
    "cycling": "cycling-distance",
    "swimming": "swimming-distance",
}
# Recording pauses; a longer gap between two records is no stretch of one movement.
_LONGEST_STRETCH_MS = 10 * MINUTE_MS
# A level holds until the next; the last one of a night for a minute.
_LONGEST_LEVEL_MS = 12 * 60 * MINUTE_MS
_BLOCK_16 = 0x10000
Row = tuple[str, Any, str, int, int]


class Messages:
    """Collects the readings of one file; `finish` hands them over with the local clock that the file states."""

    def __init__(self, into: Collector) -> None:
        self._into = into
        self._rows: list[Row] = []
        self._levels: list[tuple[int, Any]] = []
        self._tracks: list[tuple[int, float]] = []
        self._counts: list[tuple[str, int, float]] = []
        self._last_ms: int | None = None
        self._offset_min: int | None = None
        self._sport = ""
        self._maker = self._product = self._serial = ""
        self._handlers: dict[str, Callable[[Any], None]] = {
            "file_id": self._file_id,
            "record": self._record,
            "session": self._session,
            "activity": self._local_clock,
            "monitoring_info": self._local_clock,
            "monitoring": self._monitoring,
            "weight_scale": self._weight_scale,
            "blood_pressure": self._blood_pressure,
            "spo2_data": self._spo2,
            "respiration_rate": self._respiration,
            "sleep_level": self._sleep_level,
            "hrv_value": self._hrv,
            "hrv_status_summary": self._hrv,
            "resting_heart_rate": self._resting,
            "monitoring_hr_data": self._resting,
            "hrv": self._beats,
            "stress_level": self._beats,
        }

    def add(self, message: Any) -> None:
        """One data message; a shape that its kind does not have is refused, and reading goes on."""
        handler = self._handlers.get(message.name)
        if handler is None:
            return
        try:
            handler(message)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            self._into.refuse(reasons.RECORD_UNREADABLE)

    def finish(self) -> None:
        """Hand everything over, now that the file has said its device, sport and clock."""
        source = self._source()
        self._distances()
        self._count()
        for key, value, unit, start, end in self._rows:
            self._into.take(key, value, unit, self._moment(start), source, end=self._moment(end))
        for place, (start, level) in enumerate(self._levels):
            until = self._levels[place + 1][0] if place + 1 < len(self._levels) else None
            end = start + MINUTE_MS if until is None or until - start > _LONGEST_LEVEL_MS else until
            if level in _LEVELS:
                self._into.stage(_LEVELS[level], self._moment(start), self._moment(end), source)
            else:
                self._into.refuse(reasons.NO_VALUE_MARK)

    def _moment(self, ms: int) -> Moment | None:
        if self._offset_min is None:
            return self._into.clock.instant(ms)
        return self._into.clock.stated(ms, self._offset_min)

    def _source(self) -> SourceIdentity:
        label = " ".join(part for part in (self._maker, self._product) if part)
        return self._into.source(
            app="Garmin",
            device=label or "FIT device",
            maker=self._maker,
            model=self._serial,
            kind=self._kind(),
        )

    def _kind(self) -> str | None:
        keys = {row[0] for row in self._rows}
        if "weight" in keys:
            return "scale"
        if "blood-pressure-systolic" in keys:
            return "cuff"
        return "watch"

    def _file_id(self, message: Any) -> None:
        self._maker = str(_get(message, "manufacturer") or "")
        self._product = str(_get(message, "garmin_product") or _get(message, "product") or "")
        self._serial = str(_get(message, "serial_number") or "")

    def _session(self, message: Any) -> None:
        self._sport = str(_get(message, "sport") or self._sport)
        start, seconds = _ms(_get(message, "start_time")), _get(message, "total_elapsed_time")
        if start is None or seconds is None:
            self._into.refuse(reasons.TIME_UNREADABLE)
            return
        timer = _get(message, "total_timer_time")
        minutes = float(seconds if timer is None else timer) / 60
        self._rows.append(("workout-minutes", minutes, "min", start, start + int(float(seconds) * 1000)))

    def _local_clock(self, message: Any) -> None:
        utc, local = _ms(_get(message, "timestamp")), _ms(_get(message, "local_timestamp"))
        if message.name == "monitoring_info":
            self._last_ms = utc
        if utc is None or local is None:
            return
        minutes = round((local - utc) / MINUTE_MS)
        # A clock that was never set lies years away; offsets come in quarters of an hour.
        if abs(minutes) <= 16 * 60 and minutes % 15 == 0:
            self._offset_min = minutes

    def _record(self, message: Any) -> None:
        at = self._at(message)
        if at is None:
            return
        rate, distance = _get(message, "heart_rate"), _get(message, "distance")
        if rate is None and distance is None:
            self._into.refuse(reasons.METRIC_NOT_SUPPORTED)
        if rate is not None:
            self._rows.append(("heart-rate", rate, "/min", at, at))
        if distance is not None:
            self._tracks.append((at, float(distance)))

    def _distances(self) -> None:
        """The cumulative distance as stretches between records, under the sport that the session names."""
        metric = _DISTANCES.get(self._sport)
        if not self._tracks:
            return
        if metric is None:
            self._into.refuse(reasons.METRIC_NOT_SUPPORTED, len(self._tracks))
            return
        before_ms, before_m = self._tracks[0]
        self._into.refuse(reasons.AGGREGATE)  # the first record is where counting starts
        for at, metres in self._tracks[1:]:
            if at - before_ms <= _LONGEST_STRETCH_MS and metres >= before_m:
                self._rows.append((metric, metres - before_m, "m", before_ms, at))
            else:
                self._into.refuse(reasons.AGGREGATE)
            before_ms, before_m = at, metres

    def _monitoring(self, message: Any) -> None:
        at = self._at(message)
        if at is None:
            return
        rate, steps = _get(message, "heart_rate"), _get(message, "steps")
        if rate is not None:
            self._rows.append(("heart-rate", rate, "/min", at, at))
        if steps is not None:
            self._counts.append((str(_get(message, "activity_type")), at, float(steps)))
        elif rate is None:
            self._into.refuse(reasons.METRIC_NOT_SUPPORTED)

    def _count(self) -> None:
        """Steps are counted up from local midnight, for each kind of activity by itself."""
        last: dict[str, tuple[int, float]] = {}
        for lane, at, steps in self._counts:
            midnight = self._midnight_before(at)
            before_ms, before = last.get(lane, (midnight, 0.0))
            if before_ms < midnight or steps < before:
                before_ms, before = midnight, 0.0
            last[lane] = (at, steps)
            self._rows.append(("steps", steps - before, "{steps}", before_ms, at))

    def _midnight_before(self, at: int) -> int:
        """The local midnight at which the day began that had run on until `at`."""
        moment = self._moment(at - 1)
        shift = 0 if moment is None else moment.offset_min * MINUTE_MS
        return (at - 1 + shift) // DAY_MS * DAY_MS - shift

    def _weight_scale(self, message: Any) -> None:
        at = self._at(message)
        if at is None:
            return
        pairs = (
            ("weight", "weight", "kg"),
            ("percent_fat", "body-fat", "%"),
            ("percent_hydration", "body-water", "%"),
            ("bone_mass", "bone-mass", "kg"),
            ("muscle_mass", "muscle-mass", "kg"),
        )
        found = [(metric, _get(message, name), unit) for name, metric, unit in pairs]
        for metric, value, unit in found:
            if isinstance(value, int | float):
                self._rows.append((metric, value, unit, at, at))
        if not any(isinstance(value, int | float) for _, value, _ in found):
            self._into.refuse(reasons.VALUE_MISSING)

    def _blood_pressure(self, message: Any) -> None:
        at = self._at(message)
        if at is None:
            return
        for name, metric, unit in (
            ("systolic_pressure", "blood-pressure-systolic", "mm[Hg]"),
            ("diastolic_pressure", "blood-pressure-diastolic", "mm[Hg]"),
            ("heart_rate", "heart-rate", "/min"),
        ):
            value = _get(message, name)
            if value is not None:
                self._rows.append((metric, value, unit, at, at))

    def _spo2(self, message: Any) -> None:
        self._one(message, ("reading_spo2",), "oxygen-saturation", "%")

    def _respiration(self, message: Any) -> None:
        self._one(message, ("respiration_rate",), "respiratory-rate", "/min")

    def _hrv(self, message: Any) -> None:
        self._one(message, ("value", "last_night_average"), "hrv-rmssd", "ms")

    def _resting(self, message: Any) -> None:
        self._one(
            message, ("resting_heart_rate", "current_day_resting_heart_rate"), "resting-heart-rate", "/min"
        )

    def _one(self, message: Any, names: tuple[str, ...], metric: str, unit: str) -> None:
        at = self._at(message)
        if at is None:
            return
        value = next((found for found in (_get(message, name) for name in names) if found is not None), None)
        if not isinstance(value, int | float) or value <= 0:
            self._into.refuse(reasons.NO_VALUE_MARK)
            return
        self._rows.append((metric, value, unit, at, at))

    def _sleep_level(self, message: Any) -> None:
        at = self._at(message)
        if at is not None:
            self._levels.append((at, _get(message, "sleep_level")))

    def _beats(self, _message: Any) -> None:
        self._into.refuse(reasons.METRIC_NOT_SUPPORTED)

    def _at(self, message: Any) -> int | None:
        """The moment of a message, from its full time stamp or the 16 bits that continue the last one."""
        full, short = _get(message, "timestamp"), _get(message, "timestamp_16")
        if full is None and isinstance(short, int) and self._last_ms is not None:
            seconds = self._last_ms // 1000 - _FIT_EPOCH_S
            self._last_ms = (seconds + (short - seconds) % _BLOCK_16 + _FIT_EPOCH_S) * 1000
            return self._last_ms
        at = _ms(full)
        if at is None:
            self._into.refuse(reasons.CLOCK_NOT_SET if isinstance(full, int) else reasons.TIME_UNREADABLE)
            return None
        self._last_ms = at
        return at


# FIT counts seconds from 1989-12-31 00:00 UTC.
_FIT_EPOCH_S = 631_065_600


def _get(message: Any, name: str) -> Any:
    return message.get_value(name, fallback=None)


def _ms(value: Any) -> int | None:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else None
