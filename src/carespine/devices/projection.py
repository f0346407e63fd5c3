"""Readings as FHIR: one Observation a day for dense metrics, one for each reading of sparse ones. Pure.

Every Observation says that the data are the patient's own (label and performer), which device measured and
which app passed it on, and how (requirement TR-06 of the minimum standards).
"""

from __future__ import annotations

from carespine.devices import codes
from carespine.devices.metrics import Metric, Unit, metric
from carespine.devices.models import Coding
from carespine.devices.naming import day_id, device_id, pressure_id, reading_ids
from carespine.devices.pressures import DIASTOLIC, SYSTOLIC, Pressure
from carespine.devices.quantities import (
    Tree,
    category,
    concept,
    labels,
    local_time,
    period_of,
    quantity,
    reference,
    whole_day,
)
from carespine.devices.resolve import Day
from carespine.devices.samples import Samples, SourceIdentity

_METHOD = concept(
    "Measured by the patient's own device",
    Coding(codes.LOCAL_METHOD, "personal-device", "Measured by the patient's own device"),
)
_SUMMARISED = concept(
    "Summarised over the local day from the patient's own devices",
    Coding(codes.LOCAL_METHOD, "personal-device-day", "Summarised over the local day from personal devices"),
)
_LEAST = Coding(codes.LOCAL_METRIC, "least-of-day", "Least reading of the day")
_GREATEST = Coding(codes.LOCAL_METRIC, "greatest-of-day", "Greatest reading of the day")
_STAGES = (
    ("deep", "Deep sleep", codes.SLEEP_DEEP),
    ("light", "Light sleep", codes.SLEEP_LIGHT),
    ("rem", "REM sleep", codes.SLEEP_REM),
)
_MINUTES = Unit("min", "minutes")


def device(patient_id: str, source: SourceIdentity) -> Tree:
    """The Device of a source; it belongs to the patient."""
    tree: Tree = {
        "resourceType": "Device",
        "id": device_id(patient_id, source.key),
        "meta": labels(codes.PATIENT_GENERATED, _app_label(source)),
        "status": "active",
        "deviceName": [{"name": source.label, "type": "user-friendly-name"}],
        "type": concept(f"Personal device: {source.kind}"),
        "patient": reference("Patient", patient_id),
    }
    optional = {"manufacturer": source.maker, "modelNumber": source.hardware or source.model}
    return {**tree, **{name: value for name, value in optional.items() if value}}


def day(
    patient_id: str, of: Metric, found: Day, sources: dict[int, SourceIdentity], *, extra: Tree | None = None
) -> Tree:
    """The Observation of a dense metric on one local day, with one component more where `extra` is one.

    `found.value` must not be None.
    """
    if found.value is None or found.main_source is None:
        raise ValueError("a day without a value has no Observation")
    main = sources[found.main_source]
    is_sleep = of.day == "sleep"
    tree = _observation(patient_id, day_id(patient_id, of.key, found.day), of, main)
    tree["code"] = concept(f"{of.title}, one day", *of.day_codes())
    tree["effectivePeriod"] = (
        period_of(found.span) if is_sleep and found.span else whole_day(found.day, found.span)
    )
    tree["method"] = _SUMMARISED
    tree["valueQuantity"] = quantity(found.value, of.day_unit, of.digits + 1)
    tree["note"] = [{"text": _explained(found, sources)}]
    components = _stages(found) if is_sleep else _range(of, found)
    components += [extra] if extra is not None else []
    if components:
        tree["component"] = components
    return tree


def readings(patient_id: str, of: Metric, source: SourceIdentity, samples: Samples) -> list[Tree]:
    """One Observation for each reading of a sparse metric."""
    ids = reading_ids(patient_id, of, source.key, samples)
    rows = zip(ids, samples.start_ms, samples.offset_min, samples.canonical(of), strict=True)
    trees = []
    for reading_id, start_ms, offset_min, value in rows:
        tree = _observation(patient_id, reading_id, of, source)
        tree["code"] = concept(of.title, *of.reading_codes())
        tree["effectiveDateTime"] = local_time(int(start_ms), int(offset_min))
        tree["method"] = _METHOD
        tree["valueQuantity"] = quantity(float(value), of.unit)
        trees.append(tree)
    return trees


def pressure(patient_id: str, found: Pressure, source: SourceIdentity) -> Tree:
    """The panel of one blood pressure."""
    reading_id = pressure_id(
        patient_id, found.source, found.start_ms, found.systolic_mmhg, found.diastolic_mmhg
    )
    tree = _observation(patient_id, reading_id, metric(SYSTOLIC), source)
    tree["code"] = concept("Blood pressure", codes.BP_PANEL, codes.BP_PANEL_SNOMED)
    tree["effectiveDateTime"] = local_time(found.start_ms, found.offset_min)
    tree["method"] = _METHOD
    tree["component"] = [
        {"code": concept(of.title, *of.reading_codes()), "valueQuantity": quantity(value, of.unit)}
        for of, value in (
            (metric(SYSTOLIC), found.systolic_mmhg),
            (metric(DIASTOLIC), found.diastolic_mmhg),
        )
    ]
    return tree


def _observation(patient_id: str, resource_id: str, of: Metric, source: SourceIdentity) -> Tree:
    return {
        "resourceType": "Observation",
        "id": resource_id,
        "meta": labels(codes.PATIENT_GENERATED, _app_label(source)),
        "status": "final",
        "category": category(of.category),
        "subject": reference("Patient", patient_id),
        "performer": [reference("Patient", patient_id)],
        "device": reference("Device", device_id(patient_id, source.key), source.label),
    }


def _app_label(source: SourceIdentity) -> Coding:
    """The platform that passed the data on, as a label one can search by."""
    return Coding(codes.LOCAL_SOURCE, source.platform.casefold().replace(" ", "-"), source.platform)


def _range(of: Metric, found: Day) -> list[Tree]:
    if of.day not in ("mean", "median") or found.low is None or found.high is None:
        return []
    return [
        {"code": concept(code.display, code), "valueQuantity": quantity(value, of.unit)}
        for code, value in ((_LEAST, found.low), (_GREATEST, found.high))
    ]


def _stages(found: Day) -> list[Tree]:
    return [
        {"code": concept(text, code), "valueQuantity": quantity(found.parts[name], _MINUTES, 1)}
        for name, text, code in _STAGES
        if found.parts.get(name)
    ]


def _explained(found: Day, sources: dict[int, SourceIdentity]) -> str:
    """In words: who was used and who was set aside, and why."""
    sentences = []
    for share in found.shares:
        label = sources[share.source].label
        reasons = "; ".join(
            f"{count} set aside, {reason}" for reason, count in sorted(share.set_aside.items())
        )
        sentences.append(f"{label}: {share.used} used" + (f"; {reasons}" if reasons else "") + ".")
    return " ".join(sentences)
