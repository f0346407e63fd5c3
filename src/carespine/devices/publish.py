"""Writes what an import changed into the record: Observations, the summary, and the practice's Task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import numpy as np

from carespine.devices import erasure_store, live_store, projection, report, sampled, store
from carespine.devices import kept as kept_summaries
from carespine.devices import picture as pictures
from carespine.devices.kept import Kept
from carespine.devices.metrics import all_metrics, data_classes, metric
from carespine.devices.models import ImportResult, Result, Source
from carespine.devices.naming import (
    as_date,
    composition_id,
    day_id,
    device_id,
    flagged_task_id,
    reading_ids,
    report_id,
    task_id,
)
from carespine.devices.picture import MARGIN_DAYS, Picture
from carespine.devices.pressures import DIASTOLIC, SYSTOLIC, pair
from carespine.devices.quantities import Tree
from carespine.devices.resolve import Day, separate
from carespine.devices.samples import DAY_MS, Bool, Samples, SourceIdentity
from carespine.devices.sections.blood_pressure import observation_id
from carespine.devices.summary import results
from carespine.devices.threshold_store import thresholds_of
from carespine.devices.zones import in_force
from carespine.kernel.errors import Gone, NotFound
from carespine.security.filing import practice_of
from carespine.security.session import Session

# Resources written at once: large enough for speed, small enough for flat memory.
_AT_ONCE = 1_000
# No Observation of a day is written anew more often before a job comes to purge it.
_MOST_VERSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Published:
    """The summary after an import: its picture, its sections, and the ids of report and Task."""

    picture: Picture
    results: tuple[Result, ...]
    report_id: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Observations to write, and ids of those that must not stand any longer."""

    trees: list[Tree]
    withdrawn: list[str]


async def publish_readings(
    writer: Session, patient: int, patient_id: str, days: Mapping[str, set[int]], withdrawn: Iterable[str]
) -> None:
    """Bring the Observations of the touched days up to date, a month at a time."""
    sources = await store.sources(writer.tx, patient)
    rankings = await live_store.rankings(writer.tx, patient)
    await _write(writer, [projection.device(patient_id, source) for source in sources.values()])
    await _withdraw(writer, withdrawn)
    for wanted in _months_of({day for touched in days.values() for day in touched}):
        stored = await store.window(
            writer.tx,
            patient,
            all_metrics(),
            first_ms=(min(wanted) - MARGIN_DAYS) * DAY_MS,
            last_ms=(max(wanted) + MARGIN_DAYS) * DAY_MS,
        )
        changes = await asyncio.to_thread(_changes, patient_id, stored, sources, wanted, rankings, days)
        await _write(writer, changes.trees)
        await _withdraw(writer, changes.withdrawn)


async def publish_summary(
    writer: Session, patient: int, patient_id: str, made: ImportResult | None, *, now: datetime
) -> Published | None:
    """Bring the summary of the review period up to date, and see that the practice has its one Task."""
    person = await writer.read("Patient", patient_id)
    born, thresholds = birth_date(person), await thresholds_of(writer, patient_id)
    picture = await pictures.load(writer.tx, patient, patient_id, birth_date=born, thresholds=thresholds)
    erased = await erasure_store.erasures(writer.tx, patient)
    if picture is None:
        return None
    found = await asyncio.to_thread(results, picture)
    number = await kept_summaries.write_number(writer.tx, patient)
    summary = kept_of(picture, found)
    await kept_summaries.save(
        writer.tx, patient, summary, stamp=kept_summaries.stamp(number, born, thresholds)
    )
    document = report.diagnostic_report(picture, found, issued=now, erased=erased)
    await _withdraw(writer, await _stale_results(writer, document))
    composition = report.composition(picture, found, now=now, erased=erased)
    await _write(writer, [*report.result_observations(picture, found), document, composition])
    if made is not None:
        await _write(writer, [report.provenance(picture, made)])
    wanted = report.task(picture, found, practice=practice_of(person), now=now)
    flagged = max((one.urgent_at for one in found if one.urgent_at is not None), default=None)
    await _ensure_task(writer, wanted, flagged=flagged)
    return Published(picture, found, document["id"], task_id(patient_id, picture.period))


async def withdraw_summaries(writer: Session, patient_id: str, periods: Sequence[str]) -> list[str]:
    """Delete the summaries of these review periods with their results; their names as Type/id.

    The practice's Tasks stay: they say nothing of what was found.
    """
    gone = []
    for period in periods:
        name = report_id(patient_id, period)
        try:
            document = await writer.read("DiagnosticReport", name)
        except (NotFound, Gone):
            continue
        gone += [item["reference"] for item in document.get("result", ())]
        gone += [f"DiagnosticReport/{name}", f"Composition/{composition_id(patient_id, period)}"]
    for reference in gone:
        await writer.delete(*reference.split("/", 1))
    return gone


async def purge(writer: Session, resources: Iterable[str]) -> None:
    """Remove what is deleted of these (Type/id) with all versions, and the earlier versions of what stands."""
    for reference in resources:
        resource_type, name = reference.split("/", 1)
        await writer.expunge_whole(resource_type, name, deleted_only=True, limit=1)
        await writer.expunge_superseded(resource_type, name, limit=_MOST_VERSIONS)


def kept_of(picture: Picture, found: tuple[Result, ...]) -> Kept:
    """The summary as it is kept for pages."""
    return Kept(
        period=picture.period,
        first_day=as_date(picture.first_day),
        last_day=as_date(picture.last_day),
        results=found,
        not_shared=tuple(name for name in data_classes() if name in picture.not_shared),
        sources=tuple(_source(picture.patient_id, source) for source in picture.sources.values()),
    )


