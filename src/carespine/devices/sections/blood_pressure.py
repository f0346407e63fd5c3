"""The section on home blood pressure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from carespine.devices.codes import HOME_DIASTOLIC, HOME_SYSTOLIC
from carespine.devices.metrics import Unit, metric
from carespine.devices.models import (
    Change,
    Figure,
    Point,
    Provenance,
    Quality,
    Result,
    Series,
    SourceShare,
    Target,
)
from carespine.devices.naming import device_id, pressure_id
from carespine.devices.picture import Picture
from carespine.devices.pressures import DIASTOLIC, SYSTOLIC, Pressure
from carespine.devices.resolve import SAME_READING
from carespine.devices.rules import blood_pressure as rules
from carespine.devices.sections.common import Frame, change, figure, import_ids, instant, target, zone_flags

FRAME = Frame("home-blood-pressure", "Home blood pressure", "Blood pressure at home", SYSTOLIC, rules.RULE)
_MEANING = {
    "below-stage-1": "below the home threshold for hypertension (135/85)",
    "stage-1": "at or above the home threshold for stage 1 hypertension (135/85)",
    "stage-2": "at or above the home threshold for stage 2 hypertension (150/95)",
    "severe": "in the severe range (180/120 or more)",
}
_URGENT = "A repeated home reading of 180/120 mmHg or more: assess the same day (NICE NG136)."


def section(picture: Picture) -> Result:
    """The NG136 average of the latest monitoring week, or what is missing for one."""
    if not picture.pressures:
        return FRAME.empty(picture)
    readings = [pressure.on_the_wall() for pressure in picture.pressures]
    decided = rules.home_average(readings, age=picture.age, own_target=_own(picture))
    severe = rules.confirmed_severe(readings)
    begun = replace(FRAME.empty(picture), series=_series(picture))
    if severe is not None:
        moments = [one.start_ms for one in picture.pressures if one.on_the_wall() == severe]
        begun = replace(begun, urgent=_URGENT, urgent_at=instant(max(moments)))
    if isinstance(decided, rules.NotEnough):
        week = picture.pressures[-len(rules.protocol_days(readings)) :]
        return replace(
            begun,
            state="not-enough",
            verdict=f"No home average yet: {decided.days} of {rules.DAYS_NEEDED} complete days.",
            plain="We cannot work out your average yet. " + " ".join(decided.sentences),
            missing=decided.sentences,
            quality=_quality(picture, week, decided.days),
            provenance=_provenance(picture, week),
        )
    used = picture.pressures[-len(decided.used) :]
    week = picture.pressures[-len(decided.used) - len(decided.discarded) :]
    return replace(
        begun,
        state="ready",
        verdict=_verdict(decided, picture),
        plain=_plain(decided),
        figures=_figures(decided, picture),
        changes=_changes(picture, decided),
        quality=_quality(picture, week, decided.days),
        provenance=_provenance(picture, used),
    )


def _figures(decided: rules.HomeAverage, picture: Picture) -> tuple[Figure, ...]:
    pairs = (
        ("systolic", SYSTOLIC, HOME_SYSTOLIC, decided.systolic_mmhg, decided.target[0]),
        ("diastolic", DIASTOLIC, HOME_DIASTOLIC, decided.diastolic_mmhg, decided.target[1]),
    )
    return tuple(
        figure(
            f"home-{name}",
            f"Average home {name}",
            value,
            unit=Unit("mm[Hg]", "mmHg"),
            codes=(code, *metric(key).reading_codes()[:1]),
            target=target(picture, f"home-{name}", _target(limit)),
        )
        for name, key, code, value, limit in pairs
    )


def _own(picture: Picture) -> tuple[int, int] | None:
    """The home target that a clinician set for this patient; the guideline's number where only one was set."""
    wanted = [picture.thresholds.get("home-systolic"), picture.thresholds.get("home-diastolic")]
    if not any(wanted):
        return None
    usual = rules.target_for(picture.age)
    upper, lower = (usual[place] if own is None else int(own.value) for place, own in enumerate(wanted))
    return upper, lower


def _whose(picture: Picture) -> str:
    """Where the target comes from, in the words of the verdict."""
    own = picture.thresholds.get("home-systolic") or picture.thresholds.get("home-diastolic")
    return "for age" if own is None else own.source


def _target(limit: int) -> Target:
    return Target(None, limit, f"below {limit} mmHg", rules.RULE)


