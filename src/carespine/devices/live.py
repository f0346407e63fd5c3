"""The verbs of live ingestion: take a batch, follow corrections, erase a source; the record follows by a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from carespine.devices import erasure_store, live_store, publish, reasons, store
from carespine.devices.merge import merge
from carespine.devices.metrics import data_classes, metric
from carespine.devices.naming import device_id, pressure_id, reading_ids
from carespine.devices.pressures import DIASTOLIC, SYSTOLIC
from carespine.devices.samples import EMPTY, Samples, SourceIdentity, concatenate
from carespine.devices.samples_in import PUT, Parsed, Parser
from carespine.devices.service import JOB, permitted
from carespine.devices.shelf import StoreShelf
from carespine.devices.store import ChunkKey
from carespine.kernel.errors import Conflict, NotFound
from carespine.kernel.ids import new_id
from carespine.security.actor import TREATMENT, system_job
from carespine.security.session import Session
from carespine.spine.jobs.handle import TOPIC, Handle, actor_tree
from carespine.storage import bell, jobs

if TYPE_CHECKING:
    from carespine.devices.ports import Door

KIND = "publish-device-readings"
_STORED: tuple[str, str | None] = ("stored", None)
_DUPLICATE: tuple[str, str | None] = ("duplicate", None)
# Ours: batches follow one another; the record is written once for all that come within this time.
GATHER_S = 2.0
_ALWAYS = -(2**62), 2**62
Answer = dict[str, Any]


@dataclass(slots=True)
class _Work:
    """What a batch changes: outcomes by place, stretches of chunks to save, days and Observations that follow.

    `pieces` are the stored pieces (by first_ms) that the new contents of a chunk replace.
    """

    outcomes: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    contents: dict[ChunkKey, Samples] = field(default_factory=dict)
    removed: dict[ChunkKey, Samples] = field(default_factory=dict)
    pieces: dict[ChunkKey, tuple[int, ...]] = field(default_factory=dict)
    days: dict[str, set[int]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)


async def take_batch(
    session: Session,
    *,
    patient_id: str,
    samples: Sequence[Any],
    client: str,
    idempotency_key: str,
    sha256: bytes,
    sent: datetime | None = None,
) -> Answer:
    """Store the samples of a batch; each has one outcome: stored, duplicate, withdrawn or rejected with a reason.

    Withdrawals and the old values of corrections go first, whatever their place in the batch. One transaction;
    the same client and key again get the same answer. Raises Forbidden, NotFound, Conflict (key used otherwise).
    """
    parser = Parser(now=session.clock(), sent=sent)
    return await take_rows(
        session,
        patient_id=patient_id,
        parse=lambda: (parser.parse(samples), len(samples), parser.correction_ms),
        client=client,
        idempotency_key=idempotency_key,
        sha256=sha256,
    )


async def take_rows(
    session: Session,
    *,
    patient_id: str,
    parse: Callable[[], tuple[Parsed, int, int]],
    client: str,
    idempotency_key: str,
    sha256: bytes,
) -> Answer:
    """The same for readings of any shape: `parse` gives rows, how many readings there are, and a clock's correction."""
    patient = await session.require_patient(patient_id)
    classes = await permitted(session, patient)
    claim = await store.claim(session.tx, patient)
    earlier = await live_store.answer(session.tx, patient, client=client, idempotency_key=idempotency_key)
    if earlier is not None:
        if earlier[0] != sha256:
            raise Conflict("This idempotency key was used for another batch. Use a new key for each batch.")
        return {**earlier[1], "replayed": True}
    found, count, correction_ms = parse()
    work = _Work(outcomes={place: ("rejected", code) for place, code in found.refused.items()})
    shelf = StoreShelf(session.tx, patient)
    await _apply(found, work, shelf, classes=classes, number=claim.number, patient_id=patient_id)
    await _keep(session, claim, work, found)
    answer = _answer(work, count, correction_ms=correction_ms)
    await live_store.save_answer(
        session.tx,
        claim,
        answer,
        client=client,
        idempotency_key=idempotency_key,
        sha256=sha256,
        not_shared=[name for name in data_classes() if name not in classes],
        now=session.clock(),
    )
    await follow(session, patient, patient_id, work.days, work.stale)
    counts = {name: str(answer[name]) for name in ("read", "stored", "duplicate", "rejected", "withdrawn")}
    await session.audit(
        "C", "take-device-batch", patient=patient, what=f"Patient/{patient_id}", detail=counts
    )
    return answer


