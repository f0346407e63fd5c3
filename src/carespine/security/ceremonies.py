"""The two ceremonies of WebAuthn, by the library of that name: making a passkey, and using one.

A person must be verified by the authenticator each time (a finger, a face, a PIN), and its counter must grow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from carespine.kernel.errors import Invalid

_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_NAME = "Carespine"
_LONGEST = 32_768
# Ours: time enough to find the telephone.
_WITHIN_MS = 300_000


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are good for: `rp_id` is the host, `origin` with scheme and port."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey, as its authenticator vouches for it."""

    credential: bytes
    public_key: bytes
    sign_count: int


def to_make(
    site: Site, *, user_id: bytes, user_name: str, title: str, known: Sequence[bytes], challenge: bytes
) -> str:
    """What a browser is asked in order to make one, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=_NAME,
        user_id=user_id,
        user_name=user_name,
        user_display_name=title,
        challenge=challenge,
        timeout=_WITHIN_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return webauthn.options_to_json(options)


def made(site: Site, text: str, *, challenge: bytes) -> Made:
    """Check what came of it. Raises Invalid."""
    try:
        found = webauthn.verify_registration_response(
            credential=_sized(text),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid("The passkey could not be made. Try again.") from error
    return Made(found.credential_id, found.credential_public_key, found.sign_count)


def to_use(site: Site, *, known: Sequence[bytes], challenge: bytes) -> str:
    """What a browser is asked in order to use one of `known`, or any that it has for this site, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=_WITHIN_MS,
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def credential_of(text: str) -> tuple[bytes, bytes | None]:
    """Which passkey the browser says it used, and for whom, before anything is verified. Raises Invalid."""
    try:
        tree = json.loads(_sized(text))
        handle = tree["response"].get("userHandle")
        return base64url_to_bytes(tree["rawId"]), base64url_to_bytes(handle) if handle else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid("The answer of the browser cannot be read.") from error


def used(site: Site, text: str, *, challenge: bytes, public_key: bytes, sign_count: int) -> int:
    """Check the use of a passkey; returns its new count. Raises Invalid."""
    try:
        found = webauthn.verify_authentication_response(
            credential=_sized(text),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid("The passkey was not accepted.") from error
    return found.new_sign_count


def _sized(text: str) -> str:
    if not 0 < len(text) <= _LONGEST:
        raise Invalid("The answer of the browser cannot be read.")
    return text


def _descriptors(known: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each) for each in known]
