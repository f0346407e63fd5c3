"""What a client says of itself when it registers (RFC 7591 section 2), against what its certificate allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlsplit

from carespine.security import scopes
from carespine.security.clients import Method
from carespine.security.scopes import is_known
from carespine.security.token_error import TokenError

# Ours: far more than an app needs; RFC 7591 leaves it open.
_MOST_ADDRESSES, _LONGEST_ADDRESS, _LONGEST_SCOPE = 20, 2_048, 4_096
_LOOPBACK = ("127.0.0.1", "::1")
# Nothing but the signed statement may say these: whoever only carries a statement cannot turn it to themselves.
SIGNED_ONLY = frozenset(
    {"redirect_uris", "jwks", "jwks_uri", "scope", "grant_types", "token_endpoint_auth_method"}
)
_OFFLINE = frozenset({"offline_access", "online_access"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a product's certificate lets its clients ask for."""

    grant_types: frozenset[str]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Metadata:
    """A client as it will be registered; `jwks_uri` where its keys are still to be fetched."""

    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    method: Method
    scopes: frozenset[str]
    jwks: Mapping[str, Any]
    jwks_uri: str | None


def read(told: Mapping[str, Any], allowed: Allowed) -> Metadata:
    """The client that `told` describes; raises TokenError (invalid_redirect_uri, invalid_client_metadata)."""
    grants = _texts(told, "grant_types") or ("authorization_code",)
    if beyond := sorted(set(grants) - allowed.grant_types):
        raise _wrong(f"The certificate does not allow the grant types {_shown(beyond)}.")
    if "authorization_code" in grants and (_texts(told, "response_types") or ("code",)) != ("code",):
        raise _wrong("The only response type is code.")
    method = told.get("token_endpoint_auth_method", "client_secret_basic")  # the default of RFC 7591
    if method not in get_args(Method):
        raise _wrong(f"token_endpoint_auth_method is one of {', '.join(get_args(Method))}.")
    if "client_credentials" in grants and method != "private_key_jwt":
        raise _wrong("A backend service proves itself by private_key_jwt.")
    uris = _redirects(told, grants, method)
    jwks, address = _keys(told, method)
    return Metadata(uris, grants, method, _scopes(told, grants, allowed), jwks, address)


def _redirects(told: Mapping[str, Any], grants: tuple[str, ...], method: str) -> tuple[str, ...]:
    uris = _texts(told, "redirect_uris")
    kind = told.get("application_type", "web")
    if kind not in ("web", "native"):
        raise _wrong("application_type is web or native.")
    if ("authorization_code" in grants) != bool(uris) or len(uris) > _MOST_ADDRESSES:
        words = f"Clients of the grant authorization_code, and no others, have 1 to {_MOST_ADDRESSES} redirect_uris."
        raise TokenError("invalid_redirect_uri", words)
    for uri in uris:
        if reason := _speaks_against(uri, native=kind == "native" and method == "none"):
            raise TokenError(
                "invalid_redirect_uri", f"{_shown([uri])} cannot be a redirect address: {reason}."
            )
    return uris


def _speaks_against(uri: str, *, native: bool) -> str | None:
    """Why an address is not taken: https, or, for a native app, plain http on the app's own machine (RFC 8252)."""
    if len(uri) > _LONGEST_ADDRESS or not (uri.isascii() and uri.isprintable()) or " " in uri or "\\" in uri:
        return "it is too long, or holds signs that an address cannot have"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no address"
    if parts.username is not None or "#" in uri or "*" in uri or not host:
        return "it has a user name, a fragment or a wildcard, or no host"
    if parts.scheme == "https" or (native and parts.scheme == "http" and host in _LOOPBACK):
        return None
    return "it must be https; a native app without a secret may use http on 127.0.0.1 or [::1]"


def _keys(told: Mapping[str, Any], method: str) -> tuple[Mapping[str, Any], str | None]:
    jwks, address = told.get("jwks"), told.get("jwks_uri")
    if (jwks is not None) + (address is not None) != (method == "private_key_jwt"):
        raise _wrong("private_key_jwt, and no other method, comes with either jwks or jwks_uri.")
    if address is not None and not (isinstance(address, str) and len(address) <= _LONGEST_ADDRESS):
        raise _wrong("jwks_uri must be an address.")
    if jwks is not None and not isinstance(jwks, dict):
        raise _wrong("jwks must be a JWK Set.")
    return jwks or {"keys": []}, address


def _scopes(told: Mapping[str, Any], grants: tuple[str, ...], allowed: Allowed) -> frozenset[str]:
    """What it may ask for later: all that the certificate allows its grants, where it names nothing."""
    fitting = frozenset(text for text in allowed.scopes if _fits(text, grants))
    asked = told.get("scope", "")
    if not isinstance(asked, str) or len(asked) > _LONGEST_SCOPE:
        raise _wrong("scope must be a text.")
    wanted = frozenset(asked.split()) or fitting
    beyond = sorted(text for text in wanted if not is_known(text) or not scopes.within(text, fitting))
    if beyond or not wanted:
        raise _wrong(f"The certificate does not allow these grant types the scopes {_shown(beyond)}.")
    return wanted


def _fits(scope: str, grants: tuple[str, ...]) -> bool:
    if scope.startswith("system/"):
        return "client_credentials" in grants
    if scope in _OFFLINE:
        return "refresh_token" in grants and "authorization_code" in grants
    return "authorization_code" in grants


def _texts(told: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = told.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(f"{name} must be a list of texts.")
    if len(set(value)) != len(value):
        raise _wrong(f"{name} names something twice.")
    return tuple(value)


def _shown(texts: list[str]) -> str:
    """As RFC 6749 section 5.2 lets a description be: printable ASCII without quote and backslash."""
    text = " ".join(texts)[:200]
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "?" for sign in text) or "(none)"


def _wrong(words: str) -> TokenError:
    return TokenError("invalid_client_metadata", words)
