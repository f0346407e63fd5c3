"""Authorisations, codes, refresh tokens and launches in the database. What is secret is stored as its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from carespine.kernel.ids import new_id
from carespine.security.oauth.records import Authorisation, Code, RefreshToken, User

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

_AUTHORISATION = (
    "g.id as grant_id, g.client_id, g.patient, g.scope as granted, g.key, g.signed_in, g.expires as grant_expires, "
    "g.revoked, a.username, a.name, a.reference, a.enabled"
)
_FROM = "from oauth_grant g join account a on a.username = g.username"


@dataclass(frozen=True, slots=True)
class NewGrant:
    """What a person has just allowed: see Authorisation, and the code that the app redeems it by."""

    client_id: str
    username: str
    patient: str | None
    scope: str
    signed_in: datetime
    expires: datetime
    code: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    code_expires: datetime


@dataclass(frozen=True, slots=True)
class Launch:
    """The context of an app that is being opened from within a record."""

    client_id: str
    username: str
    patient: str


async def allow(tx: Connection, grant: NewGrant, *, now: datetime) -> str:
    """Store an authorisation and its code; returns the authorisation's id."""
    grant_id = new_id()
    await tx.execute(
        "insert into oauth_grant (id, client_id, username, patient, scope, signed_in, made, expires) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        grant_id,
        grant.client_id,
        grant.username,
        grant.patient,
        grant.scope,
        grant.signed_in,
        now,
        grant.expires,
    )
    await tx.execute(
        "insert into oauth_code (digest, grant_id, redirect_uri, challenge, nonce, expires) "
        "values ($1, $2, $3, $4, $5, $6)",
        digest(grant.code),
        grant_id,
        grant.redirect_uri,
        grant.challenge,
        grant.nonce,
        grant.code_expires,
    )
    return grant_id


async def code(tx: Connection, text: str, *, now: datetime) -> Code | None:
    """The code, locked. One that was used before revokes all that came of it (RFC 6749 section 4.1.2)."""
    row = await tx.fetchrow(
        f"select {_AUTHORISATION}, c.redirect_uri, c.challenge, c.nonce, c.used, c.expires {_FROM} "
        "join oauth_code c on c.grant_id = g.id where c.digest = $1 for update of c, g",
        digest(text),
    )
    if row is None:
        return None
    if row["used"] is not None:
        await revoke(tx, row["grant_id"], now=now)
        return None
    authorisation = _authorisation(row)
    if row["expires"] <= now or authorisation.revoked:
        return None
    return Code(authorisation, row["redirect_uri"], row["challenge"], row["nonce"])


async def refresh_token(tx: Connection, text: str, *, now: datetime) -> RefreshToken | None:
    """The refresh token, locked. One that was used before revokes its whole family (RFC 9700 section 4.14.2)."""
    row = await tx.fetchrow(
        f"select {_AUTHORISATION}, r.scope, r.used {_FROM} join oauth_refresh r on r.grant_id = g.id "
        "where r.digest = $1 for update of r, g",
        digest(text),
    )
    if row is None:
        return None
    if row["used"] is not None:
        await revoke(tx, row["grant_id"], now=now)
        return None
    authorisation = _authorisation(row)
    if authorisation.expires <= now or authorisation.revoked:
        return None
    return RefreshToken(authorisation, row["scope"])


async def authorisation(connection: Connection, grant_id: str, *, now: datetime) -> Authorisation | None:
    """The authorisation, where it is in force."""
    row = await connection.fetchrow(f"select {_AUTHORISATION} {_FROM} where g.id = $1", grant_id)
    found = _authorisation(row) if row else None
    return found if found and not found.revoked and found.expires > now and found.user.enabled else None


async def use_code(tx: Connection, text: str, *, now: datetime, key: str | None) -> None:
    """Mark a code as used, and bind what comes of it to the app's key where it showed one."""
    await tx.execute("update oauth_code set used = $2 where digest = $1", digest(text), now)
    await tx.execute(
        "update oauth_grant g set key = $2 from oauth_code c where c.digest = $1 and g.id = c.grant_id",
        digest(text),
        key,
    )


async def use_refresh_token(tx: Connection, text: str, *, now: datetime) -> None:
    await tx.execute("update oauth_refresh set used = $2 where digest = $1", digest(text), now)


async def new_refresh_token(tx: Connection, grant_id: str, scope: str) -> str:
    """A fresh refresh token of the authorisation."""
    text = token_urlsafe(32)
    await tx.execute(
        "insert into oauth_refresh (digest, grant_id, scope) values ($1, $2, $3)",
        digest(text),
        grant_id,
        scope,
    )
    return text


async def grant_of_refresh_token(connection: Connection, text: str) -> asyncpg.Record | None:
    """The columns id, client_id, username, patient, scope, expires and live of the authorisation of a token."""
    return await connection.fetchrow(
        "select g.id, g.client_id, g.username, g.patient, r.scope, g.expires, "
        "r.used is null and g.revoked is null as live from oauth_refresh r join oauth_grant g on g.id = r.grant_id "
        "where r.digest = $1",
        digest(text),
    )


async def revoke(tx: Connection, grant_id: str, *, now: datetime) -> None:
    """End an authorisation with everything that came of it."""
    await tx.execute("update oauth_grant set revoked = coalesce(revoked, $2) where id = $1", grant_id, now)


async def new_launch(
    tx: Connection, *, client_id: str, username: str, patient: str, expires: datetime
) -> str:
    """Remember that a person opens an app from within a record; returns what the app brings back."""
    text = token_urlsafe(24)
    await tx.execute(
        "insert into oauth_launch (digest, client_id, username, patient, expires) values ($1, $2, $3, $4, $5)",
        digest(text),
        client_id,
        username,
        patient,
        expires,
    )
    return text


async def launch(connection: Connection, text: str, *, now: datetime) -> Launch | None:
    row = await connection.fetchrow(
        "select client_id, username, patient from oauth_launch where digest = $1 and expires > $2",
        digest(text),
        now,
    )
    return Launch(**dict(row)) if row else None


async def forget(tx: Connection, *, now: datetime) -> None:
    """Delete what has expired: nothing of it would be accepted in any case."""
    await tx.execute("delete from oauth_launch where expires < $1", now)
    await tx.execute("delete from oauth_revoked where expires < $1", now)
    await tx.execute("delete from oauth_grant where expires < $1", now)


def digest(text: str) -> bytes:
    """The SHA-256 of a secret; what is no text of Unicode has one too."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _authorisation(row: asyncpg.Record) -> Authorisation:
    user = User(row["username"], row["name"], row["reference"], row["enabled"])
    return Authorisation(
        row["grant_id"],
        row["client_id"],
        user,
        row["patient"],
        row["granted"],
        row["key"],
        row["signed_in"],
        row["grant_expires"],
        row["revoked"] is not None,
    )
