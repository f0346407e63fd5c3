"""Local accounts and browser sessions: argon2, lock-out without telling who exists, rotation, time-outs."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from secrets import token_urlsafe
from typing import TYPE_CHECKING

import argon2

from carespine.kernel.errors import Unauthenticated
from carespine.kernel.ids import hash63
from carespine.security.actor import AccountKind, Actor

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

# Minimum standard SE-12: slow down or lock after at most ten wrong passwords.
MAX_FAILURES = 8
LOCK = timedelta(minutes=15)
# OWASP ASVS 5.0 chapter 7 leaves the figures to the application: ours are 30 minutes idle and 12 hours in all.
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
CARER = "carer"
REFUSED = "The user name or the password is not right, or the account is locked for a while."

_USER_NAME = re.compile(r"[A-Za-z0-9._@+\-]{1,64}")
_PERSON = "a.username, a.name, a.kind, a.role, a.organisation, a.reference, a.provider is null as local"
# What changes from one request to the next: emergency access, and whom a carer acts for (the newest, if several).
_EMERGENCY = (
    "array(select e.patient from emergency_access e where e.username = a.username and e.ends > {now}) "
    "as emergency"
)
_PROXY = (
    "(select jsonb_build_object('patient', p.patient_id, 'types', p.types) from proxy_access p "
    "where p.username = a.username and p.starts <= {now} and p.ends > {now} order by p.starts desc limit 1) as proxy"
)
_hasher = argon2.PasswordHasher()


@cache
def _decoy() -> str:
    """Verified against when there is no such account, so that both cases take the same time."""
    return _hasher.hash(token_urlsafe(16))


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in. `reference` is their Patient or Practitioner (or Person) resource."""

    username: str
    name: str
    kind: AccountKind
    role: str
    organisation: str | None
    reference: str


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A signed-in browser: who, and the token that every form must carry. `local`: their account is our own."""

    actor: Actor
    username: str
    csrf: str
    started: datetime
    local: bool


async def save(tx: Connection, account: Account, password: str) -> None:
    """Store an account with a new password; the sessions of an earlier one end."""
    await tx.execute("delete from web_session where username = $1", account.username)
    await tx.execute(
        "insert into account (username, name, kind, role, organisation, reference, password) "
        "values ($1, $2, $3, $4, $5, $6, $7) on conflict (username) do update set name = excluded.name, "
        "kind = excluded.kind, role = excluded.role, organisation = excluded.organisation, "
        "reference = excluded.reference, password = excluded.password, failures = 0, locked_until = null",
        account.username,
        account.name,
        account.kind,
        account.role,
        account.organisation,
        account.reference,
        _hasher.hash(password),
    )


async def set_password(tx: Connection, username: str, password: str) -> bool:
    """A new password for an account, whose sessions end; False where there is no such account."""
    await tx.execute("delete from web_session where username = $1", username)
    done = await tx.execute(
        "update account set password = $2, failures = 0, locked_until = null where username = $1",
        username,
        _hasher.hash(password),
    )
    return done == "UPDATE 1"


def is_user_name(text: str) -> bool:
    """Whether an account may be called this."""
    return _USER_NAME.fullmatch(text) is not None


async def exists(connection: Connection, username: str) -> bool:
    """Whether there is such an account; for the record only, never for an answer."""
    return is_user_name(username) and bool(
        await connection.fetchval("select true from account where username = $1", username)
    )


async def sign_in(
    tx: Connection, username: str, password: str, *, now: datetime, second_factor: bool = False
) -> str:
    """Check a password and open a session; returns the cookie's value. Raises Unauthenticated.

    The session waits for a code (second_factor.py) where the person has a second factor, and, with
    `second_factor`, for everybody but patients.

    The failure is counted by the caller's transaction: commit it also when this raises.
    """
    row = await tx.fetchrow(
        "select password, locked_until, enabled and provider is null as enabled, kind, totp_secret is not null "
        "or exists (select from passkey p where p.username = a.username) as factor "
        "from account a where username = $1 for update",
        username if is_user_name(username) else "",
    )
    right = _verifies(row["password"] if row else _decoy(), password)
    locked = row is not None and row["locked_until"] is not None and row["locked_until"] > now
    if row is None or not right or locked or not row["enabled"]:
        if row is not None and not locked:
            await tx.execute(
                "update account set failures = (failures + 1) % $2, "
                "locked_until = case when failures + 1 >= $2 then $3::timestamptz end where username = $1",
                username,
                MAX_FAILURES,
                now + LOCK,
            )
        raise Unauthenticated(REFUSED)
    await tx.execute("update account set failures = 0, locked_until = null where username = $1", username)
    pending = row["factor"] or (second_factor and row["kind"] != "patient")
    return await open_session(tx, username, now=now, pending=pending)


async def open_session(tx: Connection, username: str, *, now: datetime, pending: bool = False) -> str:
    """A new session for somebody who was proved to be this person; returns the cookie's value."""
    value = token_urlsafe(32)
    await tx.execute(
        "insert into web_session (digest, username, csrf, started, last_seen, pending) "
        "values ($1, $2, $3, $4, $4, $5)",
        digest(value),
        username,
        token_urlsafe(32),
        now,
        pending,
    )
    return value


