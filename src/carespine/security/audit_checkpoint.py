"""Checkpoints of the audit trail: a signed statement of what was removed, from which the chain of seals goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError

from carespine.kernel.clock import fhir_instant

if TYPE_CHECKING:
    from datetime import datetime

    from joserfc.jwk import ECKey, KeySet

    from carespine.storage.database import Connection

_KIND = "audit-checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Seals up to `number` and their `events` are gone; the next begins at transaction `to_xact` on `digest`."""

    number: int
    to_xact: str
    digest: bytes
    events: int
    newest: datetime
    made: datetime

    def claims(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "kind": _KIND,
            "seal": self.number,
            "to": self.to_xact,
            "digest": self.digest.hex(),
            "events": self.events,
            "newest": fhir_instant(self.newest),
            "at": fhir_instant(self.made),
        }


async def add(tx: Connection, checkpoint: Checkpoint, key: ECKey) -> None:
    """Sign and store a checkpoint; what it stands for can be removed from then on."""
    text = jws.serialize_compact({"alg": "ES256", "kid": key.kid}, json.dumps(checkpoint.claims()), key)
    await tx.execute(
        "insert into audit_checkpoint (number, to_xact, digest, events, newest, made, text) "
        "values ($1, $2::text::xid8, $3, $4, $5, $6, $7)",
        checkpoint.number,
        checkpoint.to_xact,
        checkpoint.digest,
        checkpoint.events,
        checkpoint.newest,
        checkpoint.made,
        text,
    )


async def newest(connection: Connection) -> Checkpoint | None:
    found = await _every(connection, limit=1)
    return found[0][0] if found else None


async def faults(connection: Connection, keys: KeySet) -> list[str]:
    """What is wrong with the checkpoints: one that this server did not sign as it stands, or rows that came back."""
    found = await _every(connection)
    wrong = [
        f"checkpoint {each.number}: its signature does not fit"
        for each, text in found
        if not _is_signed(each, text, keys)
    ]
    if found:
        stray = await connection.fetchval(
            "select count(*) from audit_event where xact < $1::text::xid8", found[0][0].to_xact
        )
        if stray:
            wrong.append(f"checkpoint {found[0][0].number}: {stray} events stand before it")
    return wrong


async def _every(connection: Connection, *, limit: int | None = None) -> list[tuple[Checkpoint, str]]:
    rows = await connection.fetch(
        "select number, to_xact::text, digest, events, newest, made, text from audit_checkpoint "
        "order by number desc limit $1",
        limit,
    )
    return [(Checkpoint(*tuple(row)[:-1]), row["text"]) for row in rows]


def _is_signed(checkpoint: Checkpoint, text: str, keys: KeySet) -> bool:
    try:
        payload = jws.deserialize_compact(text, keys, algorithms=["ES256"]).payload
        return bool(json.loads(payload or b"") == checkpoint.claims())
    except (JoseError, ValueError):
        return False
