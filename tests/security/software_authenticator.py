"""An authenticator in software: it makes passkeys and uses them, well or badly, as WebAuthn's messages have it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def cbor(value: Any) -> bytes:
    """The few kinds of CBOR (RFC 8949) that the messages need."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    assert isinstance(value, dict)
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    return (
        bytes([kind << 5 | 24, number])
        if number < 256
        else bytes([kind << 5 | 25]) + number.to_bytes(2, "big")
    )


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """`count` is its counter, `flags` what it says of the person, `origin` where the browser thinks it is."""

    origin: str
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    handle: bytes = b""
    credential: bytes = field(default_factory=lambda: token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str, **over: Any) -> str:
        """What a browser answers to the options for a new passkey."""
        asked = json.loads(options)
        assert asked["authenticatorSelection"]["userVerification"] == "required"
        self.handle = base64.urlsafe_b64decode(asked["user"]["id"] + "==")
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        made = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + cbor(cose)
        data = self._data(self.flags | ATTESTED) + made
        attestation = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", asked["challenge"], over)
        return self._message({"clientDataJSON": client, "attestationObject": attestation})

    def use(self, options: str, **over: Any) -> str:
        """What a browser answers when the passkey is used."""
        asked = json.loads(options)
        assert asked["userVerification"] == "required"
        self.count += 1
        data, client = self._data(self.flags), self._client("webauthn.get", asked["challenge"], over)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        told = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._message({**told, "userHandle": self.handle})

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, over: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, **over}).encode()

    def _message(self, response: dict[str, bytes]) -> str:
        name = text_of(self.credential)
        told = {part: text_of(raw) for part, raw in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": told})
