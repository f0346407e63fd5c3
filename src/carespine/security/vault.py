"""Secrets that the server must be able to read again, kept in the database in a way that the database cannot."""

from __future__ import annotations

import json

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from carespine.kernel.errors import Unavailable

_HEADER = {"alg": "dir", "enc": "A256GCM"}


class Vault:
    """Seals and opens short texts (JWE, A256GCM) with a key of 256 bits from the key store."""

    def __init__(self, key: OctKey) -> None:
        self._key = key

    def seal(self, text: str, *, owner: str) -> str:
        """`text`, sealed for `owner`: in another owner's row it does not open."""
        body = json.dumps({"owner": owner, "text": text})
        return jwe.encrypt_compact(_HEADER, body, self._key)

    def open(self, sealed: str, *, owner: str) -> str:
        """The text that was sealed. Raises Unavailable where the key is another, or the row was changed."""
        try:
            found = json.loads(jwe.decrypt_compact(sealed, self._key).plaintext or b"")
            if found["owner"] == owner:
                return str(found["text"])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(_SHUT) from error
        raise Unavailable(_SHUT)


def is_sealed(text: str) -> bool:
    """Whether a stored text went through a vault: a secret for one-time codes has no dots."""
    return "." in text


_SHUT = "A stored secret cannot be opened: the key file keys/secrets.jwk is not the one it was sealed with."
