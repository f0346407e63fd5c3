"""Erasing for good, by the patient who takes a consent back: readings, and what the record holds of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from carespine.devices import erasure_store, kept, live, publish, store
from carespine.devices.metrics import metric
from carespine.devices.models import Erasure
from carespine.devices.naming import as_date, day_id
from carespine.devices.samples import Samples, concatenate
from carespine.devices.service import JOB
from carespine.devices.store import ChunkKey
from carespine.kernel.errors import Forbidden, NotFound
from carespine.security.actor import system_job
from carespine.security.session import Session


async def erase_by_consent(session: Session, *, patient_id: str, consent_id: str) -> Erasure:
    """Erase every reading that the app of a Consent brought, of the classes it was for.

    Only the patient may, in person (no carer, no app for them), or the operator's job at their request.

    The readings, those that were taken back before, and their Observations and summaries go for good, earlier versions
    with them (by the job that follows). What a clinician accepted into the record stays: it is the clinician's. The
    consent itself must be at an end: an app that may still send would send them again. Raises Forbidden, NotFound.
    """
    actor = session.actor
    in_person = actor.kind == "patient" and not actor.proxy and actor.client is None
    if not in_person and actor.kind != "system":
        raise Forbidden("Only the patient can erase their readings.")
    patient = await session.require_patient(patient_id)
    consent = await session.read("Consent", consent_id)
    if consent.get("patient", {}).get("reference") != f"Patient/{patient_id}":
        raise NotFound("There is no such sharing.")
    if consent["status"] == "active":
        raise Forbidden("Stop sharing with the app first; then its readings can be erased.")
    client, label, classes = _of(consent)
    claim = await store.claim(session.tx, patient)
    origins = await erasure_store.numbers_of(session.tx, patient, client)
    gone, left = await _separated(session, patient, origins, classes)
    done = Erasure(label, classes, sum(len(samples) for samples in gone.values()), session.clock())
    await store.drop_chunks(session.tx, patient, list(gone))
    remaining = {key: samples for key, samples in left.items() if key in gone and len(samples)}
    await store.add_pieces(session.tx, patient, store.pack_all(remaining))
    await erasure_store.forget_withdrawn(session.tx, patient, origins, classes)
    await _follow(session, patient, patient_id, gone, {**left, **_both(gone, left)})
    await kept.forget(session.tx, patient)
    await erasure_store.save(session.tx, claim.patient, done, sender=client)
    counts = {"readings": str(done.readings), "client": client, "classes": ",".join(classes) or "*"}
    await session.audit(
        "D", "erase-device-readings", patient=patient, what=f"Consent/{consent_id}", detail=counts
    )
    return done


async def erasures_of(session: Session, patient_id: str) -> tuple[Erasure, ...]:
    """What the patient erased, for who may see the patient's readings."""
    return await erasure_store.erasures(session.tx, await session.require_patient(patient_id))


def _of(consent: Mapping[str, object]) -> tuple[str, str, tuple[str, ...]]:
    """The app's client id, its name, and the classes of data (none: every class)."""
    provision = consent.get("provision", {})
    actors = provision.get("actor", ()) if isinstance(provision, dict) else ()
    classes = provision.get("class", ()) if isinstance(provision, dict) else ()
    for one in actors:
        reference = one.get("reference", {})
        client = reference.get("identifier", {}).get("value")
        if client:
            named = tuple(coding.get("code", "") for coding in classes if coding.get("code", "*") != "*")
            return client, reference.get("display") or client, named
    raise NotFound("This sharing names no app whose readings could be erased.")


async def _separated(
    session: Session, patient: int, origins: frozenset[int], classes: tuple[str, ...]
) -> tuple[dict[ChunkKey, Samples], dict[ChunkKey, Samples]]:
    """The chunks' readings that go, and what is left of every chunk."""
    gone, left = {}, {}
    numbers = np.array(sorted(origins), dtype=np.int32)
    async for key, samples in erasure_store.every_chunk(session.tx, patient):
        going = np.isin(samples.origin, numbers)
        if (classes and metric(key[0]).data_class not in classes) or not going.any():
            left[key] = samples
            continue
        gone[key], left[key] = samples.take(going), samples.take(~going)
    return gone, left


def _both(gone: Mapping[ChunkKey, Samples], left: Mapping[ChunkKey, Samples]) -> dict[ChunkKey, Samples]:
    """The chunks as they were: the Observation of a blood pressure is named by both of its numbers."""
    return {key: concatenate([samples, left[key]]) for key, samples in gone.items()}


async def _follow(
    session: Session,
    patient: int,
    patient_id: str,
    gone: Mapping[ChunkKey, Samples],
    before: Mapping[ChunkKey, Samples],
) -> None:
    """Have the job bring the record after, and take the summaries away that rest on what went."""
    days: dict[str, set[int]] = {}
    stale, purge = set[str](), set[str]()
    for key, samples in gone.items():
        found = np.unique(samples.local_day()).tolist()
        days.setdefault(key[0], set()).update(found)
        stale |= live.observations(patient_id, key, samples, before)
        if metric(key[0]).dense:
            purge |= {f"Observation/{day_id(patient_id, key[0], day)}" for day in found}
    purge |= {f"Observation/{name}" for name in stale}
    writer = Session(session.tx, system_job(JOB), session.purpose, session.clock)
    purge |= set(await publish.withdraw_summaries(writer, patient_id, _periods(days.values())))
    session.events.extend(writer.events)
    await erasure_store.note_purge(session.tx, patient, purge)
    await live.follow(session, patient, patient_id, days, stale)


def _periods(days: Iterable[set[int]]) -> list[str]:
    """The review periods whose summary may rest on these days: it looks back over 90 days."""
    found = {as_date(day) for some in days for day in some}
    months = {(when.year * 12 + when.month - 1 + ahead) for when in found for ahead in range(4)}
    return [f"{date(month // 12, month % 12 + 1, 1):%Y-%m}" for month in sorted(months)]