async def provide(tx: Connection, account: Account, *, provider: str) -> None:
    """The account of somebody whom a provider vouches for, as it is at this sign-in. No password opens it.

    Sessions of an earlier role or organisation end. Raises Unauthenticated where the account was disabled.
    """
    row = await tx.fetchrow(
        "select role, organisation, reference, enabled from account where username = $1 for update",
        account.username,
    )
    if row is None:
        await save(tx, account, token_urlsafe(32))
        await tx.execute("update account set provider = $2 where username = $1", account.username, provider)
        return
    if not row["enabled"]:
        raise Unauthenticated("Your account here was disabled. Ask whoever manages access.")
    if (row["role"], row["organisation"], row["reference"]) != (
        account.role,
        account.organisation,
        account.reference,
    ):
        await tx.execute("delete from web_session where username = $1", account.username)
    await tx.execute(
        "update account set name = $2, kind = $3, role = $4, organisation = $5, reference = $6 where username = $1",
        account.username,
        account.name,
        account.kind,
        account.role,
        account.organisation,
        account.reference,
    )


async def session(
    connection: Connection,
    value: str,
    *,
    now: datetime,
    address: str | None = None,
    request_id: str | None = None,
) -> BrowserSession | None:
    """The session a cookie's value opens, or None where there is none or its time is over."""
    row = await connection.fetchrow(
        "update web_session s set last_seen = $2 from account a where s.digest = $1 "  # noqa: S608
        "and a.username = s.username "
        "and a.enabled and not s.pending and s.started > $3 and s.last_seen > $4 "
        f"returning {_PERSON}, s.csrf, s.started, {_EMERGENCY.format(now='$2')}, {_PROXY.format(now='$2')}",
        digest(value),
        now,
        now - ABSOLUTE,
        now - IDLE,
    )
    return _browser_session(row, address, request_id) if row else None


async def sign_out(tx: Connection, value: str) -> None:
    """End the session; a value that opens none is no error."""
    await tx.execute("delete from web_session where digest = $1", digest(value))


async def actor_of(
    connection: Connection,
    username: str,
    *,
    now: datetime,
    client: str | None = None,
    scopes: frozenset[str] = frozenset(),
    context: str | None = None,
    certificate: str | None = None,
    address: str | None = None,
    request_id: str | None = None,
) -> Actor:
    """The person, for whom an app (`client`) may act; raises Unauthenticated where the account is disabled."""
    row = await connection.fetchrow(
        f"select {_PERSON}, {_EMERGENCY.format(now='$2')}, {_PROXY.format(now='$2')} from account a "  # noqa: S608
        "where a.username = $1 and a.enabled",
        username,
        now,
    )
    if row is None:
        raise Unauthenticated("The person this access token speaks for has no account any more.")
    person = _actor(row, address, request_id)
    return replace(person, client=client, scopes=scopes, context=context, certificate=certificate)


def subject(username: str) -> str:
    """What identity tokens call a person: always the same, and no name."""
    return str(hash63("subject", username))


def _browser_session(row: asyncpg.Record, address: str | None, request_id: str | None) -> BrowserSession:
    return BrowserSession(
        _actor(row, address, request_id), row["username"], row["csrf"], row["started"], row["local"]
    )


def _actor(row: asyncpg.Record, address: str | None, request_id: str | None) -> Actor:
    kind, _, resource_id = row["reference"].partition("/")
    proxy = json.loads(row["proxy"]) if row["proxy"] and row["role"] == CARER else {}
    patient = proxy.get("patient") if row["role"] == CARER else resource_id if kind == "Patient" else None
    return Actor(
        row["kind"],
        row["username"],
        row["name"],
        row["role"],
        organisation=row["organisation"],
        reference=row["reference"],
        patient=patient,
        emergency=frozenset(row["emergency"]),
        proxy=frozenset(proxy.get("types", ())),
        address=address,
        request_id=request_id,
    )


def digest(value: str) -> bytes:
    """What is stored of a cookie's value: a stolen table opens no session."""
    return hashlib.sha256(value.encode()).digest()


def _verifies(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
