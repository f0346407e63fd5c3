"""The verb of this domain: import a file of readings, in one transaction, once for each idempotency key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from carespine.devices import picture, publish, reasons, store
from carespine.devices.adapters import adapter_for
from carespine.devices.adapters.contract import Adapter, Reading
from carespine.devices.events import ReadingsImported, SummaryReady
from carespine.devices.ingest import Ingest
from carespine.devices.metrics import data_classes
from carespine.devices.models import ImportResult
from carespine.devices.naming import report_id, task_id
from carespine.devices.ports import Progress
from carespine.devices.preview import checked_zone
from carespine.devices.samples import Batch
from carespine.devices.shelf import StoreShelf
from carespine.kernel.errors import Conflict, Forbidden, NotFound
from carespine.kernel.events import Announcer
from carespine.kernel.ids import new_id
from carespine.security import consent, roles
from carespine.security.actor import system_job
from carespine.security.session import Session

JOB = "device-import"


async def import_readings(
    session: Session,
    *,
    patient_id: str,
    file: BinaryIO,
    client: str,
    idempotency_key: str,
    name: str = "",
    zone: str | None = None,
    further: Sequence[Adapter] = (),
    announcer: Announcer | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Store the readings in `file` (seekable), bring the record and the summary up to date, tell the practice.

    Everything happens in the session's transaction: all of it or nothing. Imports for one patient queue up.
    The same client and key again give the first answer (`replayed`) and repeat nothing; with another file
    under the same key: Conflict.
    `name` is what the sender calls the file, `zone` where the person lived.
    Readings of a class that the patient does not share are rejected, each counted.

    Raises Forbidden (no consent, or the actor may not), NotFound, UnknownFormat, UnreadableFile, HostileFile.
    A file that breaks off is imported up to there: state `partial`, with a notice.
    """
    patient = await session.require_patient(patient_id)
    classes = await permitted(session, patient)
    sha256 = await asyncio.to_thread(_sha256, file)
    claim = await store.claim(session.tx, patient)
    earlier = await store.import_by_key(
        session.tx, patient, patient_id, client=client, idempotency_key=idempotency_key
    )
    if earlier is not None:
        return _replay(earlier, sha256)
    adapter = await asyncio.to_thread(adapter_for, file, name, further=further)
    reading = adapter.open(file, now=session.clock(), name=name, zone=checked_zone(zone))
    ingest = Ingest(StoreShelf(session.tx, patient), claim.number, patient_id, classes)
    await _read(reading, ingest, progress)
    made = _result(
        session, adapter, reading, ingest, patient_id=patient_id, client=client, sha256=sha256, zone=zone
    )
    sharing = await store.classes_not_shared(session.tx, patient)
    not_shared = [name for name in data_classes() if name not in classes]
    await store.save_import(session.tx, claim, made, idempotency_key=idempotency_key, not_shared=not_shared)
    sharing_changed = sharing != await store.classes_not_shared(session.tx, patient)
    published = await _publish(session, patient, made, ingest, sharing_changed=sharing_changed)
    made = await _with_summary(session, claim, made)
    await _audit(session, patient, made)
    if announcer is not None:
        await _announce(announcer, session, made, published)
    return made


async def find_import(session: Session, *, patient_id: str, import_id: str) -> ImportResult:
    """What an earlier import did; NotFound where there is none, or none within reach."""
    patient = await session.require_patient(patient_id)
    found = await store.import_by_id(session.tx, patient, patient_id, import_id)
    if found is None or (session.actor.kind == "app" and found.client != session.actor.id):
        raise NotFound("There is no such import.")
    return found


async def permitted(session: Session, patient: int) -> frozenset[str]:
    """The data classes this actor may bring: for an app those that the patient shares with it now."""
    actor = session.actor
    if actor.kind != "patient" and not roles.allows(actor, "Observation", "c"):
        raise Forbidden(f"As {actor.role}, {actor.name} may not bring readings into a record.")
    if actor.kind != "app":
        return frozenset(data_classes())
    shared = [
        name
        for name in data_classes()
        if await consent.permits(session.tx, patient, actor.id, name, now=session.clock())
    ]
    if not shared:
        raise Forbidden("This patient has not consented to share any class of readings with this app.")
    return frozenset(shared)


