"""The server's own keys: which there are, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.security.keys import load_or_create

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

    from carespine.web.settings import Settings


@dataclass(frozen=True, slots=True)
class Keys:
    """The server's own signing keys, one for each use."""

    tokens: ECKey
    audit: ECKey
    certificates: ECKey

    @classmethod
    def load(cls, settings: Settings) -> Keys:
        folder = settings.data.absolute() / "keys"
        names = ("tokens", "audit", "certificates")
        return cls(*(load_or_create(folder / f"{name}.jwk") for name in names))
