"""The summary: every section of a patient's picture, in the order in which a page shows them. Pure."""

from __future__ import annotations

from dataclasses import replace

from carespine.devices.models import Result
from carespine.devices.naming import device_id, result_id
from carespine.devices.picture import Picture
from carespine.devices.sections import activity, blood_pressure, glucose, lifestyle, lungs, oximetry, weight
from carespine.devices.validation import status

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


def _with_validation(result: Result, picture: Picture) -> Result:
    """The result with what is known of the devices whose readings it uses."""
    labels = {share.source_id for share in result.provenance.sources if share.readings_used}
    used = [one for one in picture.sources.values() if device_id(picture.patient_id, one.key) in labels]
    return replace(result, validation=tuple(sorted({status(source) for source in used})))


def results(picture: Picture) -> tuple[Result, ...]:
    """Every section; one that is ready names the Observation of its first figure."""
    made = (_with_validation(section(picture), picture) for section in SECTIONS)
    return tuple(
        replace(result, observation_id=result_id(picture.patient_id, picture.period, result.figures[0].key))
        if result.state == "ready"
        else result
        for result in made
    )
