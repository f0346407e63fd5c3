"""Health Connect records as apps export them in JSON: objects that name their record type, or lists by type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.health_connect.tables import STAGES
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Head
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import MINUTE_MS, SourceIdentity

# record type, without "Record" and case -> metric, keys under which the value may stand, unit where none is named
_TYPES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "steps": ("steps", ("count", "steps", "value"), "{steps}"),
    "distance": ("walking-distance", ("distance", "inMeters", "value"), "m"),
    "floorsclimbed": ("flights-climbed", ("floors", "value"), "{flight}"),
    "activecaloriesburned": ("active-energy", ("energy", "inKilocalories", "value"), "kcal"),
    "totalcaloriesburned": ("total-energy", ("energy", "inKilocalories", "value"), "kcal"),
    "restingheartrate": ("resting-heart-rate", ("beatsPerMinute", "bpm", "value"), "/min"),
    "heartratevariabilityrmssd": ("hrv-rmssd", ("heartRateVariabilityMillis", "value"), "ms"),
    "respiratoryrate": ("respiratory-rate", ("rate", "value"), "/min"),
    "oxygensaturation": ("oxygen-saturation", ("percentage", "value"), "%"),
    "bloodglucose": ("glucose-meter", ("level", "value"), "mmol/L"),
    "weight": ("weight", ("weight", "value"), "kg"),
    "height": ("height", ("height", "value"), "m"),
    "bodyfat": ("body-fat", ("percentage", "value"), "%"),
    "bodytemperature": ("body-temperature", ("temperature", "value"), "Cel"),
    "vo2max": ("vo2max", ("vo2MillilitersPerMinuteKilogram", "value"), "mL/min/kg{body_wt}"),
    "hydration": ("water", ("volume", "value"), "L"),
}
_UNITS = {
    "inKilograms": "kg", "inGrams": "g", "inPounds": "[lb_av]", "inMeters": "m", "inKilometers": "km",
    "inMiles": "[mi_i]", "inFeet": "[ft_i]", "inInches": "[in_i]", "inKilocalories": "kcal", "inKilojoules": "kJ",
    "inLiters": "L", "inMilliliters": "mL", "inCelsius": "Cel", "inFahrenheit": "[degF]",
    "inMillimolesPerLiter": "mmol/L", "inMilligramsPerDeciliter": "mg/dL", "inMillimetersOfMercury": "mm[Hg]",
}  # fmt: skip
_RECORD = re.compile(r'"(?:recordType|record_type|dataType)"\s*:|"\w+Record"\s*:')


def fits(head: Head) -> bool:
    """Whether the JSON holds records that name their type and begin at a `startTime` or `time`."""
    if not head.is_json or not _RECORD.search(head.text):
        return False
    return any(f'"{word}"' in head.text for word in ("startTime", "time", "startZoneOffset", "start_time"))


def items(content: Any) -> Iterator[dict[str, Any]]:
    """The records: in a list, under `records`, or in lists by type."""
    if isinstance(content, list):
        yield from (item if isinstance(item, dict) else {} for item in content)
    elif isinstance(content, dict):
        if any(key in content for key in ("recordType", "record_type", "dataType")):
            yield content
            return
        for key, found in content.items():
            if isinstance(found, list):
                yield from ({"recordType": key, **one} if isinstance(one, dict) else {} for one in found)


def take(item: dict[str, Any], into: Collector) -> None:
    """One record."""
    kind = _kind(item)
    start, end = _moment(item, "start", into) or _moment(item, "", into), _moment(item, "end", into)
    source = _source(item, into)
    if kind == "heartrate":
        for sample in item.get("samples") or [item]:
            when = _moment(sample, "", into, item) or start
            into.take("heart-rate", sample.get("beatsPerMinute", sample.get("bpm")), "/min", when, source)
    elif kind == "bloodpressure":
        for name in ("systolic", "diastolic"):
            value, unit = _amount(item.get(name), "mm[Hg]")
            into.take(f"blood-pressure-{name}", value, unit, start, source)
    elif kind == "sleepsession":
        _sleep(item, start, end, source, into)
    elif kind == "exercisesession" and start is not None and end is not None:
        into.take("workout-minutes", (end.ms - start.ms) / MINUTE_MS, "min", start, source, end=end)
    elif kind in _TYPES:
        metric, keys, unit = _TYPES[kind]
        raw = next((item[key] for key in keys if item.get(key) is not None), None)
        value, stated = _amount(raw, unit)
        into.take(metric, value, stated, start, source, end=end)
    else:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)


def _kind(item: dict[str, Any]) -> str:
    name = str(item.get("recordType") or item.get("record_type") or item.get("dataType") or "")
    last = name.rpartition(".")[2]
    return re.sub(r"[^a-z0-9]", "", last.casefold()).removesuffix("records").removesuffix("record")


def _amount(raw: Any, unit: str) -> tuple[Any, str]:
    """A bare number in the record's own unit, or an object that says its unit: {"inKilograms": 71}."""
    if isinstance(raw, dict):
        for key, code in _UNITS.items():
            if key in raw:
                return raw[key], code
        return raw.get("value"), str(raw.get("unit") or unit)
    return raw, unit


