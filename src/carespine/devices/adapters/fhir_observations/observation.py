"""What one Observation says: by its codes the metric, by its value the readings, by its times the moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.codes import LOINC
from carespine.devices.metrics import SleepStage, all_metrics
from carespine.devices.samples import MINUTE_MS, SourceIdentity, ZoneTrust

# Codes of the guides beside those of metrics.toml. CGM guide: 99504-3 is a sensor's reading by mass.
# FHIR vital signs: 3141-9 measured weight. Physical Activity guide: 82290-8 minutes a week is a total, no reading.
_FURTHER = {
    "99504-3": "glucose-cgm", "105272-9": "glucose-cgm", "41653-7": "glucose-meter", "2339-0": "glucose-meter",
    "15074-8": "glucose-meter", "3141-9": "weight", "59408-5": "oxygen-saturation", "2708-6": "oxygen-saturation",
    "77592-4": "moderate-minutes", "77593-2": "vigorous-minutes", "41950-7": "steps", "41953-1": "walking-distance",
    "41979-6": "active-energy", "93831-6": "sleep:DEEP", "93830-8": "sleep:LIGHT", "93829-0": "sleep:REM",
    "93832-4": "sleep:ASLEEP", "8477-8": "blood-pressure-systolic",
}  # fmt: skip
# A coincident time stamp (IEEE 11073, PHD guide): what the device's clock said when a good clock said another.
_COINCIDENT = "coincidenttimestamp"
_GOOD = {"final", "amended", "corrected", "preliminary"}
_OPAQUE = {"E", "U", "L"}
# One SampledData may hold a day of one-second samples; more is no reading of a person.
_MOST_SAMPLES = 200_000


@cache
def codes() -> Mapping[tuple[str, str], str]:
    """(system, code) -> metric, for every code of a reading or a day."""
    found = {
        (code.system, code.code): key
        for key, of in all_metrics().items()
        for code in (*of.day_codes(), *of.reading_codes())
    }
    return {**found, **{(LOINC, code): key for code, key in _FURTHER.items()}}


def take(resource: dict[str, Any], devices: Mapping[str, dict[str, Any]], into: Collector) -> None:
    """One resource; what is no Observation is not supported."""
    if resource.get("resourceType") != "Observation":
        into.refuse(reasons.METRIC_NOT_SUPPORTED)
        return
    if resource.get("status") not in _GOOD:
        into.refuse(reasons.ENTERED_IN_ERROR, max(1, len(resource.get("component") or [])))
        return
    parts = [resource, *(resource.get("component") or [])]
    with_value = [part for part in parts if _metric(part) and _holds_value(part)]
    if not with_value:
        has_reason = any("dataAbsentReason" in part for part in parts)
        into.refuse(reasons.VALUE_MISSING if has_reason else reasons.METRIC_NOT_SUPPORTED)
        return
    start, end = _times(resource, into)
    source = _source(resource, devices, into)
    for part in with_value:
        _value(part, _metric(part) or "", start, end, source, into)


def _metric(part: Mapping[str, Any]) -> str | None:
    for coding in (part.get("code") or {}).get("coding") or []:
        key = codes().get((coding.get("system"), coding.get("code")))
        if key is not None:
            return key
    return None


def _holds_value(part: Mapping[str, Any]) -> bool:
    return any(
        name in part for name in ("valueQuantity", "valueInteger", "valueSampledData", "valueCodeableConcept")
    )


def _value(
    part: Mapping[str, Any],
    key: str,
    start: Moment | None,
    end: Moment | None,
    source: SourceIdentity,
    into: Collector,
) -> None:
    if "valueSampledData" in part:
        _sampled(part["valueSampledData"], key, start, source, into)
        return
    quantity = part.get("valueQuantity") or {}
    value = quantity.get("value", part.get("valueInteger"))
    if quantity.get("comparator"):
        into.refuse(reasons.OUT_OF_RANGE_MARK)
    elif key.startswith("sleep"):
        _sleep(key, part, value, start, end, source, into)
    else:
        into.take(key, value, _unit(quantity, key), start, source, end=end)


def _unit(quantity: Mapping[str, Any], key: str) -> str | None:
    """UCUM where the Quantity has it. A bare integer counts in the metric's own unit."""
    if not quantity:
        return all_metrics()[key].unit.code
    code = quantity.get("code") or quantity.get("unit")
    if code in ("1", "{count}", "steps", "{#}", "{step}", "/d", "{steps}/d", "{Steps}"):
        counted = all_metrics()[key].unit.code
        return counted if counted.startswith("{") else code
    return None if code is None else {"kcal/d": "kcal", "m/d": "m", "min/d": "min"}.get(code, code)


