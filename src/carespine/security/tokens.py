"""Tokens: from a request to the token endpoint to a short-lived access token, and from a token to its actor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from carespine.kernel.clock import Clock
from carespine.kernel.errors import Forbidden, Unauthenticated
from carespine.security import accounts, assertions, client_proof, clients, dpop, leaving, scopes
from carespine.security.access_tokens import ACCESS_TOKEN_LIFE_S, AccessTokens
from carespine.security.actor import Actor
from carespine.security.oauth import exchange, redeeming
from carespine.security.oauth import store as oauth_store
from carespine.security.oauth.standing import CertificatePort, Standing, demand_certificate
from carespine.security.together import Together
from carespine.security.token_error import TokenError

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

    from carespine.security.clients import Client
    from carespine.security.dpop import Proof
    from carespine.security.keys import KeyRing
    from carespine.storage.database import Connection, Database

__all__ = ["ACCESS_TOKEN_LIFE_S", "CertificatePort", "Grant", "Standing", "TokenError", "TokenService"]

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", exchange.GRANT_TYPE)


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token and what it grants; `body` is the whole answer of the token endpoint."""

    access_token: str
    expires_in: int
    scope: str
    client: Client
    standing: Standing | None
    body: Mapping[str, Any] = field(repr=False)
    username: str | None = None

    @property
    def certificate(self) -> str | None:
        return self.standing.certificate_id if self.standing else None


