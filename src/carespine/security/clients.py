"""Registered apps: their public keys, the scopes they may ask for, whether they need a certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from carespine.kernel.errors import Invalid
from carespine.security.roles import is_scope

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_KEY_TYPES = ("EC", "RSA")


@dataclass(frozen=True, slots=True)
class Client:
    """An app that may ask for tokens. `certified` says that it gets none without a certificate in force."""

    client_id: str
    name: str
    organisation: str | None
    jwks: Mapping[str, Any]
    scopes: frozenset[str]
    certified: bool
    enabled: bool

    def keys(self) -> KeySet:
        return KeySet.import_key_set({"keys": list(self.jwks["keys"])})


async def register(tx: Connection, client: Client) -> None:
    """Store a client, or replace its keys and scopes; raises Invalid where they are not usable."""
    _check(client)
    await tx.execute(
        "insert into oauth_client (client_id, name, organisation, jwks, scopes, certified, enabled) "
        "values ($1, $2, $3, $4, $5, $6, $7) on conflict (client_id) do update set name = excluded.name, "
        "organisation = excluded.organisation, jwks = excluded.jwks, scopes = excluded.scopes, "
        "certified = excluded.certified, enabled = excluded.enabled",
        client.client_id,
        client.name,
        client.organisation,
        json.dumps(dict(client.jwks)),
        " ".join(sorted(client.scopes)),
        client.certified,
        client.enabled,
    )


async def find(connection: Connection, client_id: str) -> Client | None:
    row = await connection.fetchrow(
        "select client_id, name, organisation, jwks, scopes, certified, enabled from oauth_client "
        "where client_id = $1",
        client_id,
    )
    if row is None:
        return None
    return Client(
        row["client_id"],
        row["name"],
        row["organisation"],
        json.loads(row["jwks"]),
        frozenset(row["scopes"].split()),
        row["certified"],
        row["enabled"],
    )


def _check(client: Client) -> None:
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
    if unknown := sorted(scope for scope in client.scopes if not is_scope(scope)):
        raise Invalid(f"Not a scope of this server: {', '.join(unknown)}.")
