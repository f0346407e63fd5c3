"""A thin adapter around Authlib: one engine for one request, over facts that were read before.

Authlib's engine is synchronous and asks for rows while it works; our rows come from asyncpg. So the rows that one
request can need are read first (a code and a refresh token name theirs), the engine decides without any input or
output, and what it decided is written afterwards, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge

from carespine.security import scopes
from carespine.security.oauth.records import Authorisation, Code, KnownClient, RefreshToken, User

# Authlib refuses plain http itself. Whether ours is safe is for the settings to say, so it is shown an https address.
_ANY_URI = "https://carespine.invalid/oauth"
_PROVED = "proved before"


class Asked(OAuth2Request):
    """The parameters of one request."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        super().__init__("POST", _ANY_URI)
        self.payload = BasicOAuth2Payload(dict(parameters))

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)


@dataclass(slots=True)
class Desk:
    """The facts of one request on the desk of the engine, and what it decided.

    `issue(authorisation, scope, with_refresh_token=...)` signs the tokens and gives the answer's body.
    """

    client: KnownClient | None
    code: Code | None = None
    refresh: RefreshToken | None = None
    issue: Callable[[Authorisation, str], dict[str, Any]] | None = None
    new_code: str | None = None
    spent: bool = field(default=False)


class OnlyS256(CodeChallenge):
    """PKCE with S256 for every client (SMART App Launch 2.2: S256 shall be supported, plain shall not)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 -- as Authlib declares it

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge': PKCE is required.")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The 'code_challenge_method' must be S256.")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        if not grant.request.form.get("code_verifier"):
            raise InvalidRequestError("Missing 'code_verifier'.")
        super().validate_code_verifier(grant, result)


class _AuthorizationCode(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = [_PROVED]  # noqa: RUF012
    AUTHORIZATION_CODE_LENGTH = 48

    def save_authorization_code(self, code: str, request: Asked) -> None:
        self.server.desk.new_code = code

    def query_authorization_code(self, code: str, client: KnownClient) -> Code | None:
        found: Code | None = self.server.desk.code
        return found if found and found.authorisation.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        self.server.desk.spent = True

    def authenticate_user(self, authorization_code: Code) -> User | None:
        user = authorization_code.authorisation.user
        return user if user.enabled else None


class _Refresh(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = [_PROVED]  # noqa: RUF012
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        found: RefreshToken | None = self.server.desk.refresh
        return found

    def _validate_token_scope(self, token: RefreshToken) -> None:
        """As Authlib does, but by what the scopes mean: a narrower one is not merely one of the texts."""
        asked = (self.request.payload.scope or "").split()
        if not all(scopes.within(text, token.scope.split()) for text in asked):
            raise InvalidScopeError()

    def authenticate_user(self, refresh_token: RefreshToken) -> User | None:
        user = refresh_token.authorisation.user
        return user if user.enabled else None

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        self.server.desk.spent = True


class Engine(AuthorizationServer):
    """Authlib's server over one desk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.register_client_auth_method(_PROVED, lambda _query, _request: desk.client)
        self.register_token_generator("default", self._generate)
        self.register_grant(_AuthorizationCode, [OnlyS256(required=True)])
        self.register_grant(_Refresh)

    def query_client(self, client_id: str) -> KnownClient | None:
        client = self.desk.client
        return client if client and client.client_id == client_id else None

    def save_token(self, token: Any, request: Any) -> None:
        """Written afterwards, by whoever asked the engine."""

    def _generate(self, *, scope: str, **_: Any) -> dict[str, Any]:
        credential = self.desk.code or self.desk.refresh
        if credential is None or self.desk.issue is None:
            raise RuntimeError("a token is generated for a code or a refresh token only")
        return self.desk.issue(credential.authorisation, scope)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what happened is on the desk."""

    def create_oauth2_request(self, request: Asked) -> Asked:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return status, body, dict(headers)
