"""What the practice would see of some files, worked out without storing anything."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carespine.devices import picture as pictures
from carespine.devices import reasons
from carespine.devices.adapters import adapter_for
from carespine.devices.adapters.contract import Adapter, HostileFile, Reading, UnknownFormat, UnreadableFile
from carespine.devices.ingest import Ingest
from carespine.devices.metrics import all_metrics, data_classes
from carespine.devices.models import ImportResult, Reason, Result
from carespine.devices.naming import as_day
from carespine.devices.picture import MARGIN_DAYS, resolve_all
from carespine.devices.resolve import Day
from carespine.devices.samples import DAY_MS, Samples, SourceIdentity, ZoneTrust
from carespine.devices.shelf import MemoryShelf, Shelf
from carespine.devices.summary import results
from carespine.devices.zones import in_force
from carespine.kernel.errors import Invalid

# The patient of a report on files, who is in no record.
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of the records of one file; read == stored + duplicate + rejected.

    `refused` says why nothing of a file could be read; its counts are zero then.
    """

    name: str
    adapter: str | None
    title: str | None
    sha256: str
    state: str
    read: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: tuple[Reason, ...] = ()
    notices: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class DayView:
    """One metric on one local day, and how far the offsets of its readings can be trusted."""

    metric: str
    found: Day
    trust: Mapping[ZoneTrust, int]


@dataclass(frozen=True, slots=True)
class Preview:
    """A report on files, or on a stored patient: the days are ordered by day and metric."""

    subject: str
    zone: str | None
    born: date | None
    now: datetime
    files: tuple[FileOutcome, ...]
    sources: Mapping[int, SourceIdentity]
    days: tuple[DayView, ...]
    results: tuple[Result, ...]
    first_day: int | None
    last_day: int | None
    not_shared: frozenset[str] = frozenset()
    extras: Mapping[str, object] = field(default_factory=dict)


def checked_zone(zone: str | None) -> str | None:
    """The zone, if the tz database knows it; Invalid else."""
    if zone is None:
        return None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"There is no time zone {zone!r}. Name one such as Europe/London.") from error
    return zone


async def of_files(
    paths: Sequence[Path],
    *,
    born: date | None,
    zone: str | None,
    now: datetime,
    further: Sequence[Adapter] = (),
) -> Preview:
    """The report on these files together, as if one person had sent them in this order."""
    shelf, zone = MemoryShelf(), checked_zone(zone)
    outcomes = []
    for number, path in enumerate(paths, 1):
        with path.open("rb") as file:
            outcomes.append(
                await _take(file, path.name, shelf, number=number, zone=zone, now=now, further=further)
            )
    found = await pictures.of_shelf(shelf, NOBODY, birth_date=born, imports=_imports(outcomes, now))
    return Preview(
        subject="files",
        zone=zone,
        born=born,
        now=now,
        files=tuple(outcomes),
        sources=await shelf.sources(),
        days=tuple([day async for day in every_day(shelf)]),
        results=() if found is None else results(found),
        first_day=None if found is None else found.first_day,
        last_day=None if found is None else found.last_day,
    )


async def _take(
    file: BinaryIO,
    name: str,
    shelf: Shelf,
    *,
    number: int,
    zone: str | None,
    now: datetime,
    further: Sequence[Adapter],
) -> FileOutcome:
    sha256 = _sha256(file)
    try:
        adapter = adapter_for(file, name, further=further)
    except UnknownFormat as error:
        return FileOutcome(name, None, None, sha256, "refused", refused=str(error))
    key, title = adapter.manifest.key, adapter.manifest.title
    ingest = Ingest(shelf, number, NOBODY, frozenset(data_classes()))
    reading = adapter.open(file, now=now, name=name, zone=zone)
    refused = await _read(reading, ingest)
    tally = ingest.tally
    state = "complete"
    if refused is not None:
        state = "refused" if not tally.read else "partial"
    elif reading.damage is not None:
        state = "partial"
    damage = () if reading.damage is None else (reading.damage,)
    return FileOutcome(
        name=name,
        adapter=key,
        title=title,
        sha256=sha256,
        state=state,
        read=tally.read,
        stored=tally.stored,
        duplicate=tally.duplicate,
        rejected=sum(tally.rejected.values()),
        reasons=reasons.as_reasons(tally.rejected),
        notices=(*damage, *reading.notices, *tally.notices(zone)),
        refused=refused,
    )


async def _read(reading: Reading, ingest: Ingest) -> str | None:
    try:
        for batch in reading.batches():
            await ingest.add(batch)
    except (UnreadableFile, HostileFile) as error:
        await ingest.flush()
        return str(error)
    await ingest.flush()
    return None


def _imports(outcomes: Sequence[FileOutcome], now: datetime) -> dict[int, ImportResult]:
    return {
        number: ImportResult(
            import_id=outcome.name,
            patient_id=NOBODY,
            client="report",
            adapter=outcome.adapter or "none",
            state="complete" if outcome.state == "complete" else "partial",
            read=outcome.read,
            stored=outcome.stored,
            duplicate=outcome.duplicate,
            rejected=outcome.rejected,
            reasons=outcome.reasons,
            notices=outcome.notices,
            sha256=outcome.sha256,
            received_at=now,
            report_id=None,
            task_id=None,
        )
        for number, outcome in enumerate(outcomes, 1)
    }


async def every_day(shelf: Shelf) -> AsyncIterator[DayView]:
    """Every local day of every metric, month by month, so that memory stays small whatever the years."""
    sources, rankings = await shelf.sources(), await shelf.rankings()
    for month in _with_neighbours(await shelf.months()):
        first, last = _days_of(month)
        stored = await shelf.window(
            all_metrics(), first_ms=(first - MARGIN_DAYS) * DAY_MS, last_ms=(last + 1 + MARGIN_DAYS) * DAY_MS
        )
        readings = in_force(stored)
        trusts = {key: _trust_by_day(by_source) for key, by_source in readings.items()}
        views = [
            DayView(key, day, trusts[key].get(day.day, {}))
            for key, days in resolve_all(readings, sources, rankings).items()
            for day in days
            if first <= day.day <= last
        ]
        for view in sorted(views, key=lambda view: (view.found.day, view.metric)):
            yield view


def _with_neighbours(months: Sequence[int]) -> list[int]:
    """The months that local days may lie in: chunks go by UTC, so that a day may belong to the month beside."""
    counts = {month // 100 * 12 + month % 100 - 1 for month in months}
    around = sorted({count + step for count in counts for step in (-1, 0, 1)})
    return [count // 12 * 100 + count % 12 + 1 for count in around]


def _days_of(month: int) -> tuple[int, int]:
    year, number = divmod(month, 100)
    following = date(year + (number == 12), number % 12 + 1, 1)
    return as_day(date(year, number, 1)), as_day(following) - 1


def _trust_by_day(by_source: Mapping[int, Samples]) -> dict[int, Counter[ZoneTrust]]:
    found: dict[int, Counter[ZoneTrust]] = defaultdict(Counter)
    for samples in by_source.values():
        pairs = zip(samples.local_day().tolist(), samples.trust.tolist(), strict=True)
        for (day, trust), count in Counter(pairs).items():
            found[day][ZoneTrust(trust)] += count
    return found


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1024 * 1024):
        digest.update(piece)
    return digest.hexdigest()
