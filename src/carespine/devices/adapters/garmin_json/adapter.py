"""Reads Garmin's JSON: summaries of the Health API (epochs, maps of offsets) and files of the account export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.garmin_json import sleep
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.samples import SourceIdentity

_MARKS = (
    "startTimeOffsetInSeconds", "timeOffsetHeartRateSamples", "sleepStartTimestampGMT", "measurementTimeInSeconds",
    "wellnessStartTimeGmt", "wellnessStartTimeLocal", "summarizedActivitiesExport", "totalKilocalories",
)  # fmt: skip
# Field -> metric, unit; of a day or an epoch in the Health API.
_SUMS = {
    "steps": ("steps", "{steps}"),
    "distanceInMeters": ("walking-distance", "m"),
    "activeKilocalories": ("active-energy", "kcal"),
    "bmrKilocalories": ("resting-energy", "kcal"),
    "floorsClimbed": ("flights-climbed", "{flight}"),
    "moderateIntensityDurationInSeconds": ("moderate-minutes", "s"),
    "vigorousIntensityDurationInSeconds": ("vigorous-minutes", "s"),
    # the account export's names
    "totalSteps": ("steps", "{steps}"),
    "totalDistanceMeters": ("walking-distance", "m"),
    "moderateIntensityMinutes": ("moderate-minutes", "min"),
    "vigorousIntensityMinutes": ("vigorous-minutes", "min"),
}
_MAPS = {
    "timeOffsetHeartRateSamples": ("heart-rate", "/min"),
    "timeOffsetSpo2Values": ("oxygen-saturation", "%"),
    "timeOffsetSleepSpo2": ("oxygen-saturation", "%"),
    "timeOffsetSleepRespiration": ("respiratory-rate", "/min"),
    "timeOffsetEpochToBreaths": ("respiratory-rate", "/min"),
    "hrvValues": ("hrv-rmssd", "ms"),
}
_BODY = {
    "weightInGrams": ("weight", "g"),
    "bodyFatInPercent": ("body-fat", "%"),
    "bodyWaterInPercent": ("body-water", "%"),
    "muscleMassInGrams": ("muscle-mass", "g"),
    "boneMassInGrams": ("bone-mass", "g"),
    "bodyMassIndex": ("bmi", "kg/m2"),
    "systolic": ("blood-pressure-systolic", "mm[Hg]"),
    "diastolic": ("blood-pressure-diastolic", "mm[Hg]"),
    "pulse": ("heart-rate", "/min"),
    "vo2Max": ("vo2max", "mL/min/kg{body_wt}"),
}


class GarminJson(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        return head.is_json and any(f'"{mark}"' in head.text for mark in _MARKS)

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        for item in _items(document.json):
            with into.record():
                _taker(item)(item, into)
            yield


def _items(content: Any) -> list[Any]:
    """The summaries: a list, or the lists inside an answer; the export of activities has one more layer."""
    if isinstance(content, list):
        inner = [one for one in content if isinstance(one, dict) and "summarizedActivitiesExport" in one]
        return [item for one in inner for item in one["summarizedActivitiesExport"]] if inner else content
    if isinstance(content, dict):
        lists = [items for items in content.values() if isinstance(items, list)]
        is_answer = lists and not any(mark in content for mark in _MARKS[:4])
        return [item for items in lists for item in items] if is_answer else [content]
    return []


def _taker(item: dict[str, Any]) -> Callable[[dict[str, Any], Collector], None]:
    if "sleepStartTimestampGMT" in item:
        return sleep.from_export
    if "sleepLevelsMap" in item or "deepSleepDurationInSeconds" in item:
        return _api_night
    if "measurementTimeInSeconds" in item:
        return _body
    if "calendarDate" in item and ("totalSteps" in item or "wellnessStartTimeGmt" in item):
        return _export_day
    if "activityType" in item and "beginTimestamp" in item:
        return _export_activity
    return _summary


def _summary(item: dict[str, Any], into: Collector) -> None:
    """A day, an epoch of fifteen minutes, a pulse oximetry or a breathing summary of the Health API."""
    source, start = garmin(into), at(item, into)
    end = _after(start, item.get("durationInSeconds"))
    is_activity = "activityId" in item or ("averageHeartRateInBeatsPerMinute" in item and "steps" not in item)
    if is_activity and item.get("durationInSeconds"):
        into.take("workout-minutes", item["durationInSeconds"], "s", start, source, end=end)
    for name, (metric, unit) in _SUMS.items():
        if item.get(name) is not None and not is_activity:
            into.take(metric, item[name], unit, start, source, end=end)
    if item.get("restingHeartRateInBeatsPerMinute"):
        middle = _after(start, 43_200)
        into.take("resting-heart-rate", item["restingHeartRateInBeatsPerMinute"], "/min", middle, source)
    maps(item, start, source, into)


def maps(item: dict[str, Any], start: Moment | None, source: SourceIdentity, into: Collector) -> None:
    """The samples of a summary: maps from seconds after its start to values."""
    for name, (metric, unit) in _MAPS.items():
        for seconds, value in (item.get(name) or {}).items():
            if value in (None, 0, -1, 255):
                into.refuse(reasons.NO_VALUE_MARK)
            else:
                into.take(metric, value, unit, _after(start, float(seconds)), source)


def _api_night(item: dict[str, Any], into: Collector) -> None:
    start = at(item, into)
    sleep.from_api(item, start, _after(start, item.get("durationInSeconds")), garmin(into), into)
    maps(item, start, garmin(into), into)


def _body(item: dict[str, Any], into: Collector) -> None:
    when = at(item, into, "measurementTimeInSeconds", "measurementTimeOffsetInSeconds")
    kind = "cuff" if "systolic" in item else "scale"
    source = into.source(app="Garmin Connect", device="Garmin", maker="Garmin", kind=kind)
    for name, (metric, unit) in _BODY.items():
        if item.get(name) is not None:
            into.take(metric, item[name], unit, when, source)


def _export_day(item: dict[str, Any], into: Collector) -> None:
    source, found = garmin(into), parsed(str(item["calendarDate"])[:10])
    if found is None:
        into.refuse(reasons.TIME_UNREADABLE)
        return
    day = found[0].date()
    start, end = into.clock.day(day), into.clock.day(day + timedelta(days=1))
    for name, (metric, unit) in _SUMS.items():
        if item.get(name) is not None:
            into.take(metric, item[name], unit, start, source, end=end)
    resting = item.get("restingHeartRate") or item.get("currentDayRestingHeartRate")
    if resting:
        into.take("resting-heart-rate", resting, "/min", into.clock.day(day, hour=12), source)


def _export_activity(item: dict[str, Any], into: Collector) -> None:
    begin, local = item["beginTimestamp"], item.get("startTimeLocal")
    offset = None if local is None else (float(local) - float(begin)) / 60_000
    start = into.clock.instant(float(begin)) if offset is None else into.clock.stated(float(begin), offset)
    seconds = float(item["duration"]) / 1000
    into.take("workout-minutes", seconds, "s", start, garmin(into), end=_after(start, seconds))


def at(
    item: dict[str, Any],
    into: Collector,
    second: str = "startTimeInSeconds",
    offset: str = "startTimeOffsetInSeconds",
) -> Moment | None:
    """The start of a summary: seconds since 1970, with the offset in seconds beside it."""
    ms = float(item[second]) * 1000
    if item.get(offset) is None:
        return into.clock.instant(ms)
    return into.clock.stated(ms, float(item[offset]) / 60)


def garmin(into: Collector) -> SourceIdentity:
    """The watch: the JSON does not name its model."""
    return into.source(app="Garmin Connect", device="Garmin", maker="Garmin", kind="watch")


def _after(start: Moment | None, seconds: float | None) -> Moment | None:
    return None if start is None or seconds is None else start._replace(ms=start.ms + int(seconds * 1000))