def _source(patient_id: str, source: SourceIdentity) -> Source:
    return Source(
        source_id=device_id(patient_id, source.key),
        label=source.label,
        device=source.device,
        model=source.hardware or source.model,
        app=source.app,
        platform=source.platform,
        kind=source.kind,
    )


def birth_date(person: Tree) -> date | None:
    """The date of birth, where the Patient has it to the day."""
    text = person.get("birthDate", "")
    return date.fromisoformat(text) if len(text) == len("2000-01-01") else None


def _months_of(touched: set[int]) -> Iterator[set[int]]:
    """The touched days and their neighbours (a better known offset moves readings by a day), by month."""
    widened = sorted({day + step for day in touched for step in (-1, 0, 1)})
    for _, days in groupby(widened, key=lambda day: (as_date(day).year, as_date(day).month)):
        yield set(days)


def _changes(
    patient_id: str,
    stored: Mapping[str, Mapping[int, Samples]],
    sources: dict[int, SourceIdentity],
    wanted: set[int],
    rankings: Mapping[str, Sequence[int]],
    touched: Mapping[str, set[int]],
) -> Changes:
    readings = in_force(stored)
    changes = Changes([], [])
    resolved = pictures.resolve_all({k: v for k, v in readings.items() if metric(k).dense}, sources, rankings)
    for key, days in resolved.items():
        with_value = {day.day: day for day in days if day.value is not None}
        changes.trees.extend(
            projection.day(patient_id, metric(key), day, sources, extra=_sampled(key, day, readings))
            for number, day in with_value.items()
            if number in wanted
        )
        changes.withdrawn.extend(day_id(patient_id, key, day) for day in wanted - with_value.keys())
    for key in (key for key in touched if metric(key).dense and key not in resolved):
        changes.withdrawn.extend(day_id(patient_id, key, day) for day in touched[key] & wanted)
    for key in readings:
        if not metric(key).dense and key not in (SYSTOLIC, DIASTOLIC):
            _add_readings(changes, patient_id, key, readings[key], sources, wanted)
    _add_pressures(changes, patient_id, readings, sources, wanted)
    return changes


def _sampled(key: str, day: Day, readings: Mapping[str, Mapping[int, Samples]]) -> Tree | None:
    """The day's course by the source that gave most of it."""
    main = day.main_source
    return None if main is None else sampled.component(metric(key), readings[key][main], day.day)


def _add_readings(
    changes: Changes,
    patient_id: str,
    key: str,
    by_source: Mapping[int, Samples],
    sources: dict[int, SourceIdentity],
    wanted: set[int],
) -> None:
    of = metric(key)
    for source, (kept, aside) in separate(of, by_source, sources).items():
        inside = kept.take(_within(kept, wanted))
        changes.trees.extend(projection.readings(patient_id, of, sources[source], inside))
        changes.withdrawn.extend(reading_ids(patient_id, of, source, aside.take(_within(aside, wanted))))


def _add_pressures(
    changes: Changes,
    patient_id: str,
    readings: Mapping[str, Mapping[int, Samples]],
    sources: dict[int, SourceIdentity],
    wanted: set[int],
) -> None:
    counted, aside = pair(readings, sources)
    for found in counted:
        if found.local_day in wanted:
            changes.trees.append(projection.pressure(patient_id, found, sources[found.source]))
    changes.withdrawn.extend(
        observation_id(patient_id, found) for found in aside if found.local_day in wanted
    )


def _within(samples: Samples, wanted: set[int]) -> Bool:
    result: Bool = np.isin(samples.local_day(), sorted(wanted))
    return result


async def _write(writer: Session, trees: Sequence[Tree]) -> None:
    for first in range(0, len(trees), _AT_ONCE):
        await writer.upsert_many(trees[first : first + _AT_ONCE])


async def _withdraw(writer: Session, ids: Iterable[str]) -> None:
    """Delete Observations that stand no longer; their versions stay in the history."""
    for name in ids:
        await writer.delete("Observation", name)


async def _stale_results(writer: Session, document: Tree) -> list[str]:
    """Results that the report named so far and names no longer."""
    try:
        before = await writer.read("DiagnosticReport", document["id"])
    except (NotFound, Gone):
        return []
    named = {item["reference"] for item in document.get("result", ())}
    dropped = (item["reference"] for item in before.get("result", ()) if item["reference"] not in named)
    return [name.removeprefix("Observation/") for name in dropped]


async def _ensure_task(writer: Session, wanted: Tree, *, flagged: datetime | None) -> None:
    """Exactly one Task: one that somebody has worked on stays as it is; a waiting one may become urgent.

    A red flag that was measured after the answer gets a Task of its own, once: the answer did not know of it.
    """
    try:
        current = await writer.read("Task", wanted["id"])
    except Gone:
        return
    except NotFound:
        await _write(writer, [wanted])
        return
    answered = current.get("executionPeriod", {}).get("end")
    if (
        current["status"] == "completed"
        and flagged
        and answered
        and datetime.fromisoformat(answered) < flagged
    ):
        again = {**wanted, "id": flagged_task_id(wanted["id"], flagged.isoformat())}
        await _ensure_task(writer, again, flagged=flagged)
        return
    if current["status"] == "requested" and wanted["priority"] == "urgent" != current.get("priority"):
        raised = {
            **current,
            "priority": "urgent",
            "description": wanted["description"],
            "restriction": wanted["restriction"],
        }
        await _write(writer, [raised])
