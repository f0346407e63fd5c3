"""What a supplier declares of its product: capabilities, dependencies and contacts. The newest declaration counts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.kernel.errors import Invalid, NotFound
from carespine.security.actor import ADMINISTRATION
from carespine.standards import store, transparency

if TYPE_CHECKING:
    import asyncpg

    from carespine.security.actor import Actor
    from carespine.standards.service import Standards
    from carespine.storage.database import Connection

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,59}")
_MOST, _LONGEST = 50, 200
# Whom a health body must be able to reach. Ours.
ROLES = ("service", "safety", "security", "privacy")


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`capabilities` are codes such as `appointments`; `dependencies` name what the product cannot work without;
    `contacts` go from a role of ROLES to an address.
    """

    capabilities: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    contacts: dict[str, str] = {}


NOTHING = Declaration()


def read(raw: bytes) -> Declaration:
    """The declaration in a JSON text. Raises Invalid, naming the place."""
    try:
        found = msgspec.json.decode(raw, type=Declaration)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"The declaration cannot be read: {error}.") from error
    for each in found.capabilities:
        if not _CODE.fullmatch(each):
            raise Invalid(f"capabilities: {each[:60]!r} is not 2 to 60 small letters, digits or hyphens.")
    for role in found.contacts:
        if role not in ROLES:
            raise Invalid(f"contacts: the roles are {', '.join(ROLES)}.")
    for text in (*found.dependencies, *found.contacts.values()):
        if not text.strip() or len(text) > _LONGEST or not text.isprintable():
            raise Invalid(f"dependencies and contacts are 1 to {_LONGEST} printable characters each.")
    for name in ("capabilities", "dependencies"):
        listed = getattr(found, name)
        if len(listed) > _MOST or len(set(listed)) != len(listed):
            raise Invalid(f"{name}: {_MOST} at most, and each once.")
    return found


async def declare(standards: Standards, actor: Actor, application_id: str, said: Declaration) -> None:
    """Keep the declaration, and say it in the public log. The same again changes nothing."""
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        tx, now = session.tx, standards.clock()
        await store.hold(tx, application_id)
        if await store.application(tx, application_id) is None:
            raise NotFound("There is no such application.")
        if (await declared(tx, [application_id])).get(application_id) == said:
            return
        told = {"type": "declaration", "application": application_id, "at": now.isoformat(),
                **msgspec.to_builtins(said)}  # fmt: skip
        await transparency.append(tx, told)
        await tx.execute(
            "insert into standards_declaration (version, seq, at, capabilities, dependencies, contacts) "
            "select $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5 from standards_declaration where version = $1",
            application_id,
            now,
            list(said.capabilities),
            list(said.dependencies),
            json.dumps(said.contacts),
        )
        await session.audit("U", "declare-product", what=f"standards/{application_id}", detail={})


async def declared(connection: Connection, ids: Sequence[str]) -> dict[str, Declaration]:
    """The newest declaration of each of these applications that made one."""
    rows = await connection.fetch(
        "select distinct on (version) version, capabilities, dependencies, contacts from standards_declaration "
        "where version = any($1::text[]) order by version, seq desc",
        list(ids),
    )
    return {row["version"]: _declaration(row) for row in rows}


def _declaration(row: asyncpg.Record) -> Declaration:
    return Declaration(
        capabilities=tuple(row["capabilities"]),
        dependencies=tuple(row["dependencies"]),
        contacts=json.loads(row["contacts"]),
    )


def tree(said: Declaration) -> dict[str, Any]:
    """As public JSON data."""
    built: dict[str, Any] = msgspec.to_builtins(said)
    return built