class TokenService:
    """Issues and verifies access tokens. `base_url` is the server's public address without a final slash."""

    def __init__(
        self,
        database: Database,
        key: KeyRing | ECKey,
        clock: Clock,
        certificates: CertificatePort,
        *,
        base_url: str,
        identity_key: Callable[[], RSAKey] | None = None,
    ) -> None:
        self._database, self._clock, self._certificates = database, clock, certificates
        self._base_url, self._identity_key = base_url, identity_key
        self.access_tokens = AccessTokens(key, clock, base_url=base_url)
        self._asked: Together[str, Actor] = Together()

    @property
    def base_url(self) -> str:
        return self._base_url

    @property
    def token_url(self) -> str:
        return f"{self._base_url}/oauth/token"

    @property
    def audience(self) -> str:
        return f"{self._base_url}/fhir"

    async def grant(
        self, form: Mapping[str, str], *, authorization: str = "", proof: Proof | None = None
    ) -> Grant:
        """Answer a token request; raises TokenError."""
        kind = form.get("grant_type")
        if kind not in GRANT_TYPES:
            raise TokenError("unsupported_grant_type", f"This endpoint grants {', '.join(GRANT_TYPES)}.")
        client, key = await self._prove(form, authorization, proof, public=kind != "client_credentials")
        # The assertion is used up from here on, also where what follows is refused.
        async with self._database.connection() as connection:
            standing = await demand_certificate(self._certificates, connection, client)
        if kind == "client_credentials":
            return self._for_itself(form, client, standing, key)
        if kind == exchange.GRANT_TYPE:
            return await self._exchange(form, client, standing, key)
        return await self._redeem(form, client, standing, key)

    async def authenticate(self, form: Mapping[str, str], authorization: str, *, public: bool) -> Client:
        """The client that asks one of the token endpoint's neighbours; raises TokenError."""
        client, _ = await self._prove(form, authorization, None, public=public)
        return client

    async def _prove(
        self, form: Mapping[str, str], authorization: str, proof: Proof | None, *, public: bool
    ) -> tuple[Client, str | None]:
        """The client, and the thumbprint of the key it showed (DPoP). What was used up stays used up."""
        now = self._clock()
        async with self._database.transaction() as tx:
            client = await client_proof.authenticate(
                tx, form, authorization, audience=self.token_url, now=now, public=public
            )
            try:
                key = await dpop.thumbprint(tx, proof, now=now) if proof else None
            except Unauthenticated as refusal:
                raise TokenError(
                    "invalid_dpop_proof", refusal.message, client_id=client.client_id
                ) from refusal
        return client, key

    def _for_itself(
        self, form: Mapping[str, str], client: Client, standing: Standing | None, key: str | None
    ) -> Grant:
        """SMART Backend Services: an app on its own account."""
        granted = leaving.granted(_grantable(form.get("scope") or "", client), standing)
        scope = " ".join(sorted(granted))
        token = self.access_tokens.issue(sub=client.client_id, scope=scope, **_bound(client, standing, key))
        body = self.answer(token, scope, key=key)
        if not key:
            body["token_type"] = "bearer"  # noqa: S105 -- so spelt by SMART Backend Services; RFC 6749 does not mind
        return Grant(token, ACCESS_TOKEN_LIFE_S, scope, client, standing, body)

    async def _redeem(
        self, form: Mapping[str, str], client: Client, standing: Standing | None, key: str | None
    ) -> Grant:
        """A code or a refresh token. A refusal may have revoked what the credential belongs to: that is kept."""
        redeemed: redeeming.Redeemed | TokenError
        async with self._database.transaction() as tx:
            redeemed = await redeeming.redeem(tx, form, client, key=key, now=self._clock())
        if isinstance(redeemed, TokenError):
            raise redeemed
        held = redeemed.authorisation
        subject = accounts.subject(held.user.username)
        token = self.access_tokens.issue(
            sub=subject,
            scope=redeemed.scope,
            grant=held.id,
            patient=held.patient,
            **_bound(client, standing, redeemed.key),
        )
        body = self.answer(token, redeemed.scope, key=redeemed.key)
        body |= redeeming.context(redeemed)
        if self._identity_key and "openid" in redeemed.scope.split():
            body["id_token"] = redeeming.identity(
                redeemed, self._identity_key(), base_url=self._base_url, client=client, now=self._clock()
            )
        return Grant(token, ACCESS_TOKEN_LIFE_S, redeemed.scope, client, standing, body, held.user.username)

    async def _exchange(
        self, form: Mapping[str, str], client: Client, standing: Standing | None, key: str | None
    ) -> Grant:
        async with self._database.connection() as connection:
            made = await exchange.exchange(
                connection, form, client, self.access_tokens, audience=self.audience, now=self._clock()
            )
        token = self.access_tokens.issue(
            sub=made.subject,
            scope=made.scope,
            grant=made.grant_id,
            patient=made.patient,
            act={"sub": client.client_id},
            **_bound(client, standing, key),
        )
        body = self.answer(token, made.scope, key=key)
        body |= {"issued_token_type": exchange.ACCESS_TOKEN}
        return Grant(token, ACCESS_TOKEN_LIFE_S, made.scope, client, standing, body, made.username)

    def answer(self, token: str, scope: str, *, key: str | None) -> dict[str, Any]:
        """What every answer of the token endpoint says (RFC 6749 section 5.1)."""
        return {
            "access_token": token,
            "token_type": "DPoP" if key else "Bearer",
            "expires_in": ACCESS_TOKEN_LIFE_S,
            "scope": scope,
        }

    async def actor(
        self,
        token: str,
        *,
        address: str | None = None,
        request_id: str | None = None,
        proof: Proof | None = None,
    ) -> Actor:
        """Who an access token speaks for, now: signature, life, client, certificate and authorisation all hold.

        Raises Unauthenticated for a bad or expired token, Forbidden where the client or its certificate is
        no longer in good standing, whatever the token says.
        """
        claims = self.access_tokens.read(token)
        if proof is not None or "cnf" in claims:
            async with self._database.connection() as connection:
                await self._demand_proof(connection, claims, token, proof)
        found = await self._asked.ask(token, lambda: self._actor_of(claims))
        return found.asking(address, request_id)

    async def _actor_of(self, claims: Mapping[str, Any]) -> Actor:
        """As the database has it now; the requests with one token that come together share this."""
        async with self._database.kept_plans() as connection:
            client, standing = await self._client_of(connection, claims)
            left = leaving.granted(claims["scope"].split(), standing)
            notices = leaving.notices(standing) if standing else ()
            if "grant" in claims:
                person = await _for_person(connection, claims, client, now=self._clock())
                return replace(person, scopes=left, notices=notices, suspensions=claims.get("suspensions"))
        return Actor(
            "app",
            client.client_id,
            client.name,
            "certified app" if client.certified else "registered app",
            organisation=client.organisation,
            scopes=left,
            certificate=claims.get("certificate"),
            notices=notices,
            suspensions=claims.get("suspensions"),
        )

    async def _client_of(
        self, connection: Connection, claims: Mapping[str, Any]
    ) -> tuple[Client, Standing | None]:
        """The client of a token, in good standing now, with its certificate's standing where it needs one."""
        standing: Standing | None = None
        client, is_revoked = await clients.of_token(connection, claims["client_id"], claims.get("jti", ""))
        if client is None or not client.enabled or client.generation != claims.get("generation"):
            raise Unauthenticated("The client of this token is not registered, or was disabled.")
        if is_revoked:
            raise Unauthenticated("The access token was revoked.")
        if client.certified:
            standing = await self._certificates.standing(connection, client.client_id)
            if not standing.allowed or standing.certificate_id != claims.get("certificate"):
                raise Forbidden(f"The certificate does not permit this: {standing.reason}")
            if standing.suspensions != claims.get("suspensions"):
                raise Unauthenticated("The access token is from before a suspension: ask for a new one.")
        return client, standing

    async def _demand_proof(
        self, connection: Connection, claims: Mapping[str, Any], token: str, proof: Proof | None
    ) -> None:
        """A token that is bound to a key comes with a proof of it, and only such a one does (RFC 9449, 7.1)."""
        bound = (claims.get("cnf") or {}).get("jkt")
        if bound is None and proof is None:
            return
        if bound is None or proof is None:
            raise Unauthenticated(
                "This access token is bound to a key: send it as DPoP, with a proof."
                if bound
                else "This access token is not bound to a key: send it as Bearer."
            )
        if await dpop.thumbprint(connection, proof, now=self._clock(), token=token) != bound:
            raise Unauthenticated("The DPoP proof was made with another key than the token is bound to.")

    async def demand_standing(self, connection: Connection, actor: Actor, *, writes: bool = False) -> None:
        """Raise Forbidden where an app was disabled, or the certificate that it came in with is not in force.

        For work that goes on after the token was checked: a long upload must not outlive its certificate, nor a
        suspension that was lifted meanwhile, nor write (`writes`) where only export is left.
        """
        client_id = actor.id if actor.kind == "app" else actor.client
        if client_id is None:
            return
        client = await clients.find(connection, client_id)
        if client is None or not client.enabled:
            raise Forbidden("The client is not registered any more, or was disabled.")
        if actor.certificate:
            standing = await self._certificates.standing(connection, client_id)
            if not standing.allowed or standing.certificate_id != actor.certificate:
                raise Forbidden(f"The certificate does not permit this: {standing.reason}")
            if actor.suspensions is not None and standing.suspensions != actor.suspensions:
                raise Forbidden("The product was suspended since this was begun: ask again with a new token.")
            if writes and leaving.only_reads(standing):
                raise Forbidden(f"Only reading and export are left: {standing.reason}")

    async def revoke(self, form: Mapping[str, str], client: Client) -> None:
        """RFC 7009: a refresh token ends its whole authorisation, an access token itself or, where a person
        allowed it, the same. What is not a token of this client is no error, and nothing happens."""
        text, now = form.get("token", ""), self._clock()
        async with self._database.transaction() as tx:
            row = await oauth_store.grant_of_refresh_token(tx, text)
            if row is not None:
                if row["client_id"] == client.client_id:
                    await oauth_store.revoke(tx, row["id"], now=now)
                return
            try:
                claims = self.access_tokens.read(text)
            except Unauthenticated:
                return
            if claims["client_id"] != client.client_id:
                return
            if "grant" in claims and "act" not in claims:
                await oauth_store.revoke(tx, claims["grant"], now=now)
            await tx.execute(
                "insert into oauth_revoked (jti, expires) values ($1, $2) on conflict do nothing",
                claims["jti"],
                datetime.fromtimestamp(claims["exp"], UTC),
            )

    async def introspect(self, form: Mapping[str, str], client: Client) -> dict[str, Any]:
        """RFC 7662, for a client's own tokens; for anybody's where it is registered with the scope `introspect`."""
        text, now = form.get("token", ""), self._clock()
        async with self._database.connection() as connection:
            row = await oauth_store.grant_of_refresh_token(connection, text)
            if row is not None:
                mine = row["client_id"] == client.client_id
                if not mine or not row["live"] or row["expires"] <= now:
                    return {"active": False}
                return {"active": True, "client_id": row["client_id"], "scope": row["scope"],
                        "exp": int(row["expires"].timestamp()), "token_type": "refresh_token"}  # fmt: skip
            return await self._introspect_access(connection, text, client, now)

    async def _introspect_access(
        self, connection: Connection, text: str, client: Client, now: datetime
    ) -> dict[str, Any]:
        try:
            claims = self.access_tokens.read(text)
            if claims["client_id"] != client.client_id and "introspect" not in client.scopes:
                return {"active": False}
            holder, _ = await self._client_of(connection, claims)
            if "grant" in claims:
                actor = await _for_person(connection, claims, holder, now=now)
                told = {"username": actor.id, "fhirUser": f"{self.audience}/{actor.reference}"}
            else:
                told = {}
        except (Unauthenticated, Forbidden):
            return {"active": False}
        names = ("iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "patient", "cnf", "act")
        known = {name: claims[name] for name in names if name in claims}
        kind = "DPoP" if "cnf" in claims else "Bearer"
        return {"active": True, "token_type": kind, **known, **told}


def _bound(client: Client, standing: Standing | None, key: str | None) -> dict[str, Any]:
    """What a token is bound to: the client as it stands now, its certificate, its key."""
    claims: dict[str, Any] = {"client_id": client.client_id, "generation": client.generation}
    if standing:
        claims |= {"certificate": standing.certificate_id, "suspensions": standing.suspensions}
    if key:
        claims["cnf"] = {"jkt": key}
    return claims


async def _for_person(
    connection: Connection,
    claims: Mapping[str, Any],
    client: Client,
    *,
    now: datetime,
) -> Actor:
    """The person whom an app acts for, within what they allowed it."""
    held = await oauth_store.authorisation(connection, claims["grant"], now=now)
    if held is None:
        raise Unauthenticated("What this access token stands on was revoked, or has ended.")
    return await accounts.actor_of(
        connection,
        held.user.username,
        now=now,
        client=client.client_id,
        scopes=frozenset(claims["scope"].split()),
        context=held.patient,
        certificate=claims.get("certificate"),
    )


def _grantable(wanted: str, client: Client) -> frozenset[str]:
    own = frozenset(scope for scope in client.scopes if scope.startswith("system/"))
    asked = frozenset(wanted.split())
    if not asked and own:
        return own
    beyond = sorted(scope for scope in asked if not scopes.within(scope, own))
    if beyond or not own:
        raise TokenError(
            "invalid_scope", f"Not granted to this client: {_shown(beyond)}.", client_id=client.client_id
        )
    return asked


def _shown(texts: list[str]) -> str:
    """Scopes as an error may repeat them (RFC 6749 appendix A.8: printable ASCII without quote and backslash)."""
    text = " ".join(texts)[:200]
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "?" for sign in text) or "nothing"


async def forget_expired_assertions(tx: Connection, *, now: float | None = None) -> None:
    """Delete what would be refused as expired in any case: assertions, codes, authorisations, launches."""
    moment = now or time.time()
    await tx.execute(
        "delete from oauth_assertion where expires < to_timestamp($1)", moment - assertions.SKEW_S
    )
    await oauth_store.forget(tx, now=datetime.fromtimestamp(moment, UTC))
