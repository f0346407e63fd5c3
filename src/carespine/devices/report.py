"""The summary as FHIR: a DiagnosticReport, its coded results, the practice's Task, and Provenance. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from carespine.devices import codes
from carespine.devices.metrics import Unit
from carespine.devices.models import SAFETY_NOTICE, Coding, Erasure, Figure, ImportResult, Result
from carespine.devices.naming import (
    as_date,
    composition_id,
    provenance_id,
    report_id,
    result_id,
    task_id,
)
from carespine.devices.narrative import narrative, section_text
from carespine.devices.picture import Picture
from carespine.devices.quantities import Tree, concept, labels, quantity, reference
from carespine.kernel.clock import fhir_instant

_SUMMARY = Coding(codes.LOCAL_RESULT, "device-readings-summary", "Summary of readings from personal devices")
_DERIVED = concept(
    "Computed by Carespine from the patient's own readings",
    Coding(codes.LOCAL_METHOD, "computed-from-readings", "Computed from the patient's own readings"),
)
_LABELS = labels(codes.PATIENT_GENERATED, codes.NOT_FOR_CLINICAL_USE)


_URGENT = ": a clinician should look at this now"


def title(picture: Picture) -> str:
    return f"Readings from personal devices, {as_date(picture.last_day):%B %Y}"


def result_observations(picture: Picture, results: Sequence[Result]) -> list[Tree]:
    """Each coded figure of each ready section, derived from the readings it was computed from."""
    return [
        _result(picture, result, figure)
        for result in results
        if result.state == "ready"
        for figure in result.figures
        if figure.value is not None
    ]


def diagnostic_report(
    picture: Picture, results: Sequence[Result], *, issued: datetime, erased: Sequence[Erasure] = ()
) -> Tree:
    """The one report of the review period. Preliminary: no clinician has looked at it."""
    observations = result_observations(picture, results)
    not_shared = sorted(picture.not_shared)
    heading = title(picture)
    sentences = [result.urgent for result in results if result.urgent]
    sentences += [f"{result.title}: {result.verdict}" for result in results if result.state != "no-data"]
    if not_shared:
        sentences.append(f"Not shared by the patient: {', '.join(not_shared)}.")
    sentences += [one.sentence for one in erased]
    tree: Tree = {
        "resourceType": "DiagnosticReport",
        "id": report_id(picture.patient_id, picture.period),
        "meta": _LABELS,
        "text": {
            "status": "generated",
            "div": narrative(results, title=heading, not_shared=not_shared, erased=erased),
        },
        "identifier": [
            {"system": codes.IDENTIFIER_PERIOD, "value": f"{picture.patient_id}/{picture.period}"}
        ],
        "status": "preliminary",
        "category": [concept("Patient-generated data", codes.PATIENT_GENERATED)],
        "code": concept(heading, _SUMMARY),
        "subject": reference("Patient", picture.patient_id),
        "effectivePeriod": {
            "start": as_date(picture.first_day).isoformat(),
            "end": as_date(picture.last_day).isoformat(),
        },
        "issued": fhir_instant(issued),
        "conclusion": " ".join([f"{SAFETY_NOTICE}", *sentences]),
    }
    named = [reference("Observation", observation["id"]) for observation in observations]
    return {**tree, "result": named} if named else tree


def composition(
    picture: Picture, results: Sequence[Result], *, now: datetime, erased: Sequence[Erasure] = ()
) -> Tree:
    """The summary as a document: a section for each protocol that has something to say, with its coded results."""
    heading = title(picture)
    told = [result for result in results if result.state in ("ready", "not-enough")]
    report_reference = reference("DiagnosticReport", report_id(picture.patient_id, picture.period))
    sections: list[Tree] = [{"title": "Report", "entry": [report_reference]}]
    sections += [_section(picture, result) for result in told]
    return {
        "resourceType": "Composition",
        "id": composition_id(picture.patient_id, picture.period),
        "meta": _LABELS,
        "text": {
            "status": "generated",
            "div": narrative(results, title=heading, not_shared=sorted(picture.not_shared), erased=erased),
        },
        "status": "preliminary",
        "type": concept("Summary of readings from personal devices", _SUMMARY),
        "subject": reference("Patient", picture.patient_id),
        "date": fhir_instant(now),
        "author": [{"display": "Carespine"}],
        "title": heading,
        "section": sections,
    }


def _section(picture: Picture, result: Result) -> Tree:
    tree: Tree = {"title": result.title, "text": {"status": "generated", "div": section_text(result)}}
    if result.state == "ready":
        tree["entry"] = [
            reference("Observation", result_id(picture.patient_id, picture.period, figure.key))
            for figure in result.figures
            if figure.value is not None
        ]
    return tree


# Carespine, to be confirmed by the deployer's clinical safety officer: a summary is answered within a week, one with
# a red flag within a day; from then on the inbox shows it as overdue.
REPLY_WITHIN, REPLY_TO_URGENT_WITHIN = timedelta(days=7), timedelta(days=1)


def task(picture: Picture, results: Sequence[Result], *, practice: str | None, now: datetime) -> Tree:
    """The one entry in the practice's inbox for the review period."""
    urgent = next((result.urgent for result in results if result.urgent), None)
    within = REPLY_TO_URGENT_WITHIN if urgent else REPLY_WITHIN
    tree: Tree = {
        "resourceType": "Task",
        "id": task_id(picture.patient_id, picture.period),
        "status": "requested",
        "intent": "proposal",
        "priority": "urgent" if urgent else "routine",
        "code": concept("Review the patient's device readings", codes.REVIEW_READINGS),
        # Reception reads Tasks too: what was found stands in the report alone.
        "description": f"{title(picture)}{_URGENT if urgent else ''}",
        "focus": reference("DiagnosticReport", report_id(picture.patient_id, picture.period)),
        "for": reference("Patient", picture.patient_id),
        "authoredOn": fhir_instant(now),
        "restriction": {"period": {"end": fhir_instant(now + within)}},
        "requester": reference("Patient", picture.patient_id),
    }
    return tree if practice is None else {**tree, "owner": reference("Organization", practice)}


