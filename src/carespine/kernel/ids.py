"""Identifiers: FHIR logical ids, and the patient key by which data can be sharded."""

from __future__ import annotations

import re
import time
from hashlib import blake2b
from secrets import token_bytes

_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NEW_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOT_PATIENT_SCOPED = 0


def is_fhir_id(text: str) -> bool:
    """Whether `text` may be a FHIR logical id (R4 datatype `id`)."""
    return _FHIR_ID.fullmatch(text) is not None


def new_id() -> str:
    """A fresh logical id: a UUID of version 7 (RFC 9562), so that rows made together lie together."""
    millis = time.time_ns() // 1_000_000
    raw = bytearray(millis.to_bytes(6, "big") + token_bytes(10))
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_new_id(text: str) -> bool:
    """Whether the id is of the kind that `new_id` makes."""
    return _NEW_ID.fullmatch(text) is not None


def hash63(*parts: str) -> int:
    """A stable, positive, non-zero 63-bit hash of the parts; their boundaries count."""
    digest = blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


def patient_key(patient_id: str) -> int:
    """The patient key of a Patient's logical id: what every patient-scoped row carries.

    Derived, not looked up, so that a resource can be filed before its Patient arrives. Two Patients whose
    keys collide cannot both be stored: the second is refused (storage holds the keys in a unique index).
    """
    return hash63("Patient", patient_id)
