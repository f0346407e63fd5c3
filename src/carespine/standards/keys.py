"""The key that signs certificates, and the keys of clients to which certificates are bound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from carespine.kernel.errors import Invalid
from carespine.security.keys import load_or_create

ALGORITHM = "ES256"
_CLIENT_KINDS: dict[str, set[str | None]] = {"EC": {"P-256", "P-384", "P-521"}, "RSA": {None}}
# NIST SP 800-131A: RSA of at least 2048 bits.
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its name."""

    kid: str
    private: ECKey

    @classmethod
    def of(cls, private: ECKey) -> Self:
        """`private` under the name by which others know it: its kid, else its thumbprint."""
        return cls(private.kid or private.thumbprint(), private)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The key in the file, made at the first start with mode 0600. Raises Misconfigured where it is unsafe."""
        return cls.of(load_or_create(path))

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key as a JWKS, for publication: what others trust."""
        shown = self.private.as_dict(private=False)
        return {"keys": [{**shown, "kid": self.kid, "alg": ALGORITHM, "use": "sig"}]}


def client_thumbprint(jwks: dict[str, Any]) -> str:
    """The thumbprint (RFC 7638) of the one public key in a client's JWKS.

    Raises Invalid where there is not exactly one, where it is weak or of another kind, or where it is private.
    """
    found = jwks.get("keys")
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise Invalid("a JWKS with exactly one public key is needed")
    tree = found[0]
    if {"d", "k", "p", "q"} & set(tree):
        raise Invalid("the JWKS contains a private key: send the public part, and make a new key")
    kind, curve = str(tree.get("kty")), tree.get("crv")
    named = None if curve is None else str(curve)  # a curve that is a list could not be looked up
    if kind not in _CLIENT_KINDS or named not in _CLIENT_KINDS[kind]:
        raise Invalid("the key must be EC on P-256, P-384 or P-521, or RSA")
    if not isinstance(tree.get("kid"), str) or not tree["kid"]:
        raise Invalid("the key needs a kid")
    try:
        key = ECKey.import_key(tree) if kind == "EC" else RSAKey.import_key(tree)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Invalid("the key in the JWKS cannot be read") from error
    if isinstance(key, RSAKey) and key.public_key.key_size < _LEAST_RSA_BITS:
        raise Invalid(f"an RSA key needs at least {_LEAST_RSA_BITS} bits")
    return key.thumbprint()
