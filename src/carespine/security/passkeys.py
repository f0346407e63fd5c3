"""People's passkeys: adding one, signing in with one, taking one away.

The library behind the ceremonies takes long to import: that waits until somebody uses a passkey.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated
from carespine.security.accounts import subject

if TYPE_CHECKING:
    from carespine.security.ceremonies import Site
    from carespine.storage.database import Connection

# Ours: one for each of a person's devices, and some to spare.
_MOST = 10
_LONGEST_NAME = 60
REFUSED = "The passkey was not accepted. Try again, or sign in in another way."


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner knows it."""

    credential: bytes
    name: str
    made: datetime
    used: datetime | None


async def of(connection: Connection, username: str) -> list[Passkey]:
    """Somebody's passkeys, the oldest first."""
    rows = await connection.fetch(
        "select credential, name, made, used from passkey where username = $1 order by made, credential",
        username,
    )
    return [Passkey(**dict(row)) for row in rows]


async def ask_to_make(
    connection: Connection, site: Site, username: str, *, title: str, challenge: str
) -> str:
    """What the browser is asked in order to make one for this person."""
    from carespine.security import ceremonies  # noqa: PLC0415 -- see the top

    known = [each.credential for each in await of(connection, username)]
    return ceremonies.to_make(
        site,
        user_id=_handle(username),
        user_name=username,
        title=title,
        known=known,
        challenge=challenge.encode(),
    )


async def ask_to_use(connection: Connection, site: Site, username: str | None, *, challenge: str) -> str:
    """What the browser is asked in order to use one of this person's, or (None) of whoever is there."""
    from carespine.security import ceremonies  # noqa: PLC0415 -- see the top

    known = [each.credential for each in await of(connection, username)] if username else []
    return ceremonies.to_use(site, known=known, challenge=challenge.encode())


async def add(
    tx: Connection, site: Site, username: str, text: str, *, challenge: str, name: str, now: datetime
) -> None:
    """Keep the passkey that the browser made. Raises Invalid, or Conflict where there are too many or it is known."""
    from carespine.security import ceremonies  # noqa: PLC0415 -- see the top

    if not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
        raise Invalid(f"Give the passkey a name of 1 to {_LONGEST_NAME} characters")
    made = ceremonies.made(site, text, challenge=challenge.encode())
    await tx.execute("select 1 from account where username = $1 for update", username)
    if len(await of(tx, username)) >= _MOST:
        raise Conflict(f"You have {_MOST} passkeys already. Remove one that you do not use.")
    done = await tx.fetchval(
        "insert into passkey (credential, username, public_key, sign_count, name, made) "
        "values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning true",
        made.credential,
        username,
        made.public_key,
        made.sign_count,
        name,
        now,
    )
    if not done:
        raise Conflict("This passkey is registered already.")


async def use(
    tx: Connection, site: Site, text: str, *, challenge: str, username: str | None, now: datetime
) -> str:
    """Whose passkey was used, who must be `username` where that is given. Raises Unauthenticated.

    The same words for each refusal: they tell nobody which passkeys or people there are.
    """
    from carespine.security import ceremonies  # noqa: PLC0415 -- see the top

    try:
        credential, handle = ceremonies.credential_of(text)
        row = await tx.fetchrow(
            "select p.username, p.public_key, p.sign_count, a.enabled from passkey p join account a using (username) "
            "where p.credential = $1 for update of p",
            credential,
        )
        if row is None or not row["enabled"] or (username is not None and row["username"] != username):
            raise Unauthenticated(REFUSED)
        if handle is not None and handle != _handle(row["username"]):
            raise Unauthenticated(REFUSED)
        count = ceremonies.used(
            site,
            text,
            challenge=challenge.encode(),
            public_key=row["public_key"],
            sign_count=row["sign_count"],
        )
    except Invalid as error:
        raise Unauthenticated(REFUSED) from error
    await tx.execute(
        "update passkey set sign_count = $2, used = $3 where credential = $1", credential, count, now
    )
    return str(row["username"])


async def remove(tx: Connection, username: str, credential: bytes) -> None:
    """Take a passkey away. Raises NotFound."""
    done = await tx.execute(
        "delete from passkey where username = $1 and credential = $2", username, credential
    )
    if done != "DELETE 1":
        raise NotFound("There is no such passkey.")


def _handle(username: str) -> bytes:
    """What an authenticator stores of a person: no name."""
    return subject(username).encode()