def provenance(picture: Picture, made: ImportResult) -> Tree:
    """Where an import's data came from: the patient, the app that sent it, the file by its hash."""
    return {
        "resourceType": "Provenance",
        "id": provenance_id(made.import_id),
        "target": [reference("DiagnosticReport", report_id(picture.patient_id, picture.period))],
        "recorded": fhir_instant(made.received_at),
        "activity": concept("Import of readings from personal devices"),
        "agent": [
            {"type": concept("Author"), "who": reference("Patient", picture.patient_id)},
            {
                "type": concept("Transmitter"),
                "who": {"identifier": {"system": codes.IDENTIFIER_CLIENT, "value": made.client}},
            },
        ],
        "entity": [
            {"role": "source", "what": reference("Patient", picture.patient_id)},
            {
                "role": "source",
                "what": {
                    "identifier": {"system": codes.IDENTIFIER_SHA256, "value": made.sha256},
                    "display": made.adapter,
                },
            },
        ],
    }


def _result(picture: Picture, result: Result, figure: Figure) -> Tree:
    interpretation = {"within": "N", "above": "H", "below": "L"}
    tree: Tree = {
        "resourceType": "Observation",
        "id": result_id(picture.patient_id, picture.period, figure.key),
        "meta": _LABELS,
        "status": "preliminary",
        "category": [concept("Patient-generated data", codes.PATIENT_GENERATED)],
        "code": concept(figure.label, *figure.codes),
        "subject": reference("Patient", picture.patient_id),
        "effectivePeriod": {
            "start": as_date(picture.first_day).isoformat(),
            "end": as_date(picture.last_day).isoformat(),
        },
        "performer": [reference("Patient", picture.patient_id)],
        "valueQuantity": quantity(figure.value or 0.0, Unit(figure.unit, figure.unit_text)),
        "method": _DERIVED,
        "note": [{"text": " ".join([f"{result.verdict} Rule: {result.rule}.", *result.validation])}],
        "derivedFrom": [reference("Observation", name) for name in result.provenance.observation_ids],
    }
    if not tree["derivedFrom"]:
        del tree["derivedFrom"]
    if figure.standing is not None:
        code = interpretation[figure.standing]
        tree["interpretation"] = [concept(figure.standing, Coding(codes.INTERPRETATION, code, ""))]
    if figure.target is not None:
        tree["referenceRange"] = [_range(figure)]
    return tree


def _range(figure: Figure) -> Tree:
    target = figure.target
    if target is None:
        raise ValueError("a figure without a target has no reference range")
    unit = Unit(figure.unit, figure.unit_text)
    ends = {"low": target.low, "high": target.high}
    return {
        **{name: quantity(value, unit) for name, value in ends.items() if value is not None},
        "text": f"{target.text} ({target.source})",
    }
