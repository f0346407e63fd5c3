"""Certificates: what a passed run is worth, signed, and verified by anybody offline."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import compress, decompress, error

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from carespine.standards.keys import ALGORITHM, SigningKey
from carespine.standards.lifecycle import State

TYPE = "conformance+jwt"
STATUS_TYPE = "statuslist+jwt"
HEAD_TYPE = "treehead+jwt"
# lifecycle.md, certificates: two bits each, as the IETF Token Status List has them; 3 is free for our use there.
_BITS = 2
_VALID, _INVALID, _SUSPENDED, _PHASING_OUT = range(4)
_STATUS_OF = {
    State.CERTIFIED: _VALID,
    State.WATCH: _VALID,
    State.NONCONFORMITY: _VALID,
    State.CAP_AGREED: _VALID,
    State.SUSPENDED: _SUSPENDED,
    State.RESTRICTED: _PHASING_OUT,
    State.PHASING_OUT: _PHASING_OUT,
    State.EXPORT_ONLY: _PHASING_OUT,
}
_WORDS = {_INVALID: "it was withdrawn or has expired", _SUSPENDED: "it is suspended"}
_LEAVING = "the product is on its way out: it serves the sites it has, and no new ones"


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a certificate may be relied on at a time; if not, every reason why.

    `claims` is what it says; `notes` are what a buyer should know although it holds.
    """

    ok: bool
    reasons: tuple[str, ...]
    claims: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def issue(claims: Mapping[str, Any], key: SigningKey) -> str:
    """The certificate that says `claims`: a compact JWS, ES256."""
    return _sign(claims, TYPE, key)


def verify(text: str, trust: Mapping[str, Any], at: datetime, *, status: str | None = None) -> Verification:
    """Check a certificate with public keys alone: `trust` is a JWKS, `status` a signed status list if at hand.

    Checks the type, the signature by a trusted key, the time and (where given) the status. It does NOT check
    that the party who shows it holds the key in `cnf`: that takes a signature by that key.
    """
    claims, reason = _opened(text.strip(), trust, TYPE)
    if reason:
        return Verification(False, (reason,), claims)
    reasons = _time_reasons(claims, at)
    notes: tuple[str, ...] = ()
    if status is not None:
        value, wrong = _status(claims, status, trust, at)
        reasons += [wrong] if wrong else []
        reasons += [_WORDS[value]] if value in _WORDS else []
        notes = (_LEAVING,) if value == _PHASING_OUT else ()
    return Verification(not reasons, tuple(reasons), claims, notes)


def _sign(claims: Mapping[str, Any], kind: str, key: SigningKey) -> str:
    header = {"alg": ALGORITHM, "typ": kind, "kid": key.kid}
    text = json.dumps(claims, separators=(",", ":"), sort_keys=True)
    return jws.serialize_compact(header, text, key.private, algorithms=[ALGORITHM])


def _opened(text: str, trust: Mapping[str, Any], kind: str) -> tuple[dict[str, Any], str | None]:
    """What the JWS says, and why it may not be believed."""
    try:
        head = text.split(".", maxsplit=1)[0]
        header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        if header.get("typ") != kind or header.get("alg") != ALGORITHM:
            return {}, f"this is not a signed {kind}"
        known = [each for each in trust.get("keys", []) if each.get("kid") == header.get("kid")]
        if len(known) != 1:
            return {}, "it is signed with a key that is not trusted"
        opened = jws.deserialize_compact(text, ECKey.import_key(known[0]), algorithms=[ALGORITHM])
        claims = json.loads(opened.payload or b"")
    except JoseError:
        return {}, "the signature does not fit: it was changed, or was never ours"
    except (ValueError, AttributeError):
        return {}, "it cannot be read as a certificate"
    return (claims, None) if isinstance(claims, dict) else ({}, "it cannot be read as a certificate")


def _time_reasons(claims: Mapping[str, Any], at: datetime) -> list[str]:
    begins, until, now = claims.get("iat"), claims.get("exp"), at.timestamp()
    if not isinstance(begins, int) or not isinstance(until, int):
        return ["it does not say from when until when it holds"]
    if now < begins:
        return ["it was not issued yet at that time"]
    return ["it had expired at that time"] if now >= until else []


def status_list(states: Sequence[State | None]) -> dict[str, Any]:
    """The states of all certificates by index, as IETF Token Status List has them: two bits each, deflated."""
    packed = bytearray((len(states) * _BITS + 7) // 8)
    for place, state in enumerate(states):
        value = _STATUS_OF.get(state, _INVALID) if state is not None else _INVALID
        packed[place * _BITS // 8] |= value << (place * _BITS % 8)
    text = urlsafe_b64encode(compress(bytes(packed), 9)).rstrip(b"=").decode()
    return {"bits": _BITS, "lst": text}


def issue_status(claims: Mapping[str, Any], key: SigningKey) -> str:
    """The signed status list."""
    return _sign(claims, STATUS_TYPE, key)


def issue_head(claims: Mapping[str, Any], key: SigningKey) -> str:
    """The signed head of the transparency log."""
    return _sign(claims, HEAD_TYPE, key)


def _status(
    claims: Mapping[str, Any], status: str, trust: Mapping[str, Any], at: datetime
) -> tuple[int | None, str | None]:
    """What the status list says of the certificate, or why it may not be believed."""
    listed, reason = _opened(status.strip(), trust, STATUS_TYPE)
    if reason:
        return None, f"the status list may not be believed: {reason}"
    entry = (claims.get("status") or {}).get("status_list") or {}
    if listed.get("sub") != entry.get("uri"):
        return None, "the status list is another one than the certificate names"
    if at.timestamp() >= listed.get("exp", 0):
        return None, "the status list is too old for that time"
    try:
        lst = listed["status_list"]["lst"]
        packed = decompress(urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))
        value: int = packed[entry["idx"] * _BITS // 8] >> (entry["idx"] * _BITS % 8) & (1 << _BITS) - 1
    except (error, ValueError, KeyError, IndexError, TypeError):
        return None, "the status list does not have this certificate"
    return value, None
