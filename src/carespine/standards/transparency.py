"""The transparency log: everything the register says in public, in an order that nobody can change unseen."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.kernel.errors import Invalid, NotFound
from carespine.standards import certificates, merkle
from carespine.standards.engine.evidence import canonical
from carespine.standards.keys import SigningKey

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# One number for "the log grows": held until the transaction ends, so that indexes have no gaps.
_LOCK = 7_120_022
_PAGE = 1_000


async def append(tx: Connection, said: Mapping[str, Any]) -> int:
    """Add an entry, in the transaction that makes it true. Its index: 0, 1, 2, ..."""
    leaf = canonical(dict(said))
    await tx.execute("select pg_advisory_xact_lock($1)", _LOCK)
    index: int = await tx.fetchval(
        "insert into standards_leaf (idx, leaf, hash) select coalesce(max(idx) + 1, 0), $1, $2 "
        "from standards_leaf returning idx",
        leaf,
        merkle.leaf_hash(leaf),
    )
    return index


async def size(connection: Connection) -> int:
    """How many entries there are."""
    found: int = await connection.fetchval("select coalesce(max(idx) + 1, 0) from standards_leaf")
    return found


async def head(connection: Connection, key: SigningKey, *, base_url: str, now: datetime) -> dict[str, Any]:
    """The signed tree head: how many entries, and the one hash over all of them."""
    hashes = await _hashes(connection, await size(connection))
    root = merkle.root(hashes).hex()
    claims = {
        "iss": base_url,
        "sub": f"{base_url}/standards/log",
        "iat": int(now.timestamp()),
        "tree_size": len(hashes),
        "root_hash": root,
    }
    return {"tree_size": len(hashes), "root_hash": root, "token": certificates.issue_head(claims, key)}


async def entries(connection: Connection, first: int, last: int) -> dict[str, Any]:
    """The entries from `first` to `last`, both included, 1,000 at most."""
    if first < 0 or last < first or last - first >= _PAGE:
        raise Invalid(f"Ask for 1 to {_PAGE} entries: from is at least 0, to is at least from.")
    rows = await connection.fetch(
        "select idx, leaf from standards_leaf where idx between $1 and $2 order by idx", first, last
    )
    return {"entries": [{"index": row["idx"], "leaf": b64encode(row["leaf"]).decode()} for row in rows]}


async def inclusion(connection: Connection, index: int, tree_size: int | None) -> dict[str, Any]:
    """The proof that entry `index` is in the log of `tree_size` entries (all there are, where None)."""
    hashes = await _hashes(connection, await _size(connection, tree_size))
    if not 0 <= index < len(hashes):
        raise NotFound("The log of that size has no such entry.")
    leaf = await connection.fetchval("select leaf from standards_leaf where idx = $1", index)
    return {
        "index": index,
        "tree_size": len(hashes),
        "leaf": b64encode(leaf).decode(),
        "proof": [each.hex() for each in merkle.inclusion(hashes, index)],
        "root_hash": merkle.root(hashes).hex(),
    }


async def consistency(connection: Connection, first: int, second: int | None) -> dict[str, Any]:
    """The proof that the log of `first` entries is the beginning of that of `second`."""
    hashes = await _hashes(connection, await _size(connection, second))
    if not 0 < first <= len(hashes):
        raise NotFound("The log never had that size.")
    return {
        "first": first,
        "second": len(hashes),
        "proof": [each.hex() for each in merkle.consistency(hashes, first)],
    }


async def _size(connection: Connection, wanted: int | None) -> int:
    there = await size(connection)
    if wanted is not None and not 0 < wanted <= there:
        raise NotFound("The log never had that size.")
    return there if wanted is None else wanted


async def _hashes(connection: Connection, count: int) -> list[bytes]:
    rows = await connection.fetch("select hash from standards_leaf where idx < $1 order by idx", count)
    return [row["hash"] for row in rows]