def _verdict(decided: rules.HomeAverage, picture: Picture) -> str:
    upper, lower = decided.target
    aim = "on target" if decided.on_target else "not on target"
    return (
        f"Home average {decided.systolic_mmhg}/{decided.diastolic_mmhg} mmHg, {_MEANING[decided.band]}; "
        f"{aim} (below {upper}/{lower} {_whose(picture)}). The average uses {len(decided.used)} readings; the "
        f"{len(decided.discarded)} of the first day are discarded, as the rule says. "
        f"{decided.days} days are complete."
    )


def _plain(decided: rules.HomeAverage) -> str:
    upper, lower = decided.target
    average = f"Your average blood pressure at home is {decided.systolic_mmhg}/{decided.diastolic_mmhg}."
    standing = "That is on target." if decided.on_target else "That is above the target."
    return f"{average} The aim is below {upper}/{lower}. {standing}"


def _changes(picture: Picture, decided: rules.HomeAverage) -> tuple[Change, ...]:
    """Against the average of the monitoring week before this one, where there is one."""
    walls = (pressure.on_the_wall() for pressure in picture.pressures)
    earlier = [reading for reading in walls if reading.at.date() < decided.discarded[0].at.date()]
    before = rules.home_average(earlier, age=picture.age)
    if isinstance(before, rules.NotEnough):
        return ()
    pairs = (
        ("Systolic", decided.systolic_mmhg, before.systolic_mmhg),
        ("Diastolic", decided.diastolic_mmhg, before.diastolic_mmhg),
    )
    return tuple(
        change(label, now, then, unit_text="mmHg", digits=0, against="the monitoring week before")
        for label, now, then in pairs
    )


def _series(picture: Picture) -> tuple[Series, ...]:
    upper, lower = rules.target_for(picture.age)
    above, below = (
        target(picture, "home-systolic", _target(upper)),
        target(picture, "home-diastolic", _target(lower)),
    )
    return (
        _points("systolic", "Systolic", above, [(one, one.systolic_mmhg) for one in picture.pressures]),
        _points("diastolic", "Diastolic", below, [(one, one.diastolic_mmhg) for one in picture.pressures]),
    )


def _points(key: str, label: str, goal: Target, values: Sequence[tuple[Pressure, float]]) -> Series:
    points = tuple(
        Point(one.on_the_wall().at.date(), value, at=_local_time(one.start_ms, one.offset_min))
        for one, value in values
    )
    return Series(key, label, "mm[Hg]", "mmHg", "points", points, goal)


def _local_time(moment_ms: int, offset_min: int) -> datetime:
    zone = timezone(timedelta(minutes=offset_min))
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone)


def _quality(picture: Picture, used: Sequence[Pressure], complete_days: int) -> Quality:
    days = {pressure.on_the_wall().at.date() for pressure in used}
    aside = [one for one in picture.pressures_set_aside if one.start_ms >= used[0].start_ms]
    return Quality(
        days_expected=rules.DAYS_IDEAL,
        days_with_readings=len(days),
        coverage=round(complete_days / rules.DAYS_IDEAL, 4),
        readings=len(used),
        readings_set_aside=len(aside),
        flags=(*zone_flags(picture, SYSTOLIC, first=used[0].local_day, last=used[-1].local_day),),
    )


def _provenance(picture: Picture, used: Sequence[Pressure]) -> Provenance:
    sources = sorted({pressure.source for pressure in used})
    shares = []
    for source in sources:
        own = [pressure for pressure in used if pressure.source == source]
        aside = sum(
            1
            for one in picture.pressures_set_aside
            if one.source == source and one.start_ms >= used[0].start_ms
        )
        shares.append(
            SourceShare(
                source_id=device_id(picture.patient_id, source),
                label=picture.sources[source].label,
                readings_used=len(own),
                readings_set_aside=aside,
                days_used=len({one.on_the_wall().at.date() for one in own}),
                reasons=(SAME_READING,) if aside else (),
            )
        )
    return Provenance(
        sources=tuple(shares),
        observation_ids=tuple(observation_id(picture.patient_id, pressure) for pressure in used),
        other_ids=tuple(
            observation_id(picture.patient_id, pressure)
            for pressure in picture.pressures[: len(picture.pressures) - len(used)]
        ),
        import_ids=import_ids(picture, frozenset[int]().union(*(one.imports for one in used))),
    )


def observation_id(patient_id: str, pressure: Pressure) -> str:
    """The Observation of one measurement."""
    return pressure_id(
        patient_id, pressure.source, pressure.start_ms, pressure.systolic_mmhg, pressure.diastolic_mmhg
    )
