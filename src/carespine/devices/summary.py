"""The summary: every section of a patient's picture, in the order in which a page shows them. Pure."""

from __future__ import annotations

from dataclasses import replace

from carespine.devices.models import Result
from carespine.devices.naming import result_id
from carespine.devices.picture import Picture
from carespine.devices.sections import activity, blood_pressure, glucose, lifestyle, lungs, oximetry, weight

SECTIONS = (
    blood_pressure.section,
    activity.resting_heart_rate,
    activity.steps,
    activity.sleep,
    weight.section,
    glucose.continuous,
    glucose.by_meter,
    oximetry.section,
    lungs.section,
    lifestyle.active,
    lifestyle.regular_sleep,
    lifestyle.eaten,
)


def results(picture: Picture) -> tuple[Result, ...]:
    """Every section; one that is ready names the Observation of its first figure."""
    made = (section(picture) for section in SECTIONS)
    return tuple(
        replace(result, observation_id=result_id(picture.patient_id, picture.period, result.figures[0].key))
        if result.state == "ready"
        else result
        for result in made
    )
