"""Writing a release into the tables: all of it in one transaction, so that readers see the old one until the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from carespine.fhir.terminology.columns import Columns
from carespine.kernel.ids import hash63, new_id
from carespine.storage.terminology.tables import Detail

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.fhir.terminology.models import Concept
    from carespine.fhir.terminology.releases import Release
    from carespine.storage.database import Connection

Progress = Callable[[str, int], None]
# Ours: seconds that writing one table of a release may take.
_LONGEST = 3_600
_STEP = 20_000
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Counts:
    """What was written, and whether it took the place of a load of the same version."""

    url: str
    version: str
    concepts: int
    sets: int
    replaced: bool


async def load(tx: Connection, release: Release, progress: Progress, *, now: datetime) -> Counts:
    """Store a release as the latest of its code system; one of the same version is replaced.

    Loads wait for one another. Whoever began to read the old one may find it gone at the end of this transaction.
    """
    about, number = release.about, UUID(new_id())
    version = about.version or ""
    await tx.execute("set local statement_timeout = 0")
    await tx.execute("select pg_advisory_xact_lock($1)", hash63("terminology", about.url), timeout=_LONGEST)
    columns = Columns(release.concepts, release.refsets)
    gone = await tx.fetchval(
        "delete from terminology_system where url = $1 and version = $2 returning number",
        about.url,
        version,
        timeout=_LONGEST,
    )
    await tx.execute("update terminology_system set latest = false where url = $1", about.url)
    await tx.execute(
        "insert into terminology_system (number, url, version, latest, size, loaded, about) "
        "values ($1, $2, $3, true, $4, $5, $6)",
        number,
        about.url,
        version,
        len(release.concepts),
        now,
        _encode(about),
    )
    await tx.copy_records_to_table(
        "terminology_concept",
        records=_concepts(number, release, columns, progress),
        columns=["system", "place", "code", "display", "detail", "ancestors"],
        timeout=_LONGEST,
    )
    written = _Counted(number, columns, progress)
    await tx.copy_records_to_table(
        "terminology_set", records=written, columns=["system", "kind", "name", "places"], timeout=_LONGEST
    )
    return Counts(about.url, version, len(release.concepts), written.count, gone is not None)


async def settle(tx: Connection) -> None:
    """Have PostgreSQL look at the tables again, after a load."""
    await tx.execute("set local statement_timeout = 0")
    for table in ("terminology_system", "terminology_concept", "terminology_set"):
        await tx.execute(f"analyze {table}", timeout=_LONGEST)


async def loaded(connection: Connection) -> list[dict[str, Any]]:
    """Every release that is loaded, by URL and version."""
    rows = await connection.fetch(
        "select url, version, latest, size, loaded from terminology_system order by url, version"
    )
    return [dict(row) for row in rows]


async def unload(tx: Connection, url: str, version: str) -> bool:
    """Remove a release; the latest of those that are left is the one loaded last. False where there is none."""
    await tx.execute("set local statement_timeout = 0")
    gone = await tx.fetchval(
        "delete from terminology_system where url = $1 and version = $2 returning number",
        url,
        version,
        timeout=_LONGEST,
    )
    await tx.execute(
        "update terminology_system set latest = true where number = (select number from terminology_system "
        "where url = $1 order by latest desc, loaded desc limit 1)",
        url,
    )
    return gone is not None


def _concepts(
    number: UUID, release: Release, columns: Columns, progress: Progress
) -> Iterator[tuple[Any, ...]]:
    for place, concept in enumerate(release.concepts):
        yield (
            number,
            place,
            concept.code,
            concept.display,
            _encode(_detail(concept)),
            columns.ancestors(place),
        )
        if place % _STEP == _STEP - 1:
            progress("Writing concepts", _STEP)


def _detail(concept: Concept) -> Detail:
    return Detail(
        concept.definition,
        tuple((item.value, item.language, item.use) for item in concept.designations),
        concept.properties,
        concept.parents,
        concept.inactive,
        concept.abstract,
    )


class _Counted:
    """The rows of the sets, counted as they go."""

    def __init__(self, number: UUID, columns: Columns, progress: Progress) -> None:
        self._number, self._columns, self._progress = number, columns, progress
        self.count = 0

    def __iter__(self) -> Iterator[tuple[UUID, str, str, bytes]]:
        for item in self._columns.sets():
            self.count += 1
            yield self._number, item.kind, item.name, item.content
            if not self.count % _STEP:
                self._progress("Writing sets", _STEP)
