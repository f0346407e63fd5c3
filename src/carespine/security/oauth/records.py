"""What the grants work on: a client, an authorisation, its code and its refresh token, as Authlib asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from carespine.security import scopes
from carespine.security.clients import Client


@dataclass(frozen=True, slots=True)
class User:
    """Whom an app acts for. `reference` is their FHIR resource."""

    username: str
    name: str
    reference: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What a person let an app do: `patient` is the launch context, `key` the thumbprint it is bound to."""

    id: str
    client_id: str
    user: User
    patient: str | None
    scope: str
    key: str | None
    signed_in: datetime
    expires: datetime
    revoked: bool


@dataclass(frozen=True)
class KnownClient(ClientMixin):
    """A registered client. It was authenticated before the grants see it (client_proof.py)."""

    client: Client

    @property
    def client_id(self) -> str:
        return self.client.client_id

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_default_redirect_uri(self) -> None:
        """None: every request names its address, also where only one is registered."""
        return

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The part of what is asked that is registered; None where nothing is."""
        allowed = [text for text in (scope or "").split() if is_allowed(text, self.client)]
        return " ".join(dict.fromkeys(allowed)) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.client.redirect_uris

    def check_client_secret(self, _client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, _method: str, _endpoint: str) -> bool:
        return True

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, _grant_type: str) -> bool:
        return bool(self.client.redirect_uris)


def is_allowed(text: str, client: Client) -> bool:
    """Whether an app may act for people with this scope: never a system scope, always within its registration."""
    found = scopes.read(text)
    return (found is None or found.context != "system") and scopes.within(text, client.scopes)


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):
    """An authorisation code that may be redeemed."""

    authorisation: Authorisation
    redirect_uri: str
    code_challenge: str
    nonce: str | None
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.authorisation.scope


@dataclass(frozen=True)
class RefreshToken(TokenMixin):
    """A refresh token that may be redeemed; `scope` is what the one before it narrowed it to."""

    authorisation: Authorisation
    scope: str

    def check_client(self, client: KnownClient) -> bool:
        return client.client_id == self.authorisation.client_id

    def get_scope(self) -> str:
        return self.scope
