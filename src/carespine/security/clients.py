"""Registered apps: their public keys, the scopes they may ask for, whether they need a certificate."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from carespine.kernel.errors import Invalid
from carespine.security.scopes import is_known

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

Method = Literal["private_key_jwt", "client_secret_basic", "none"]
_KEY_TYPES = ("EC", "RSA")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:/@\-]{1,128}")


@dataclass(frozen=True, slots=True)
class Client:
    """An app that may ask for tokens. `certified` says that it gets none without a certificate in force.

    `method` is how it proves who it is (RFC 7591, token_endpoint_auth_method); `secret` is the SHA-256 of a
    secret that the server made; `redirect_uris` are compared letter by letter; `generation` grows each time the
    client is disabled. `software` is the certified client on whose certificate one that registered itself stands.
    """

    client_id: str
    name: str
    organisation: str | None
    jwks: Mapping[str, Any]
    scopes: frozenset[str]
    certified: bool
    enabled: bool
    redirect_uris: tuple[str, ...] = ()
    method: Method = "private_key_jwt"
    secret: bytes | None = field(default=None, repr=False)
    generation: int = 0
    launch_uri: str | None = None
    software: str | None = None

    def keys(self) -> KeySet:
        return KeySet.import_key_set({"keys": list(self.jwks["keys"])})


_COLUMNS = (
    "client_id, name, organisation, jwks, scopes, certified, enabled, redirect_uris, auth_method, "
    "secret, generation, launch_uri, software"
)


async def register(tx: Connection, client: Client) -> None:
    """Store a client, or replace its keys and scopes; raises Invalid where they are not usable."""
    _check(client)
    await tx.execute(
        "insert into oauth_client (client_id, name, organisation, jwks, scopes, certified, enabled, redirect_uris, "
        "auth_method, secret, launch_uri, software) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
        "on conflict (client_id) do update "
        "set name = excluded.name, organisation = excluded.organisation, jwks = excluded.jwks, "
        "scopes = excluded.scopes, certified = excluded.certified, enabled = excluded.enabled, "
        "redirect_uris = excluded.redirect_uris, auth_method = excluded.auth_method, secret = excluded.secret, "
        "launch_uri = excluded.launch_uri, software = excluded.software",
        client.client_id,
        client.name,
        client.organisation,
        json.dumps(dict(client.jwks)),
        " ".join(sorted(client.scopes)),
        client.certified,
        client.enabled,
        list(client.redirect_uris),
        client.method,
        client.secret,
        client.launch_uri,
        client.software,
    )


async def find(connection: Connection, client_id: str) -> Client | None:
    if not client_id.isprintable():  # U+0000 would be an error of the database
        return None
    row = await connection.fetchrow(
        f"select {_COLUMNS} from oauth_client where client_id = $1",  # noqa: S608
        client_id,
    )
    return _client(row) if row else None


async def of_token(connection: Connection, client_id: str, jti: str) -> tuple[Client | None, bool]:
    """The client of an access token, and whether this token was revoked: asked at each request, so in one statement."""
    row = await connection.fetchrow(
        f"select {_COLUMNS}, exists (select 1 from oauth_revoked r where r.jti = $2) as revoked "  # noqa: S608
        "from oauth_client where client_id = $1",
        client_id,
        jti,
    )
    return (_client(row), row["revoked"]) if row else (None, False)


async def every(connection: Connection) -> list[Client]:
    """All clients, by their ids."""
    rows = await connection.fetch(f"select {_COLUMNS} from oauth_client order by client_id")  # noqa: S608
    return [_client(row) for row in rows]


async def enable(tx: Connection, client_id: str) -> bool:
    """Let the client ask for tokens again; those from before it was disabled stay dead. False: no such client."""
    done = await tx.execute("update oauth_client set enabled = true where client_id = $1", client_id)
    return done == "UPDATE 1"


async def disable(tx: Connection, client_id: str) -> bool:
    """Stop the client at its next request; False where there is no such client."""
    done = await tx.execute(
        "update oauth_client set enabled = false, generation = generation + 1 where client_id = $1", client_id
    )
    return done == "UPDATE 1"


def _client(row: asyncpg.Record) -> Client:
    return Client(
        row["client_id"],
        row["name"],
        row["organisation"],
        json.loads(row["jwks"]),
        frozenset(row["scopes"].split()),
        row["certified"],
        row["enabled"],
        tuple(row["redirect_uris"]),
        row["auth_method"],
        row["secret"],
        row["generation"],
        row["launch_uri"],
        row["software"],
    )


def _check(client: Client) -> None:
    if not is_client_id(client.client_id):
        raise Invalid("A client id is 1 to 128 letters, digits and the signs . _ - : / @")
    if client.method == "private_key_jwt":
        _check_keys(client)
    if client.method == "client_secret_basic" and client.secret is None:
        raise Invalid("A client that proves itself by a secret needs one.")
    for uri in (*client.redirect_uris, *([client.launch_uri] if client.launch_uri else ())):
        _check_redirect(uri)
    if unknown := sorted(scope for scope in client.scopes if not is_known(scope)):
        raise Invalid(f"Not a scope of this server: {', '.join(unknown)}.")


def is_client_id(text: str) -> bool:
    return _CLIENT_ID.fullmatch(text) is not None


def _check_redirect(uri: str) -> None:
    """https, or plain http on this very machine (RFC 8252 section 7.3), or an app's own scheme (7.1)."""
    parts = urlsplit(uri)
    is_own_scheme = "." in parts.scheme
    is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    is_web = parts.scheme == "https" and bool(parts.hostname)
    if not (is_web or is_local or is_own_scheme) or parts.fragment or "*" in uri or not uri.isprintable():
        raise Invalid(
            f"{uri[:200]!r} cannot be a redirect address: https, http on this machine, or a scheme such as "
            "org.example.app; no fragment and no wildcard."
        )


def _check_keys(client: Client) -> None:
    keys = client.jwks.get("keys")
    if not isinstance(keys, list) or not keys:
        raise Invalid("A client needs a JWKS with at least one public key.")
    for key in keys:
        if not isinstance(key, dict) or key.get("kty") not in _KEY_TYPES or not key.get("kid"):
            raise Invalid("Each key of a client's JWKS is an EC or RSA public key with a kid.")
        if "d" in key:
            raise Invalid("A client's JWKS holds public keys only; this one shows a private key.")
    try:
        client.keys()
    except (JoseError, ValueError, KeyError) as error:
        raise Invalid("A key of the client's JWKS cannot be read.") from error
