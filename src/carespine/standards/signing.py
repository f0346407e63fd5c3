"""Decisions that two people take: each signs the same words as themselves, and only both signatures count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from carespine.kernel.errors import Forbidden
from carespine.standards.gates import Facts
from carespine.standards.states import Event

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.storage.database import Connection

# Ours: both people look at the same situation.
LIFE = timedelta(days=1)
_canonical = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed first: their user name and their name."""

    who: str
    name: str


def words_of_hold(reason: str, until: datetime | None) -> bytes:
    """What both sign who hold the calendar."""
    return sha256(_canonical([reason, until])).digest()


def words_of_withdrawal(reason: str, facts: Facts) -> bytes:
    """What both sign who override the gates: all that the withdrawal rests on."""
    return sha256(_canonical([reason, facts])).digest()


async def sign(
    tx: Connection, actor: Actor, version: str, event: Event, words: bytes, *, now: datetime
) -> Signature | None:
    """Put the actor's signature under these words; returns the other person's, None where theirs is still missing.

    Raises Forbidden for anyone but an administrator in person whose account is enabled. One of the two whose
    account was disabled meanwhile has not signed.
    """
    if not await _may_sign(tx, actor):
        raise Forbidden("Two administrators sign this in person, each signed in to their own account.")
    row = await tx.fetchrow(
        "select s.who, s.name from standards_signature s join account a on a.username = s.who "
        "where s.version = $1 and s.event = $2 and s.digest = $3 and s.who <> $4 and s.at > $5 "
        "and a.enabled and a.kind = 'administrator' order by s.at desc limit 1",
        version,
        event,
        words,
        actor.id,
        now - LIFE,
    )
    if row:
        return Signature(row["who"], row["name"])
    await tx.execute(
        "insert into standards_signature (version, event, digest, who, name, at) values ($1, $2, $3, $4, $5, $6) "
        "on conflict do nothing",
        version,
        event,
        words,
        actor.id,
        actor.name,
        now,
    )
    return None


async def _may_sign(tx: Connection, actor: Actor) -> bool:
    return actor.kind == "administrator" and bool(
        await tx.fetchval(
            "select true from account where username = $1 and kind = 'administrator' and enabled", actor.id
        )
    )
