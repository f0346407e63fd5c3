"""The token endpoint: SMART Backend Services, private_key_jwt, opaque tokens of five minutes."""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from wearable.store import Client, Store

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["ES384", "RS384"]
TOKEN_SECONDS, LONG_TOKEN_SECONDS = 300, 3600
# SMART App Launch 2.2: an assertion lives five minutes at most; half a minute for clocks apart.
_ASSERTION_SECONDS, _SKEW_SECONDS = 300, 30


class BadClient(Exception):
    """The client did not prove who it is."""


def _part(text: str) -> dict[str, Any]:
    tree = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(tree, dict):
        raise BadClient("a part of the assertion is not an object")
    return tree


@dataclass(slots=True)
class Tokens:
    """Gives access tokens for good assertions and knows whose they are. They end with the process."""

    store: Store
    audience: str
    defects: frozenset[str]
    given: dict[str, tuple[str, float]] = field(default_factory=dict)
    # By client: what its token response says besides.
    claims: dict[str, dict[str, str]] = field(default_factory=dict)

    def grant(self, form: dict[str, str]) -> dict[str, Any]:
        """The token response. Raises BadClient with the reason, ValueError for a request that is none."""
        if form.get("grant_type") != "client_credentials":
            raise ValueError("unsupported_grant_type")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise BadClient("the assertion type is not jwt-bearer")
        client = self._authenticated(form.get("client_assertion", ""))
        if form.get("client_id", client.client_id) != client.client_id:
            raise BadClient("client_id is of another client")
        lifetime = LONG_TOKEN_SECONDS if "long-tokens" in self.defects else TOKEN_SECONDS
        token, now = secrets.token_urlsafe(32), time.time()
        self.given = {each: held for each, held in self.given.items() if held[1] > now}
        self.given[token] = (client.client_id, now + lifetime)
        scope = form.get("scope", "system/*.cruds")
        said = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}
        return said | self.claims.get(client.client_id, {})

    def client_of(self, token: str) -> Client | None:
        """The client to whom a token was given, if it still lives."""
        client_id, until = self.given.get(token, ("", 0.0))
        return self.store.client(client_id) if until > time.time() else None

    def _authenticated(self, assertion: str) -> Client:
        try:
            header, claims = (_part(each) for each in assertion.split(".")[:2])
        except ValueError as error:
            raise BadClient("the assertion cannot be read") from error
        client = self.store.client(str(claims.get("iss")))
        if client is None or claims.get("sub") != client.client_id:
            raise BadClient("iss and sub are not one known client")
        if client.revoked and "revoked-keys-live" not in self.defects:
            raise BadClient("the client's key was revoked")
        self._check_signature(assertion, header, client)
        self._check_claims(claims, client)
        return client

    def _check_signature(self, assertion: str, header: dict[str, Any], client: Client) -> None:
        if str(header.get("alg")).lower() == "none" and "accepts-unsigned-assertion" in self.defects:
            return
        if header.get("kid") != client.key["kid"]:
            raise BadClient("kid is not the client's")
        kind = RSAKey if client.key["kty"] == "RSA" else ECKey
        try:
            jws.deserialize_compact(assertion, kind.import_key(client.key), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise BadClient("the signature is not the client's") from error

    def _check_claims(self, claims: dict[str, Any], client: Client) -> None:
        now, audience = time.time(), claims.get("aud")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise BadClient("aud is not this token endpoint")
        until, begins = claims.get("exp"), claims.get("nbf", now)
        if not isinstance(until, (int, float)) or until <= now - _SKEW_SECONDS:
            raise BadClient("the assertion has expired")
        if until > now + _ASSERTION_SECONDS + _SKEW_SECONDS and "accepts-long-assertion" not in self.defects:
            raise BadClient("the assertion lives longer than five minutes")
        if not isinstance(begins, (int, float)) or begins > now + _SKEW_SECONDS:
            raise BadClient("the assertion is not valid yet")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise BadClient("jti is missing")
        first = self.store.first_use(client.client_id, jti, until=until + _SKEW_SECONDS, now=now)
        if not first and "accepts-replayed-assertion" not in self.defects:
            raise BadClient("the assertion was used before")