async def erase_source(session: Session, *, patient_id: str, source: str) -> int:
    """Take every reading of one source, named by its Device's id, out of the store; how many. They stay as withdrawn.

    Raises NotFound (no such source) and Forbidden.
    """
    patient = await session.require_patient(patient_id)
    await permitted(session, patient)
    claim = await store.claim(session.tx, patient)
    shelf = StoreShelf(session.tx, patient)
    known = {device_id(patient_id, key): key for key in await shelf.sources()}
    if source not in known:
        raise NotFound("There is no such source of readings.")
    kept = await live_store.chunks_of(session.tx, patient, known[source])
    work = _Work()
    for key, samples in kept.items():
        work.removed[key] = samples
        work.contents[key] = EMPTY
        _touch(work, key[0], samples)
        work.stale |= observations(patient_id, key, samples, kept)
    await store.drop_chunks(session.tx, patient, list(kept))
    await _keep(session, claim, work, Parsed())
    await follow(session, patient, patient_id, work.days, work.stale)
    count = sum(len(samples) for samples in kept.values())
    await session.audit(
        "D",
        "erase-device-source",
        patient=patient,
        what=f"Patient/{patient_id}",
        detail={"readings": str(count)},
    )
    return count


async def _apply(
    found: Parsed, work: _Work, shelf: StoreShelf, *, classes: frozenset[str], number: int, patient_id: str
) -> None:
    parts: dict[ChunkKey, list[tuple[Samples, np.ndarray]]] = {}
    for key, source in found.rows:
        samples, places = found.columns((key, source))
        if metric(key).data_class not in classes:
            work.outcomes.update((int(place), ("rejected", reasons.NO_CONSENT)) for place in places)
            continue
        samples = samples.with_origin(number)
        months = store.months(samples)
        for month in np.unique(months).tolist():
            rows = months == month
            parts.setdefault((key, source.key, month), []).append((samples.take(rows), places[rows]))
    touched = await live_store.touched(shelf.tx, shelf.patient, _spans(parts))
    known = {key: one.samples for key, one in touched.items()}
    work.pieces.update({key: one.pieces for key, one in touched.items()})
    for chunk, pieces in parts.items():
        together = concatenate([samples for samples, _ in pieces])
        places = np.concatenate([places for _, places in pieces])
        _one_chunk(chunk, together, places, found, work, known, patient_id)


def _spans(parts: Mapping[ChunkKey, Sequence[tuple[Samples, np.ndarray]]]) -> dict[ChunkKey, tuple[int, int]]:
    """From the first to the last start that a batch has in each chunk; in a sparse metric's, all there is."""
    spans = dict.fromkeys(_with_partners(list(parts)), _ALWAYS)
    for key, pieces in parts.items():
        if metric(key[0]).dense:
            starts = [samples.start_ms for samples, _ in pieces]
            spans[key] = min(int(some.min()) for some in starts), max(int(some.max()) for some in starts)
    return spans


def _with_partners(keys: list[ChunkKey]) -> list[ChunkKey]:
    """The chunks, and the other half of each blood pressure: an Observation is named by both numbers."""
    partner = {SYSTOLIC: DIASTOLIC, DIASTOLIC: SYSTOLIC}
    return list({*keys, *((partner[key], source, month) for key, source, month in keys if key in partner)})


def _one_chunk(
    chunk: ChunkKey,
    samples: Samples,
    places: np.ndarray,
    found: Parsed,
    work: _Work,
    known: Mapping[ChunkKey, Samples],
    patient_id: str,
) -> None:
    of, kept = metric(chunk[0]), known.get(chunk, EMPTY)
    actions = (
        [found.actions.get(int(place), PUT) for place in places] if found.actions else [PUT] * len(places)
    )
    taking_back = np.array([action != PUT for action in actions])
    if taking_back.any():
        kept = _take_back(chunk, samples.take(taking_back), places[taking_back], found, work, kept)
        work.stale |= observations(patient_id, chunk, work.removed.get(chunk, EMPTY), known)
    adding = np.array([action != "withdraw" for action in actions])
    incoming, at = samples.take(adding), places[adding]
    merged = merge(kept, incoming, of)
    work.outcomes.update(
        (place, _STORED if new else _DUPLICATE)
        for place, new in zip(at.tolist(), merged.fresh.tolist(), strict=True)
    )
    if len(merged.added) or chunk in work.removed:
        work.contents[chunk] = merged.samples
        _touch(work, chunk[0], merged.added)


def _take_back(
    chunk: ChunkKey, wanted: Samples, places: np.ndarray, found: Parsed, work: _Work, kept: Samples
) -> Samples:
    """The chunk without the readings that begin and end as the wanted ones do; those go to `removed`."""
    gone = np.zeros(len(kept), dtype=np.bool_)
    for row, place in enumerate(places.tolist()):
        same = (kept.start_ms == wanted.start_ms[row]) & (kept.end_ms == wanted.end_ms[row])
        gone |= same
        if found.actions[place] == "withdraw":
            done = bool(same.any())
            work.outcomes[place] = ("withdrawn", None) if done else ("rejected", reasons.NOTHING_TO_WITHDRAW)
    if gone.any():
        work.removed[chunk] = kept.take(gone)
        _touch(work, chunk[0], work.removed[chunk])
    return kept.take(~gone)