def _sleep(
    item: dict[str, Any], start: Moment | None, end: Moment | None, source: SourceIdentity, into: Collector
) -> None:
    stages = item.get("stages") or []
    if not stages:
        into.stage(SleepStage.ASLEEP, start, end, source)
        return
    into.stage(SleepStage.IN_BED, start, end, source)
    for one in stages:
        begin, until = _moment(one, "start", into, item), _moment(one, "end", into, item)
        into.stage(_stage(one.get("stage", one.get("type"))), begin, until, source)


def _stage(value: Any) -> SleepStage:
    if isinstance(value, int):
        return STAGES[value]
    word = str(value).casefold().removeprefix("stage_type_").removeprefix("stage_")
    names = {"sleeping": "ASLEEP", "awake": "AWAKE", "awake_in_bed": "AWAKE", "out_of_bed": "AWAKE",
             "light": "LIGHT", "deep": "DEEP", "rem": "REM"}  # fmt: skip
    return SleepStage[names[word]]


def _moment(
    item: dict[str, Any], which: str, into: Collector, around: dict[str, Any] | None = None
) -> Moment | None:
    text = next(
        (item[key] for key in ((f"{which}Time", f"{which}_time") if which else ("time",)) if item.get(key)),
        None,
    )
    if text is None:
        return None
    outer = around or {}
    zone = f"{which}ZoneOffset" if which else "zoneOffset"
    stated = item.get(zone) or outer.get(zone) or outer.get("startZoneOffset") or item.get("startZoneOffset")
    moment = into.clock.instant(float(text)) if isinstance(text, int | float) else into.clock.read(text)
    if moment is None or stated is None or moment.trust == 1:
        return moment
    minutes = _offset(stated)
    return moment if minutes is None else into.clock.stated(moment.ms, minutes)


def _offset(stated: Any) -> float | None:
    if isinstance(stated, dict):
        stated = stated.get("totalSeconds", stated.get("id"))
    if isinstance(stated, int | float):
        return stated / 60
    if stated == "Z":
        return 0.0
    found = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", str(stated))
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return -minutes if found[1] == "-" else minutes


def _source(item: dict[str, Any], into: Collector) -> SourceIdentity:
    metadata = item.get("metadata") or {}
    device = metadata.get("device") or {}
    origin = metadata.get("dataOrigin") or item.get("dataOrigin") or item.get("packageName") or ""
    app = origin.get("packageName") if isinstance(origin, dict) else origin
    return into.source(
        app=app or "Health Connect",
        device=device.get("model"),
        maker=device.get("manufacturer"),
        model=device.get("model"),
    )
