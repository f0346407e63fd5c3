"""One-time codes (TOTP, RFC 6238) as the second factor: offering a secret, and taking a code."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING

import pyotp

from carespine.kernel.errors import Unauthenticated
from carespine.security.accounts import LOCK, MAX_FAILURES, digest

if TYPE_CHECKING:
    from carespine.storage.database import Connection

WRONG = "The code is not right, or was used before. Wait for the next one."
ISSUER = "Carespine"
_STEP_S = 30
# RFC 6238 section 5.2 recommends accepting one step of delay at most.
_WINDOW = 1
# Ours: how long somebody may take from the password to the code.
_PENDING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that waits for its code. `secret` is on offer to somebody who has none yet, else None."""

    username: str
    csrf: str
    secret: str | None

    @property
    def address(self) -> str:
        """The secret as authenticator apps read it."""
        return pyotp.TOTP(self.secret or "").provisioning_uri(name=self.username, issuer_name=ISSUER)


async def pending(tx: Connection, value: str, *, now: datetime) -> Pending | None:
    """The sign-in that a cookie's value belongs to; a secret is put on offer where the person has none."""
    row = await tx.fetchrow(
        "select s.username, s.csrf, s.enrolling, a.totp_secret from web_session s join account a using (username) "
        "where s.digest = $1 and s.pending and a.enabled and s.started > $2 for update of s",
        digest(value),
        now - _PENDING,
    )
    if row is None:
        return None
    secret = None
    if row["totp_secret"] is None:
        secret = row["enrolling"] or pyotp.random_base32()
        await tx.execute("update web_session set enrolling = $2 where digest = $1", digest(value), secret)
    return Pending(row["username"], row["csrf"], secret)


async def confirm(tx: Connection, value: str, code: str, *, now: datetime) -> str:
    """Take the code: the session is replaced by a full one, whose cookie value is returned.

    Raises Unauthenticated; the failure counts like a wrong password. Commit the transaction also then.
    """
    row = await tx.fetchrow(
        "select a.username, a.totp_secret, a.totp_used, a.locked_until, s.enrolling from web_session s "
        "join account a using (username) where s.digest = $1 and s.pending and a.enabled and s.started > $2 "
        "for update of a",
        digest(value),
        now - _PENDING,
    )
    if row is None:
        raise Unauthenticated("The sign-in has taken too long. Start again.")
    secret = row["totp_secret"] or row["enrolling"] or ""
    step = _step(secret, code, now=now, after=row["totp_used"])
    locked = row["locked_until"] is not None and row["locked_until"] > now
    if step is None or locked:
        await tx.execute(
            "update account set failures = (failures + 1) % $2, "
            "locked_until = case when failures + 1 >= $2 then $3::timestamptz else locked_until end "
            "where username = $1",
            row["username"],
            MAX_FAILURES,
            now + LOCK,
        )
        raise Unauthenticated(WRONG)
    await tx.execute(
        "update account set totp_secret = $2, totp_used = $3, failures = 0 where username = $1",
        row["username"],
        secret,
        step,
    )
    await tx.execute("delete from web_session where digest = $1", digest(value))
    fresh = token_urlsafe(32)
    await tx.execute(
        "insert into web_session (digest, username, csrf, started, last_seen) values ($1, $2, $3, $4, $4)",
        digest(fresh),
        row["username"],
        token_urlsafe(32),
        now,
    )
    return fresh


async def forget(tx: Connection, username: str) -> bool:
    """Take the second factor off an account (a lost telephone): the next sign-in offers a new secret."""
    await tx.execute("delete from web_session where username = $1", username)
    done = await tx.execute("update account set totp_secret = null where username = $1", username)
    return done == "UPDATE 1"


def _step(secret: str, code: str, *, now: datetime, after: int) -> int | None:
    """The half minute whose code this is, later than `after`; None where it is none."""
    if not secret or len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_S
    for step in range(present - _WINDOW, present + _WINDOW + 1):
        if step > after and hmac.compare_digest(totp.at(step * _STEP_S), code):
            return step
    return None
