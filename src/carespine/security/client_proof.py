"""How a client proves who it is at the token endpoint and its neighbours: by assertion, by secret, or not at all."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from carespine.kernel.errors import Unauthenticated
from carespine.security import assertions, clients
from carespine.security.oauth import store
from carespine.security.token_error import TokenError

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.security.clients import Client
    from carespine.storage.database import Connection

_UNKNOWN = "The client is not registered here, or was disabled, or proves itself in another way."


async def authenticate(
    tx: Connection,
    form: Mapping[str, str],
    authorization: str,
    *,
    audience: str,
    now: datetime,
    public: bool = True,
) -> Client:
    """The client that a request comes from, proved in the one way it is registered with; raises TokenError 401.

    An assertion is used up by this: commit the transaction also where what follows is refused. `public`: whether
    a client without any proof may come in.
    """
    ways = [bool(form.get("client_assertion")), bool(authorization), "client_secret" in form]
    if sum(ways) > 1:
        raise TokenError("invalid_request", "A client proves itself in one way only.")
    if form.get("client_assertion") is not None or form.get("client_assertion_type") is not None:
        return await _by_assertion(tx, form, audience=audience, now=now)
    if authorization:
        return await _by_secret(tx, form, authorization)
    client_id = form["client_id"] if "client_id" in form else await _holder(tx, form)
    found = await clients.find(tx, client_id)
    if not public or found is None or not found.enabled or found.method != "none" or "client_secret" in form:
        raise _refusal(_UNKNOWN, found)
    return found


async def _holder(tx: Connection, form: Mapping[str, str]) -> str:
    """Whose refresh token a request shows that names no client: a public app need not (SMART App Launch 2.2,
    "Refresh access token"; RFC 6749 section 3.2.1). Empty where there is no such token.
    """
    if form.get("grant_type") != "refresh_token" or not form.get("refresh_token"):
        return ""
    row = await store.grant_of_refresh_token(tx, form["refresh_token"])
    return str(row["client_id"]) if row else ""


async def _by_assertion(tx: Connection, form: Mapping[str, str], *, audience: str, now: datetime) -> Client:
    if form.get("client_assertion_type") != assertions.ASSERTION_TYPE:
        raise TokenError("invalid_client", "client_assertion_type must be the JWT bearer type.", status=401)
    text = form.get("client_assertion") or ""
    try:
        claimed = assertions.client_id_of(text)
    except Unauthenticated as refusal:
        raise TokenError("invalid_client", refusal.message, status=401) from refusal
    if form.get("client_id", claimed) != claimed:  # RFC 7521 section 4.2
        raise TokenError("invalid_client", "client_id and the assertion name different clients.", status=401)
    client = await clients.find(tx, claimed)
    if client is None or not client.enabled or client.method != "private_key_jwt":
        raise TokenError("invalid_client", _UNKNOWN, status=401)
    try:
        assertion = assertions.check(text, client_id=claimed, keys=client.keys(), audience=audience, now=now)
    except Unauthenticated as refusal:
        raise _refusal(refusal.message, client) from refusal
    if not await use_once(tx, claimed, assertion.jti, assertion.expires):
        raise _refusal("The assertion was used before (its jti).", client)
    return client


async def use_once(tx: Connection, owner: str, jti: str, expires: datetime) -> bool:
    """Whether this is the first use of an identifier, in any server process, until it expires."""
    return bool(
        await tx.fetchval(
            "insert into oauth_assertion (client_id, jti, expires) values ($1, $2, $3) "
            "on conflict do nothing returning true",
            owner,
            jti,
            expires,
        )
    )


async def _by_secret(tx: Connection, form: Mapping[str, str], authorization: str) -> Client:
    """RFC 6749 section 2.3.1: id and secret are form-encoded before they are put together."""
    scheme, _, text = authorization.partition(" ")
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _refusal("The Authorization header is not readable as Basic.", None) from error
    if scheme.lower() != "basic" or ":" not in pair:
        raise _refusal("The Authorization header is not readable as Basic.", None)
    client_id, secret = (unquote_plus(part) for part in pair.split(":", 1))
    if form.get("client_id", client_id) != client_id:
        raise _refusal("client_id and the Authorization header name different clients.", None)
    client = await clients.find(tx, client_id)
    stored = client.secret if client and client.enabled and client.method == "client_secret_basic" else None
    given = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    # Compared also where there is nothing to compare with, so that both cases take the same time.
    if not hmac.compare_digest(stored or bytes(32), given) or stored is None:
        raise _refusal(_UNKNOWN if client is None else "The secret is not that of the client.", client)
    assert client is not None  # noqa: S101 -- there is a stored secret
    return client


def _refusal(words: str, client: Client | None) -> TokenError:
    return TokenError("invalid_client", words, status=401, client_id=client.client_id if client else None)
