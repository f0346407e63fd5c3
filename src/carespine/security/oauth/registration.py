"""Dynamic client registration (RFC 7591): an app comes with a software statement that carries its certificate.

The statement is a JWT, signed by the key that the certificate is bound to. What it says of the client stands above
what the request says, and what could turn the client to somebody else's use counts from there only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from carespine.kernel.errors import Invalid, Unauthenticated
from carespine.kernel.ids import new_id
from carespine.security import assertions, clients
from carespine.security.client_proof import use_once
from carespine.security.clients import Client
from carespine.security.oauth.metadata import SIGNED_ONLY, Allowed, Metadata, read
from carespine.security.token_error import TokenError

if TYPE_CHECKING:
    from carespine.storage.database import Connection, Database

CERTIFICATE = "carespine_certificate"
_LONGEST_STATEMENT = 16_384
# Ours: an app that is installed at more places than this registers once, and is used from there.
_MOST_CLIENTS = 200
# Of the JWT itself; not about the client (RFC 7519 section 4.1).
_OF_THE_STATEMENT = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", CERTIFICATE})


@dataclass(frozen=True, slots=True)
class Certified:
    """What a certificate in force says: whose it is, which key it is bound to, what its clients may be."""

    client_id: str
    certificate_id: str
    product: str
    thumbprint: str
    allowed: Allowed


class CertificateReader(Protocol):
    """Filled by the standards (web/wiring.py)."""

    async def read(self, connection: Connection, text: str) -> Certified:
        """The certificate that `text` is; raises TokenError (unapproved_software_statement)."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    """A new client; `secret` is shown this once."""

    client: Client
    certified: Certified
    body: Mapping[str, Any]


Fetch = Callable[[str], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Registrar:
    """`audience` is the address of the registration endpoint; `fetch(jwks_uri)` raises Invalid."""

    database: Database
    certificates: CertificateReader
    fetch: Fetch
    audience: str

    async def examine(self, told: Mapping[str, Any], *, now: datetime) -> tuple[Certified, Metadata]:
        """Check a request; raises TokenError. The statement is used up, also where what follows is refused."""
        text = told.get("software_statement")
        if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_STATEMENT:
            raise _bad("A client registers with a software_statement of at most 16,384 characters.")
        claims = _claims(text)
        certificate = claims.get(CERTIFICATE)
        if not isinstance(certificate, str):
            raise _bad(f"The statement carries no certificate ({CERTIFICATE}).")
        async with self.database.transaction() as tx:
            certified = await self.certificates.read(tx, certificate)
            refused = await _refusal(tx, text, certified, audience=self.audience, now=now)
        if refused:
            raise refused
        if unsigned := sorted(name for name in SIGNED_ONLY & set(told) if name not in claims):
            raise _bad(f"Only the signed statement may say {', '.join(unsigned)}.", certified)
        said = {name: value for name, value in claims.items() if name not in _OF_THE_STATEMENT}
        try:
            return certified, read({**told, **said}, certified.allowed)
        except TokenError as error:
            raise _named(error, certified) from error

    async def keys(self, certified: Certified, metadata: Metadata) -> Mapping[str, Any]:
        """The client's keys, fetched where only their address is given. The certificate's key is one of them."""
        jwks = metadata.jwks
        if metadata.jwks_uri is not None:
            try:
                jwks = await self.fetch(metadata.jwks_uri)
            except Invalid as error:
                raise _metadata(f"The jwks_uri cannot be used: {error.message}", certified) from error
        if metadata.method == "private_key_jwt" and certified.thumbprint not in _thumbprints(jwks):
            raise _metadata("The key of the certificate is not one of the client's keys.", certified)
        return jwks

    async def register(
        self,
        tx: Connection,
        certified: Certified,
        metadata: Metadata,
        jwks: Mapping[str, Any],
        *,
        now: datetime,
    ) -> Registered:
        """Keep the client; raises TokenError."""
        await tx.execute("select 1 from oauth_client where client_id = $1 for update", certified.client_id)
        count = await tx.fetchval(
            "select count(*) from oauth_client where software = $1 and enabled", certified.client_id
        )
        if count >= _MOST_CLIENTS:
            words = (
                f"The product has {_MOST_CLIENTS} registered clients already; ask for some to be disabled."
            )
            raise TokenError("unapproved_software_statement", words, client_id=certified.client_id)
        secret = token_urlsafe(32) if metadata.method == "client_secret_basic" else None
        client = Client(
            f"dyn-{new_id()}",
            certified.product,
            None,
            jwks,
            metadata.scopes,
            certified=True,
            enabled=True,
            redirect_uris=metadata.redirect_uris,
            method=metadata.method,
            secret=hashlib.sha256(secret.encode()).digest() if secret else None,
            software=certified.client_id,
        )
        try:
            await clients.register(tx, client)
        except Invalid as error:
            raise _metadata(error.message, certified) from error
        return Registered(client, certified, _body(client, metadata, secret, now=now))


def _claims(text: str) -> dict[str, Any]:
    """What the statement says, before anything is verified."""
    try:
        claims = json.loads(jws.extract_compact(text.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise _bad("The software statement is not a readable JWT.") from error
    if not isinstance(claims, dict):
        raise _bad("The software statement is not a readable JWT.")
    return claims


async def _refusal(
    tx: Connection, text: str, certified: Certified, *, audience: str, now: datetime
) -> TokenError | None:
    """What speaks against the statement. It is used up by this, so the caller commits in any case."""
    owner = await clients.find(tx, certified.client_id)
    if owner is None or not owner.enabled or owner.software is not None:
        words = "The product's own client is not registered here, or was disabled."
        return TokenError("unapproved_software_statement", words, client_id=certified.client_id)
    bound = [key for key in owner.keys().keys if key.thumbprint() == certified.thumbprint]
    try:
        found = assertions.check(
            text, client_id=certified.client_id, keys=KeySet(bound), audience=audience, now=now
        )
    except Unauthenticated as refusal:
        return _bad(refusal.message.replace("assertion", "statement"), certified)
    if not await use_once(tx, certified.client_id, found.jti, found.expires):
        return _bad("The statement was used before (its jti).", certified)
    return None


def _thumbprints(jwks: Mapping[str, Any]) -> set[str]:
    try:
        return {key.thumbprint() for key in KeySet.import_key_set({"keys": list(jwks["keys"])}).keys}
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _body(client: Client, metadata: Metadata, secret: str | None, *, now: datetime) -> dict[str, Any]:
    """The client information response (RFC 7591 section 3.2.1): what was registered, not what was asked."""
    told: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(now.timestamp()),
        "client_name": client.name,
        "software_id": client.software,
        "grant_types": list(metadata.grant_types),
        "token_endpoint_auth_method": client.method,
        "scope": " ".join(sorted(client.scopes)),
    }
    if client.redirect_uris:
        told |= {"redirect_uris": list(client.redirect_uris), "response_types": ["code"]}
    if client.jwks["keys"]:
        told["jwks"] = dict(client.jwks)
    if secret:
        told |= {"client_secret": secret, "client_secret_expires_at": 0}
    return told


def _bad(words: str, certified: Certified | None = None) -> TokenError:
    return TokenError(
        "invalid_software_statement", words, client_id=certified.client_id if certified else None
    )


def _metadata(words: str, certified: Certified) -> TokenError:
    return TokenError("invalid_client_metadata", words, client_id=certified.client_id)


def _named(error: TokenError, certified: Certified) -> TokenError:
    return TokenError(error.error, error.message, client_id=certified.client_id)
