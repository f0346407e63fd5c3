"""Sign-ins that are under way at a provider: each is bound to its browser and ends with its first return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from carespine.security.accounts import digest

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# Ours: time enough to prove who one is with a telephone.
_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Attempt:
    """`state` goes through the browser, `browser` into its cookie; `nonce` and `verifier` stay between servers."""

    state: str
    browser: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Under:
    """What is known of an attempt at its return."""

    nonce: str
    verifier: str
    onward: str


async def begin(
    tx: Connection, provider: str, onward: str, *, now: datetime, browser: str | None = None
) -> Attempt:
    """A new attempt, bound to a cookie's value (a new one where none is given); what came to nothing is forgotten."""
    cookie = browser or token_urlsafe(32)
    made = Attempt(token_urlsafe(32), cookie, token_urlsafe(32), token_urlsafe(48))
    await tx.execute("delete from sign_in_attempt where expires < $1", now)
    await tx.execute(
        "insert into sign_in_attempt (digest, provider, browser, nonce, verifier, onward, expires) "
        "values ($1, $2, $3, $4, $5, $6, $7)",
        digest(made.state),
        provider,
        digest(made.browser),
        made.nonce,
        made.verifier,
        onward,
        now + _LIFE,
    )
    return made


async def end(tx: Connection, provider: str, state: str, browser: str, *, now: datetime) -> Under | None:
    """The attempt that returns, which is over with this; None where there is none, or it is another browser's."""
    row = await tx.fetchrow(
        "delete from sign_in_attempt where digest = $1 and provider = $2 and browser = $3 "
        "returning nonce, verifier, onward, expires",
        digest(state),
        provider,
        digest(browser),
    )
    return Under(row["nonce"], row["verifier"], row["onward"]) if row and row["expires"] > now else None
