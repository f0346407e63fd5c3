"""A code system in tables: the same questions as of one in memory, answered by rows of packed sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import msgspec

from carespine.fhir.terminology import masks
from carespine.fhir.terminology.caching import Kept
from carespine.fhir.terminology.models import Concept, Described, Designation, Ords
from carespine.fhir.terminology.values import safe_pattern
from carespine.kernel.errors import Unprocessable

# What PostgreSQL says of a pattern that is none, or takes too long.
PATTERN_FAULTS = (asyncpg.InvalidRegularExpressionError, asyncpg.QueryCanceledError)

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# Ours: bytes of unpacked sets that a process keeps.
_SETS_ROOM = 128 * 1024 * 1024
# Ours: milliseconds that a regular expression may take over a whole code system.
_PATTERN_TIME = 5_000
_sets: Kept[Ords] = Kept(_SETS_ROOM)
_NOTHING = masks.array(())


class Detail(msgspec.Struct, array_like=True, omit_defaults=True):
    """What a concept has besides code and display."""

    definition: str | None = None
    designations: tuple[tuple[str, str | None, dict[str, str] | None], ...] = ()
    properties: tuple[dict[str, str | bool | int | dict[str, str]], ...] = ()
    parents: tuple[str, ...] = ()
    inactive: bool = False
    abstract: bool = False


_decode = msgspec.msgpack.Decoder(Detail).decode


class TableSystem:
    """One loaded version. It lives as long as the connection that it asks."""

    def __init__(self, connection: Connection, number: UUID, about: Described, size: int) -> None:
        self.about, self.size = about, size
        self._connection, self._number = connection, number

    def on(self, connection: Connection) -> TableSystem:
        """The same release, asked through another connection."""
        return TableSystem(connection, self._number, self.about, self.size)

    async def locate(self, codes: Sequence[str]) -> dict[str, int]:
        rows = await self._connection.fetch(
            "select code, place from terminology_concept where system = $1 and code = any($2::text[])",
            self._number,
            list(codes),
        )
        found = {row["code"]: row["place"] for row in rows}
        return {code: found[code] for code in codes if code in found}

    async def concepts(self, ords: Sequence[int]) -> list[Concept]:
        rows = await self._connection.fetch(
            "select place, code, display, detail from terminology_concept "
            "where system = $1 and place = any($2::integer[])",
            self._number,
            [int(place) for place in ords],
        )
        found = {row["place"]: _concept(row["code"], row["display"], row["detail"]) for row in rows}
        return [found[place] for place in ords]

    async def sets(self, kind: str, names: Sequence[str]) -> dict[str, Ords]:
        found, missing = {}, []
        for name in names:
            ords = _sets.get((self._number, kind, name))
            if ords is None:
                missing.append(name)
            elif len(ords):
                found[name] = ords
        if missing:
            rows = await self._connection.fetch(
                "select name, places from terminology_set where system = $1 and kind = $2 and name = any($3::text[])",
                self._number,
                kind,
                missing,
            )
            read = {row["name"]: masks.unpack(row["places"], self.size) for row in rows}
            for name in missing:
                ords = read.get(name, _NOTHING)
                _sets.put((self._number, kind, name), ords, weight=200 + ords.nbytes)
            found |= read
        return found

    async def sets_from(self, kind: str, beginning: str) -> dict[str, Ords]:
        # Text of the collation C: what begins so lies between it and it followed by the last character.
        rows = await self._connection.fetch(
            "select name, places from terminology_set where system = $1 and kind = $2 and name >= $3 and name < $4",
            self._number,
            kind,
            beginning,
            beginning + "\U0010ffff",
        )
        return {row["name"]: masks.unpack(row["places"], self.size) for row in rows}

    async def ancestors(self, ord: int) -> Ords:
        content = await self._connection.fetchval(
            "select ancestors from terminology_concept where system = $1 and place = $2",
            self._number,
            int(ord),
        )
        return masks.unpack(content, self.size)

    async def ancestors_of(self, ords: Sequence[int]) -> list[Ords]:
        rows = await self._connection.fetch(
            "select place, ancestors from terminology_concept where system = $1 and place = any($2::integer[])",
            self._number,
            [int(place) for place in ords],
        )
        found = {row["place"]: masks.unpack(row["ancestors"], self.size) for row in rows}
        return [found[int(place)] for place in ords]

    async def codes_like(self, pattern: str, *, display: bool) -> Ords:
        # PostgreSQL's own regular expressions: the dialects agree on what code systems use.
        column = "display" if display else "code"
        async with self._connection.transaction():
            await self._connection.execute(f"set local statement_timeout = {_PATTERN_TIME}")
            try:
                rows = await self._connection.fetch(
                    f"select place from terminology_concept where system = $1 and {column} ~ $2 order by place",  # noqa: S608
                    self._number,
                    f"^(?:{safe_pattern(pattern)})$",
                )
            except PATTERN_FAULTS as error:
                raise Unprocessable(
                    "The filter's regular expression cannot be run on this code system."
                ) from error
        return masks.array(row["place"] for row in rows)


def _concept(code: str, display: str | None, content: bytes) -> Concept:
    detail = _decode(content)
    return Concept(
        code,
        display,
        detail.definition,
        tuple(Designation(*item) for item in detail.designations),
        detail.properties,
        detail.parents,
        detail.inactive,
        detail.abstract,
    )
