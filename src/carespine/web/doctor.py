"""What is unsafe about a deployment: each examination looks at one thing and says what to do about it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from carespine.security import clients, roles
from carespine.security.scopes import resource_scopes
from carespine.web.settings import is_loopback

if TYPE_CHECKING:
    from carespine.storage.database import Connection
    from carespine.web.platform import Platform
    from carespine.web.settings import Settings

Level = Literal["ok", "warning", "unsafe"]
_SAFE_MODES = ("verify-full", "verify-ca")
# RFC 7518 section 3.3, and NIST SP 800-131A: an RSA key has 2,048 bits at least.
_RSA_BITS = 2_048


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do about it."""

    level: Level
    sentence: str


async def examine(platform: Platform) -> list[Finding]:
    """Everything that can be seen without changing anything."""
    found = [*_settings(platform.settings), *_files(platform.settings)]
    async with platform.database.connection() as connection:
        found += [finding async for finding in _people(connection)]
        found += [finding async for finding in _clients(connection)]
        found += [finding async for finding in _trail(connection)]
    return found


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.open:
        yield Finding(
            "unsafe", "Access is open: anyone on this machine reads every record. Start without open."
        )
    else:
        yield Finding("ok", "FHIR asks for a sign-in.")
    if settings.demo:
        yield Finding("unsafe", "The demonstration shows its passwords on the first page. Unset demo.")
    if settings.address.startswith("https://"):
        yield Finding("ok", "The public address is https.")
    elif is_loopback(settings.host):
        yield Finding("warning", "The public address is plain http; that is enough on this machine alone.")
    else:
        yield Finding("unsafe", "The public address is plain http: tokens travel in the clear. Set base_url.")
    if settings.database:
        yield _database(settings.database)
    else:
        yield Finding("ok", "The embedded database listens on a socket that only its account can reach.")
    if not settings.second_factor:
        yield Finding("unsafe", "Staff sign in by a password alone. Set second_factor.")
    if settings.log_level == "debug":
        yield Finding("warning", "The log level is debug; use info in production.")
    if settings.security_contact.endswith("carespine.example"):
        yield Finding("warning", "Set security_contact: security.txt names an address that nobody reads.")


def _database(url: str) -> Finding:
    parts = urlsplit(url)
    mode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
    if not parts.hostname or parts.hostname.startswith("/") or is_loopback(parts.hostname):
        return Finding("ok", "The database is on this machine.")
    if mode in _SAFE_MODES:
        return Finding("ok", "The connection to the database is encrypted, and the server's name is checked.")
    return Finding("unsafe", "Records travel to the database unchecked: add sslmode=verify-full to its URL.")


def _files(settings: Settings) -> Iterator[Finding]:
    folder = settings.data.absolute() / "keys"
    for path in sorted([folder, *folder.glob("*.jwk"), settings.data.absolute() / "secrets"]):
        if path.exists() and _is_open(path):
            yield Finding("unsafe", f"Others can read {path.name} in the data folder: chmod go-rwx {path}")
    if folder.exists() and not any(_is_open(path) for path in [*folder.glob("*.jwk")]):
        yield Finding("ok", "Only the owner can read the keys.")


def _is_open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & (0o077 if path.is_file() else 0o022))


async def _people(connection: Connection) -> AsyncIterator[Finding]:
    rows = await connection.fetch("select username, kind, role, organisation, enabled from account")
    enabled = [row for row in rows if row["enabled"]]
    if any(row["kind"] == "administrator" for row in enabled):
        yield Finding("ok", "There is an administrator.")
    else:
        yield Finding(
            "warning",
            "Nobody can administer this server: carespine admin person add NAME --name '...' --role administrator",
        )
    for row in rows:
        if row["role"] not in roles.ROLES:
            yield Finding("warning", f"{row['username']} has a role that nothing knows: {row['role']}.")
    homeless = [
        row["username"] for row in enabled if row["kind"] == "practitioner" and not row["organisation"]
    ]
    if homeless:
        yield Finding("warning", f"Staff without an organisation reach no patient: {', '.join(homeless)}.")


async def _clients(connection: Connection) -> AsyncIterator[Finding]:
    for client in await clients.every(connection):
        if not client.enabled:
            continue
        scopes = resource_scopes(client.scopes)
        if any(each.context == "system" and each.type == "*" and "d" in each.letters for each in scopes):
            yield Finding("warning", f"The client {client.client_id} may delete every type of resource.")
        if client.method == "none" and any(each.context == "system" for each in scopes):
            yield Finding("unsafe", f"The client {client.client_id} is public and has system scopes.")
        weak = (
            [key for key in client.keys().keys if _bits(key) < _RSA_BITS] if client.jwks.get("keys") else []
        )
        if weak:
            yield Finding("unsafe", f"The client {client.client_id} has an RSA key of fewer than 2,048 bits.")


def _bits(key: object) -> int:
    return (
        int(getattr(getattr(key, "public_key", None), "key_size", _RSA_BITS)) if _is_rsa(key) else _RSA_BITS
    )


def _is_rsa(key: object) -> bool:
    return getattr(key, "key_type", "") == "RSA"


async def _trail(connection: Connection) -> AsyncIterator[Finding]:
    off = await connection.fetchval(
        "select count(*) from pg_trigger where tgname like 'audit_%_append_only' and tgenabled <> 'D'"
    )
    if off < 2:  # the events' trigger, and the seals'
        yield Finding("unsafe", "The audit trail can be changed: a trigger that keeps it append-only is off.")
    else:
        yield Finding("ok", "The audit trail is append-only.")
