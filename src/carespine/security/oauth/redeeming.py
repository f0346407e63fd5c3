"""Redeeming a code or a refresh token: read the rows, let Authlib decide, write what it decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.security.access_tokens import identity_token
from carespine.security.accounts import subject
from carespine.security.oauth import store
from carespine.security.oauth.engine import Asked, Desk, Engine
from carespine.security.oauth.records import Authorisation, KnownClient
from carespine.security.token_error import TokenError

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from carespine.security.clients import Client
    from carespine.storage.database import Connection

_LASTING = frozenset({"offline_access", "online_access"})


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code or a refresh token was good for; `key` is the thumbprint that the tokens are bound to."""

    authorisation: Authorisation
    scope: str
    key: str | None
    refresh_token: str | None
    nonce: str | None


async def redeem(
    tx: Connection, form: Mapping[str, str], client: Client, *, key: str | None, now: datetime
) -> Redeemed | TokenError:
    """Redeem what the form brings. A refusal is returned, not raised: what it revoked is to be committed."""
    desk = Desk(KnownClient(client), issue=lambda _held, scope: {"scope": scope})
    if form["grant_type"] == "authorization_code":
        desk.code = await store.code(tx, form.get("code", ""), now=now)
    else:
        desk.refresh = await store.refresh_token(tx, form.get("refresh_token", ""), now=now)
    credential = desk.code or desk.refresh
    if desk.refresh and desk.refresh.authorisation.key not in (None, key):
        # RFC 9449 section 5: a public client's refresh token is bound to the key it was given for.
        return TokenError(
            "invalid_dpop_proof", "The token is bound to another key.", client_id=client.client_id
        )
    try:
        status, body, _ = Engine(desk).create_token_response(Asked(form))
    except ValueError:  # a description that Authlib may not send, because it repeats signs of the request
        return TokenError("invalid_request", "The request holds signs that no parameter can.")
    if status != 200 or credential is None:
        return _refusal(body, client)
    return await _keep(tx, form, desk, credential.authorisation, body["scope"], key=key, now=now)


async def _keep(
    tx: Connection,
    form: Mapping[str, str],
    desk: Desk,
    held: Authorisation,
    scope: str,
    *,
    key: str | None,
    now: datetime,
) -> Redeemed:
    if desk.code:
        await store.use_code(tx, form["code"], now=now, key=key)
    else:
        await store.use_refresh_token(tx, form["refresh_token"], now=now)
    fresh = None
    if _LASTING & set(held.scope.split()):
        kept = desk.refresh.scope if desk.refresh else scope
        fresh = await store.new_refresh_token(tx, held.id, kept)
    return Redeemed(held, scope, key, fresh, desk.code.nonce if desk.code else None)


def _refusal(body: Any, client: Client) -> TokenError:
    told = dict(body) if body else {}
    words = str(
        told.get("error_description") or _WORDS.get(str(told.get("error")), "The request is refused.")
    )
    return TokenError(str(told.get("error", "invalid_grant")), words, client_id=client.client_id)


_WORDS = {
    "invalid_grant": "The code or the refresh token is not known, was used, has expired or was revoked.",
    "invalid_scope": "The scope goes beyond what was granted.",
}


def context(redeemed: Redeemed) -> dict[str, Any]:
    """The launch context beside the tokens (SMART App Launch 2.2, "Launch context")."""
    told: dict[str, Any] = {}
    if redeemed.authorisation.patient:
        told |= {"patient": redeemed.authorisation.patient, "need_patient_banner": True}
    if redeemed.refresh_token:
        told["refresh_token"] = redeemed.refresh_token
    return told


def identity(redeemed: Redeemed, key: RSAKey, *, base_url: str, client: Client, now: datetime) -> str:
    """Who signed in, for the app (OpenID Connect). fhirUser is given where it was asked for."""
    held, asked = redeemed.authorisation, redeemed.scope.split()
    wants_user = "fhirUser" in asked or "profile" in asked
    return identity_token(
        key,
        issuer=base_url,
        client_id=client.client_id,
        subject=subject(held.user.username),
        now=int(now.timestamp()),
        auth_time=int(held.signed_in.timestamp()),
        nonce=redeemed.nonce,
        fhirUser=f"{base_url}/fhir/{held.user.reference}" if wants_user else None,
        name=held.user.name if "profile" in asked else None,
    )
