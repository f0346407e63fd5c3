"""Token exchange (RFC 8693): a service calls on behalf of the person whose token it was handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.kernel.errors import Unauthenticated
from carespine.security import scopes
from carespine.security.oauth import store
from carespine.security.oauth.records import is_allowed
from carespine.security.token_error import TokenError

if TYPE_CHECKING:
    from carespine.security.access_tokens import AccessTokens
    from carespine.security.clients import Client
    from carespine.storage.database import Connection

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- a name, not a token


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What the new token says. It stands on the same authorisation, and ends with it."""

    subject: str
    username: str
    scope: str
    grant_id: str
    patient: str | None


async def exchange(
    connection: Connection,
    form: Mapping[str, str],
    client: Client,
    tokens: AccessTokens,
    *,
    audience: str,
    now: datetime,
) -> Exchanged:
    """Check a request; raises TokenError. The new token never reaches further than the old, nor than the client."""
    claims = _subject(form, client, tokens)
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise _refusal("invalid_request", "Only access tokens are given in exchange.", client)
    if "actor_token" in form:
        raise _refusal("invalid_request", "The client itself is the actor: send no actor_token.", client)
    for name in ("audience", "resource"):
        if form.get(name, audience) != audience:
            raise _refusal("invalid_target", "The token is good for this server's FHIR address only.", client)
    held = await store.authorisation(connection, claims["grant"], now=now)
    if held is None:
        raise _refusal("invalid_grant", "What the token stands on was revoked, or has ended.", client)
    mine = [text for text in claims["scope"].split() if scopes.read(text) and is_allowed(text, client)]
    asked = (form.get("scope") or "").split() or mine
    if not asked or not all(scopes.within(text, mine) for text in asked):
        raise _refusal("invalid_scope", "The scope goes beyond the token's, or the client's.", client)
    return Exchanged(claims["sub"], held.user.username, " ".join(asked), held.id, held.patient)


def _subject(form: Mapping[str, str], client: Client, tokens: AccessTokens) -> Mapping[str, str]:
    if client.method == "none":
        raise _refusal("unauthorized_client", "A public client cannot act on behalf of others.", client)
    if form.get("subject_token_type") != ACCESS_TOKEN:
        raise _refusal("invalid_request", f"The subject_token_type must be {ACCESS_TOKEN}.", client)
    try:
        claims = tokens.read(form.get("subject_token", ""))
    except Unauthenticated as refusal:
        raise _refusal("invalid_grant", refusal.message, client) from refusal
    if "grant" not in claims:
        raise _refusal("invalid_grant", "The subject_token does not speak for a person.", client)
    if "cnf" in claims or "act" in claims:
        raise _refusal("invalid_grant", "This token was given to its holder alone.", client)
    return claims


def _refusal(error: str, words: str, client: Client) -> TokenError:
    return TokenError(error, words, client_id=client.client_id)