def _replay(earlier: ImportResult, sha256: str) -> ImportResult:
    if earlier.sha256 != sha256:
        raise Conflict("This idempotency key was used for another file. Use a new key for each file.")
    return replace(earlier, replayed=True)


async def _read(reading: Reading, ingest: Ingest, progress: Progress | None) -> None:
    """Feed the ingest; the file is parsed in a thread, so that the server goes on answering."""
    batches = reading.batches()
    while (batch := await asyncio.to_thread(_next, batches)) is not None:
        await ingest.add(batch)
        if progress is not None:
            progress(batch.position, ingest.tally.read)
    await ingest.flush()


def _next(batches: Iterator[Batch]) -> Batch | None:
    return next(batches, None)


def _result(
    session: Session,
    adapter: Adapter,
    reading: Reading,
    ingest: Ingest,
    *,
    patient_id: str,
    client: str,
    sha256: str,
    zone: str | None,
) -> ImportResult:
    tally = ingest.tally
    damage = () if reading.damage is None else (reading.damage,)
    return ImportResult(
        import_id=new_id(),
        patient_id=patient_id,
        client=client,
        adapter=adapter.manifest.key,
        state="partial" if damage else "complete",
        read=tally.read,
        stored=tally.stored,
        duplicate=tally.duplicate,
        rejected=sum(tally.rejected.values()),
        reasons=reasons.as_reasons(tally.rejected),
        notices=(*damage, *reading.notices, *tally.notices(zone)),
        sha256=sha256,
        received_at=session.clock(),
        report_id=None,
        task_id=None,
    )


async def _publish(
    session: Session, patient: int, made: ImportResult, ingest: Ingest, *, sharing_changed: bool
) -> publish.Published | None:
    """Write to the record as the platform's own job: an app's scopes need not cover reports and Tasks."""
    if not (ingest.days or sharing_changed):
        return None
    writer = Session(session.tx, system_job(JOB), session.purpose, session.clock)
    if ingest.days:
        await publish.publish_readings(writer, patient, made.patient_id, ingest.days, ingest.withdrawn)
    published = await publish.publish_summary(writer, patient, made.patient_id, made, now=session.clock())
    session.events.extend(writer.events)
    return published


async def _with_summary(session: Session, claim: store.Claim, made: ImportResult) -> ImportResult:
    """The result with the ids of the summary and its Task, whether this import wrote them or an earlier one."""
    latest = await store.latest(session.tx, claim.patient)
    if latest is None:
        return made
    period = picture.period_of(latest.day)
    ids = report_id(made.patient_id, period), task_id(made.patient_id, period)
    await store.set_summary(session.tx, claim, report=ids[0], task=ids[1])
    return replace(made, report_id=ids[0], task_id=ids[1])


async def _audit(session: Session, patient: int, made: ImportResult) -> None:
    counts = {
        "read": made.read,
        "stored": made.stored,
        "duplicate": made.duplicate,
        "rejected": made.rejected,
    }
    await session.audit(
        "C",
        "import-readings",
        patient=patient,
        what=None if made.report_id is None else f"DiagnosticReport/{made.report_id}",
        detail={"import": made.import_id, **{name: str(count) for name, count in counts.items()}},
    )


async def _announce(
    announcer: Announcer, session: Session, made: ImportResult, published: publish.Published | None
) -> None:
    await announcer.announce(
        session,
        ReadingsImported(
            made.patient_id, made.import_id, made.client, made.stored, made.duplicate, made.rejected
        ),
    )
    if published is not None:
        urgent = any(result.urgent for result in published.results)
        period = published.picture.period
        event = SummaryReady(made.patient_id, published.report_id, published.task_id, period, urgent)
        await announcer.announce(session, event)


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1024 * 1024):
        digest.update(piece)
    return digest.hexdigest()