def _touch(work: _Work, key: str, samples: Samples) -> None:
    work.days.setdefault(key, set()).update(np.unique(samples.local_day()).tolist())


def observations(
    patient_id: str, chunk: ChunkKey, removed: Samples, known: Mapping[ChunkKey, Samples]
) -> set[str]:
    """The Observations of removed readings of a sparse metric; a dense metric's day is written anew."""
    key, source, month = chunk
    if metric(key).dense or not len(removed):
        return set()
    if key not in (SYSTOLIC, DIASTOLIC):
        return set(reading_ids(patient_id, metric(key), source, removed))
    other = known.get((DIASTOLIC if key == SYSTOLIC else SYSTOLIC, source, month), EMPTY)
    names = set()
    _, mine, theirs = np.intersect1d(removed.start_ms, other.start_ms, return_indices=True)
    for left, right in zip(mine.tolist(), theirs.tolist(), strict=True):
        pair = float(removed.value[left]), float(other.value[right])
        upper, lower = pair if key == SYSTOLIC else pair[::-1]
        names.add(pressure_id(patient_id, source, int(removed.start_ms[left]), upper, lower))
    return names


async def _keep(session: Session, claim: store.Claim, work: _Work, found: Parsed) -> None:
    sources: list[SourceIdentity] = [source for _, source in found.rows]
    await store.save_sources(session.tx, claim.patient, {source.key: source for source in sources}.values())
    await live_store.drop_pieces(
        session.tx, claim.patient, {key: work.pieces.get(key, ()) for key in work.contents}
    )
    filled = {key: samples for key, samples in work.contents.items() if len(samples)}
    await store.add_pieces(session.tx, claim.patient, store.pack_all(filled))
    await live_store.save_withdrawn(session.tx, claim, work.removed, now=session.clock())


async def follow(
    session: Session, patient: int, patient_id: str, days: Mapping[str, set[int]], stale: Iterable[str]
) -> None:
    """Note what the record must follow, and see that a job does it. One job serves all batches until it begins."""
    if not any(days.values()):
        return
    await live_store.note_pending(session.tx, patient, days, stale)
    owner = f"{KIND}/{patient}"
    if await live_store.has_waiting_job(session.tx, owner):
        return
    actor = actor_tree(system_job(JOB))
    request = {"patient": patient, "patientId": patient_id}
    job = jobs.NewJob(new_id(), KIND, owner, actor, TREATMENT, request)
    await jobs.add(session.tx, job, now=session.clock(), after_s=GATHER_S)
    await bell.ring(session.tx, TOPIC)


class Publisher:
    """Brings the record of a patient up to date with the readings: the handler of KIND."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def run(self, job: Handle) -> None:
        """Everything that is pending for the patient, in one transaction; a crash leaves it pending."""
        patient_id = job.request["patientId"]
        async with self._door.enter(system_job(JOB), purpose=TREATMENT) as session:
            patient = await session.require_patient(patient_id)
            await publish_pending(session, patient, patient_id)


async def publish_pending(session: Session, patient: int, patient_id: str) -> bool:
    """Write what is pending into the record; False where nothing was."""
    await live_store.hold(session.tx, patient)
    days, stale = await live_store.take_pending(session.tx, patient)
    if not days and not stale:
        return False
    await publish.publish_readings(session, patient, patient_id, days, stale)
    await publish.publish_summary(session, patient, patient_id, None, now=session.clock())
    await publish.purge(session, await erasure_store.take_purge(session.tx, patient))
    return True


def _answer(work: _Work, read: int, *, correction_ms: int) -> Answer:
    counts = Counter(status for status, _ in work.outcomes.values())
    reasons_found = Counter(code for _, code in work.outcomes.values() if code is not None)
    return {
        "read": read,
        **{name: counts[name] for name in ("stored", "duplicate", "rejected", "withdrawn")},
        "reasons": [
            {"code": one.code, "sentence": one.sentence, "count": one.count}
            for one in reasons.as_reasons(reasons_found)
        ],
        "clockCorrectionMs": correction_ms,
        "outcomes": [_told(*work.outcomes[place]) for place in range(read)],
        "replayed": False,
    }


@cache
def _told(status: str, reason: str | None) -> dict[str, str]:
    """One outcome as the answer has it; only ever read."""
    return {"status": status} if reason is None else {"status": status, "reason": reason}