def _sleep(
    key: str,
    part: Mapping[str, Any],
    value: Any,
    start: Moment | None,
    end: Moment | None,
    source: SourceIdentity,
    into: Collector,
) -> None:
    stage = SleepStage[key.partition(":")[2] or "ASLEEP"]
    quantity = part.get("valueQuantity") or {}
    minutes = {"min": 1.0, "h": 60.0, "s": 1 / 60}.get(str(quantity.get("code")))
    if value is None or minutes is None or start is None:
        into.refuse(reasons.VALUE_MISSING if value is None else reasons.UNIT_NOT_SUPPORTED)
        return
    until = start._replace(ms=start.ms + int(float(value) * minutes * MINUTE_MS))
    into.stage(stage, start, until if end is None or until.ms < end.ms else end, source)


def _sampled(
    data: Mapping[str, Any], key: str, start: Moment | None, source: SourceIdentity, into: Collector
) -> None:
    """Numbers at equal steps: value = sample x factor + origin; E, U and L are errors and marks of the range."""
    texts = str(data.get("data", "")).split(" ")
    if len(texts) > _MOST_SAMPLES or int(data.get("dimensions", 1)) != 1:
        into.refuse(reasons.RECORD_UNREADABLE, len(texts))
        return
    origin, factor = data.get("origin") or {}, float(data.get("factor", 1))
    step_ms = float(data["period"])
    for place, text in enumerate(texts):
        at = None if start is None else start._replace(ms=start.ms + int(place * step_ms))
        if text in _OPAQUE or not text:
            into.refuse(reasons.OUT_OF_RANGE_MARK if text in ("U", "L") else reasons.NO_VALUE_MARK)
        else:
            value = float(text) * factor + float(origin.get("value", 0))
            into.take(key, value, _unit(origin, key), at, source)


def _times(resource: Mapping[str, Any], into: Collector) -> tuple[Moment | None, Moment | None]:
    period = resource.get("effectivePeriod") or {}
    start = _moment(
        resource.get("effectiveDateTime") or resource.get("effectiveInstant") or period.get("start"), into
    )
    end = _moment(period.get("end"), into)
    correction = _clock_error(resource, into)
    if correction and start is not None:
        into.note(
            f"A device's clock was {abs(correction) / 1000:.0f} s {'slow' if correction > 0 else 'fast'} "
            "(coincident time stamp): its readings were set right by that."
        )
        start = start._replace(ms=start.ms + correction, trust=int(ZoneTrust.SET_RIGHT))
        end = None if end is None else end._replace(ms=end.ms + correction, trust=int(ZoneTrust.SET_RIGHT))
    return start, end


def _moment(text: Any, into: Collector) -> Moment | None:
    """A dateTime; a date alone stands for its noon, and the clock marks it as it marks every local time."""
    if isinstance(text, str) and len(text) == len("2026-01-01"):
        return into.clock.read(f"{text}T12:00:00")
    return into.clock.read(text, "ymd")


def _clock_error(resource: Mapping[str, Any], into: Collector) -> int:
    """How far the device's clock was behind, in ms, where the resource carries a comparison of clocks."""
    for extension in _extensions(resource):
        if _COINCIDENT not in str(extension.get("url", "")).casefold().replace("-", ""):
            continue
        inner = {str(one.get("url", "")): one for one in extension.get("extension") or []}
        device, good = inner.get("deviceTime", {}), inner.get("gatewayTime", {})
        told = into.clock.read(device.get("valueDateTime")), into.clock.read(good.get("valueDateTime"))
        if told[0] is not None and told[1] is not None:
            return told[1].ms - told[0].ms
    return 0


def _extensions(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("extension") or []


def _source(
    resource: Mapping[str, Any], devices: Mapping[str, dict[str, Any]], into: Collector
) -> SourceIdentity:
    reference = resource.get("device") or {}
    device = devices.get(str(reference.get("reference"))) or {}
    names = device.get("deviceName") or [{}]
    label = reference.get("display") or names[0].get("name") or (device.get("type") or {}).get("text") or ""
    return into.source(
        app=_app(resource), device=label, maker=device.get("manufacturer"), model=device.get("modelNumber")
    )


def _app(resource: Mapping[str, Any]) -> str:
    return str((resource.get("meta") or {}).get("source") or "FHIR")
