"""What an administrator does to people, clients and organisations: one verb each, inside the door, on record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from carespine.kernel.errors import Conflict, Invalid, NotFound
from carespine.security import accounts, clients, passwords, roles, second_factor
from carespine.security.accounts import Account
from carespine.security.audit_event import ODS_SYSTEM

if TYPE_CHECKING:
    from carespine.security.clients import Client
    from carespine.security.session import Session


@dataclass(frozen=True, slots=True)
class Person:
    """An account as a list shows it."""

    username: str
    name: str
    role: str
    organisation: str | None
    reference: str
    enabled: bool


async def add_client(session: Session, client: Client) -> str | None:
    """Register a new client; returns the secret of one that proves itself by a secret, shown this once.

    Raises Conflict where the id is taken, Invalid where the keys, scopes or addresses are not usable.
    """
    if await clients.find(session.tx, client.client_id):
        raise Conflict(f"There is a client {client.client_id} already; disable it, or choose another id.")
    secret = token_urlsafe(32) if client.method == "client_secret_basic" else None
    digest = hashlib.sha256(secret.encode()).digest() if secret else None
    await clients.register(session.tx, replace(client, secret=digest))
    await session.audit("C", "add-client", what=f"clients/{client.client_id}")
    return secret


async def disable_client(session: Session, client_id: str) -> None:
    """Stop a client at its next request, and its refresh tokens for good. Raises NotFound."""
    if not await clients.disable(session.tx, client_id):
        raise NotFound(f"There is no client {client_id!r}.")
    await session.audit("U", "disable-client", what=f"clients/{client_id}")


async def enable_client(session: Session, client_id: str) -> None:
    """Let a client ask for tokens again. Raises NotFound."""
    if not await clients.enable(session.tx, client_id):
        raise NotFound(f"There is no client {client_id!r}.")
    await session.audit("U", "enable-client", what=f"clients/{client_id}")


async def add_person(session: Session, account: Account, password: str) -> None:
    """Make an account. Raises Conflict where the name is taken, Invalid where anything is not usable."""
    _check_person(account)
    passwords.demand(password, account.username)
    if await accounts.exists(session.tx, account.username):
        raise Conflict(f"There is a person with the user name {account.username!r} already.")
    await accounts.save(session.tx, account, password)
    await session.audit("C", "add-person", what=f"people/{account.username}", detail={"role": account.role})


async def set_password(session: Session, username: str, password: str) -> None:
    """A new password; every session of the person ends, and a lock is lifted. Raises NotFound, Invalid, Conflict."""
    passwords.demand(password, username)
    if await session.tx.fetchval("select provider from account where username = $1", username):
        raise Conflict(f"{username} signs in through a provider: no password opens that account.")
    if not await accounts.set_password(session.tx, username, password):
        raise NotFound(f"There is no person with the user name {username!r}.")
    await session.audit("U", "set-password", what=f"people/{username}")


async def forget_second_factor(session: Session, username: str) -> None:
    """Take the second factor off an account (a lost telephone); sessions end. Raises NotFound."""
    if not await second_factor.forget(session.tx, username):
        raise NotFound(f"There is no person with the user name {username!r}.")
    await session.audit("U", "forget-second-factor", what=f"people/{username}")


async def give_role(session: Session, username: str, role: str, organisation: str | None) -> None:
    """Another role, at an organisation where it needs one; sessions end. Raises NotFound, Invalid."""
    row = await session.tx.fetchrow("select name, reference from account where username = $1", username)
    if row is None:
        raise NotFound(f"There is no person with the user name {username!r}.")
    kind = roles.kind_of(role)
    account = Account(username, row["name"], kind, role, organisation, row["reference"])
    _check_person(account)
    await session.tx.execute("delete from web_session where username = $1", username)
    await session.tx.execute(
        "update account set kind = $2, role = $3, organisation = $4 where username = $1",
        username,
        kind,
        role,
        organisation,
    )
    await session.audit("U", "give-role", what=f"people/{username}", detail={"role": role})


async def enable_person(session: Session, username: str, *, enabled: bool) -> None:
    """Let a person sign in, or stop them: their sessions end at once. Raises NotFound."""
    done = await session.tx.execute("update account set enabled = $2 where username = $1", username, enabled)
    if done != "UPDATE 1":
        raise NotFound(f"There is no person with the user name {username!r}.")
    if not enabled:
        await session.tx.execute("delete from web_session where username = $1", username)
    await session.audit("U", "enable-person" if enabled else "disable-person", what=f"people/{username}")


async def people(session: Session) -> list[Person]:
    """All accounts, by user name."""
    rows = await session.tx.fetch(
        "select username, name, role, organisation, reference, enabled from account order by username"
    )
    return [Person(**dict(row)) for row in rows]


async def add_organisation(session: Session, ods: str, name: str) -> str:
    """An Organization with this ODS code; returns its id. Raises Conflict where the code is known."""
    if not (1 <= len(ods) <= 12 and ods.isascii() and ods.isalnum()):
        raise Invalid("An ODS code is 1 to 12 letters and digits.")
    if await session.tx.fetchval("select true from organisation_index where ods = $1", ods):
        raise Conflict(f"There is an organisation with the ODS code {ods} already.")
    identifier = [{"system": ODS_SYSTEM, "value": ods}]
    tree: dict[str, Any] = {
        "resourceType": "Organization",
        "active": True,
        "identifier": identifier,
        "name": name,
    }
    made = await session.create(tree)
    return str(made["id"])


async def activate_organisation(session: Session, ods: str, *, active: bool) -> None:
    """Mark an organisation as active or not; while it is not, its people cannot sign in. Raises NotFound."""
    ids = await session.tx.fetch("select id from organisation_index where ods = $1", ods)
    if not ids:
        raise NotFound(f"There is no organisation with the ODS code {ods!r}.")
    for row in ids:
        await session.update({**await session.read("Organization", row["id"]), "active": active})
    done = "enable-people-of" if active else "disable-people-of"
    await session.tx.execute("update account set enabled = $2 where organisation = $1", ods, active)
    if not active:
        await session.tx.execute(
            "delete from web_session where username in (select username from account where organisation = $1)",
            ods,
        )
    await session.audit("U", done, what=f"organisations/{ods}")


def _check_person(account: Account) -> None:
    if not accounts.is_user_name(account.username):
        raise Invalid("A user name is 1 to 64 letters, digits and the signs . _ - @ +")
    if not account.name.strip() or not account.name.isprintable():
        raise Invalid("A person needs a name.")
    if account.role not in roles.ROLES:
        raise Invalid(f"There is no role {account.role!r}: {', '.join(sorted(roles.ROLES))}.")
    if account.kind == "practitioner" and not account.organisation:
        raise Invalid(f"A {account.role} works for an organisation: give its ODS code.")
    kind, _, resource_id = account.reference.partition("/")
    if account.role == "patient" and (kind != "Patient" or not resource_id):
        raise Invalid("A patient's account names its Patient resource, such as Patient/123.")
