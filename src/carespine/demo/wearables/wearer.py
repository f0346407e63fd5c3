"""Who wears the devices, and the sources whose records an Apple Health export mixes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import quoteattr

from carespine.demo.practice.story_people import StoryPatient

# Apple writes a curly apostrophe in "Helen's iPhone" and a no-break space in "Apple Watch".
_APOSTROPHE, _NO_BREAK_SPACE = "’", "\u00a0"


@dataclass(frozen=True, slots=True)
class Wearer:
    """A person with a phone, a watch, a cuff, a scale, and with diabetes a glucose meter and a sensor.

    `systolic` and `diastolic` (mmHg) are the level of the home readings, first day and noise aside;
    `weight_kg` is the weight at the start of the export, `weekly_weight_change_kg` its trend.
    """

    given: str
    sex: str
    birth_date: date
    height_cm: int
    weight_kg: float
    systolic: float
    diastolic: float
    has_diabetes: bool
    weekly_weight_change_kg: float = -0.25
    home_zone: str = "Europe/London"


def wearer_of(patient: StoryPatient) -> Wearer:
    """The story's patient as a wearer. Home readings lie 5 mmHg under the clinic's (NICE NG136)."""
    return Wearer(
        given=patient.given,
        sex=patient.sex,
        birth_date=patient.birth_date,
        height_cm=round(patient.baseline.height_cm),
        weight_kg=patient.baseline.weight_kg,
        systolic=patient.baseline.systolic - 5,
        diastolic=patient.baseline.diastolic - 5,
        has_diabetes=any(name.endswith("diabetes") for name, _ in patient.conditions),
    )


@dataclass(frozen=True, slots=True)
class Source:
    """An app or device: the attributes it puts on a record, escaped for XML.

    `device` is the tail of Apple's device description; its head holds a memory address that differs on
    every record, so that comparing the whole string finds no two records of one device.
    """

    attributes: str
    device: str | None


def _source(name: str, version: str, device: str | None) -> Source:
    attributes = f'sourceName={quoteattr(name)} sourceVersion="{version}"'
    escaped = device and quoteattr(device)[1:-1]
    return Source(attributes, escaped)


@dataclass(frozen=True, slots=True)
class Sources:
    phone: Source
    watch: Source
    health: Source
    cuff: Source
    scale: Source
    meter: Source
    sensor: Source


def sources_of(wearer: Wearer) -> Sources:
    """The wearer's sources; brands other than Apple's are invented."""
    possessive = f"{wearer.given}{_APOSTROPHE}s"
    apple, northgate = "manufacturer:Apple Inc., model:", "manufacturer:Northgate Medical, model:"
    return Sources(
        phone=_source(
            f"{possessive} iPhone",
            "26.1",
            f", name:iPhone, {apple}iPhone, hardware:iPhone15,4>",
        ),
        watch=_source(
            f"{possessive} Apple{_NO_BREAK_SPACE}Watch",
            "26.1",
            f", name:Apple Watch, {apple}Watch, hardware:Watch7,1>",
        ),
        health=_source("Health", "26.1", None),
        cuff=_source(
            "CuffLink",
            "4.2.0",
            f", name:CuffLink M7, {northgate}M7, software:2.11>",
        ),
        scale=_source("ScaleSync", "311", f", name:ScaleSync S2, {northgate}S2, software:1.9>"),
        meter=_source("Sugarlog", "7.0.3", ", name:Sugarlog Meter, manufacturer:Ferrous Labs, model:GM3>"),
        sensor=_source("GlucoTrail", "1.14", ", name:GlucoTrail 15, manufacturer:Ferrous Labs, model:G15>"),
    )
