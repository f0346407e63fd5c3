"""The closure tables that clients keep here: their concepts, and what each version added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from carespine.fhir.terminology.closing import Pairs
from carespine.fhir.terminology.models import Tree

if TYPE_CHECKING:
    from carespine.storage.database import Connection

Groups = list[tuple[str, Pairs]]
_decode = msgspec.msgpack.Decoder(list[tuple[str, list[tuple[str, str]]]]).decode


async def begin(tx: Connection, owner: str, name: str) -> None:
    """An empty table of this name; one that was there is emptied (R4: initialise)."""
    await tx.execute("delete from terminology_closure where owner = $1 and name = $2", owner, name)
    await tx.execute("insert into terminology_closure (owner, name, version) values ($1, $2, 0)", owner, name)


async def version(tx: Connection, owner: str, name: str) -> int | None:
    """The table's version, locked until the transaction ends; None where there is no table."""
    found: int | None = await tx.fetchval(
        "select version from terminology_closure where owner = $1 and name = $2 for update", owner, name
    )
    return found


async def concepts(tx: Connection, owner: str, name: str) -> list[tuple[str, str]]:
    """Its (system, code) so far."""
    rows = await tx.fetch(
        "select system, code from terminology_closure_concept where owner = $1 and name = $2", owner, name
    )
    return [(row["system"], row["code"]) for row in rows]


async def grow(
    tx: Connection, owner: str, name: str, codings: Sequence[Tree], gained: Iterable[tuple[str, Pairs]]
) -> int:
    """Add concepts and what they brought as the next version, which is returned."""
    await tx.executemany(
        "insert into terminology_closure_concept (owner, name, system, code, display) values ($1, $2, $3, $4, $5) "
        "on conflict do nothing",
        [(owner, name, coding["system"], coding["code"], coding.get("display")) for coding in codings],
    )
    number: int = await tx.fetchval(
        "update terminology_closure set version = version + 1 where owner = $1 and name = $2 returning version",
        owner,
        name,
    )
    await tx.execute(
        "insert into terminology_closure_change (owner, name, version, body) values ($1, $2, $3, $4)",
        owner,
        name,
        number,
        msgspec.msgpack.encode(list(gained)),
    )
    return number


async def since(tx: Connection, owner: str, name: str, number: int) -> Groups:
    """What the versions after `number` added."""
    rows = await tx.fetch(
        "select body from terminology_closure_change where owner = $1 and name = $2 and version > $3 order by version",
        owner,
        name,
        number,
    )
    return [(url, list(pairs)) for row in rows for url, pairs in _decode(row["body"])]
