"""One-time codes (TOTP, RFC 6238) as the second factor: offering a secret, and taking a code.

Secrets are stored sealed (vault.py): a stolen database makes no codes.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyotp

from carespine.kernel.errors import Unauthenticated
from carespine.security.accounts import LOCK, MAX_FAILURES, digest, open_session
from carespine.security.vault import is_sealed

if TYPE_CHECKING:
    from carespine.security.vault import Vault
    from carespine.storage.database import Connection

WRONG = "The code is not right, or was used before. Wait for the next one."
ISSUER = "Carespine"
_STEP_S = 30
# RFC 6238 section 5.2 recommends accepting one step of delay at most.
_WINDOW = 1
# Ours: how long somebody may take from the password to the code.
_PENDING = timedelta(minutes=10)
_HAS_PASSKEYS = "exists (select from passkey p where p.username = a.username) as passkeys"


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that waits for its second factor.

    `secret` is on offer to somebody who has no factor yet, else None; `codes` and `passkeys` say what they have.
    """

    username: str
    csrf: str
    secret: str | None
    codes: bool
    passkeys: bool

    @property
    def address(self) -> str:
        """The secret as authenticator apps read it."""
        return pyotp.TOTP(self.secret or "").provisioning_uri(name=self.username, issuer_name=ISSUER)


async def pending(tx: Connection, vault: Vault, value: str, *, now: datetime) -> Pending | None:
    """The sign-in that a cookie's value belongs to; a secret is put on offer where the person has no factor."""
    row = await tx.fetchrow(
        f"select s.username, s.csrf, s.enrolling, a.totp_secret, {_HAS_PASSKEYS} "  # noqa: S608
        "from web_session s join account a using (username) "
        "where s.digest = $1 and s.pending and a.enabled and s.started > $2 for update of s",
        digest(value),
        now - _PENDING,
    )
    if row is None:
        return None
    name, codes, passkeys = row["username"], row["totp_secret"] is not None, row["passkeys"]
    secret = None
    if not codes and not passkeys:  # whoever has a factor shows it: a password alone brings no new one
        secret = vault.open(row["enrolling"], owner=name) if row["enrolling"] else pyotp.random_base32()
        sealed = vault.seal(secret, owner=name)
        await tx.execute("update web_session set enrolling = $2 where digest = $1", digest(value), sealed)
    return Pending(name, row["csrf"], secret, secret is not None or codes, passkeys)


async def confirm(tx: Connection, vault: Vault, value: str, code: str, *, now: datetime) -> str:
    """Take the code: the session is replaced by a full one, whose cookie value is returned.

    Raises Unauthenticated; the failure counts like a wrong password. Commit the transaction also then.
    """
    row = await tx.fetchrow(
        f"select a.username, a.totp_secret, a.totp_used, a.locked_until, s.enrolling, {_HAS_PASSKEYS} "  # noqa: S608
        "from web_session s join account a using (username) "
        "where s.digest = $1 and s.pending and a.enabled and s.started > $2 "
        "for update of a",
        digest(value),
        now - _PENDING,
    )
    if row is None:
        raise Unauthenticated("The sign-in has taken too long. Start again.")
    offered = None if row["passkeys"] else row["enrolling"]
    sealed = row["totp_secret"] or offered
    secret = vault.open(sealed, owner=row["username"]) if sealed else ""
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
        sealed,
        step,
    )
    return await finish(tx, value, row["username"], now=now)


async def finish(tx: Connection, value: str, username: str, *, now: datetime) -> str:
    """Replace a session that waited by a full one, whose cookie value is returned."""
    await tx.execute("delete from web_session where digest = $1", digest(value))
    return await open_session(tx, username, now=now)


async def seal_all(tx: Connection, vault: Vault) -> None:
    """Seal what an earlier version of the server left in the clear."""
    rows = await tx.fetch(
        "select username, totp_secret from account where totp_secret is not null for update"
    )
    for row in rows:
        if not is_sealed(row["totp_secret"]):
            sealed = vault.seal(row["totp_secret"], owner=row["username"])
            await tx.execute(
                "update account set totp_secret = $2 where username = $1", row["username"], sealed
            )
    await tx.execute(
        "update web_session set enrolling = null where enrolling is not null and position('.' in enrolling) = 0"
    )


async def forget(tx: Connection, username: str) -> bool:
    """Take every second factor off an account (a lost telephone): the next sign-in offers a new secret."""
    await tx.execute("delete from passkey where username = $1", username)
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
