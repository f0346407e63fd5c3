"""The server's own keys: which there are, and where they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from carespine.security.keys import KeyRing, load_or_create, load_or_create_rsa, load_or_create_secret
from carespine.security.vault import Vault

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

    from carespine.web.settings import Settings


@dataclass(frozen=True, slots=True)
class Keys:
    """The server's own signing keys, one for each use."""

    tokens: KeyRing
    identity: Callable[[], RSAKey]  # made when it is first needed: an RSA key takes a second
    audit: ECKey
    certificates: ECKey
    vault: Vault
    sign_in: Callable[[], RSAKey]  # proves us to the providers that people sign in through

    @classmethod
    def load(cls, settings: Settings) -> Keys:
        folder = settings.data.absolute() / "keys"
        return cls(
            KeyRing(folder / "tokens.jwk"),
            cache(lambda: load_or_create_rsa(folder / "identity.jwk")),
            load_or_create(folder / "audit.jwk"),
            load_or_create(folder / "certificates.jwk"),
            Vault(load_or_create_secret(folder / "secrets.jwk")),
            cache(lambda: load_or_create_rsa(folder / "sign-in.jwk")),
        )
