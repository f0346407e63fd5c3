"""TLS where the server ends it itself: the certificate, the key, and nothing older than TLS 1.2."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from carespine.kernel.errors import Misconfigured

# Mozilla's "intermediate" configuration 5.7 (checked in November 2026), without the finite-field groups.
# https://wiki.mozilla.org/Security/Server_Side_TLS
_CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a listening socket needs. `certificate` is a PEM file with its chain, `key` its key, without a password.

    Raises Misconfigured where either cannot be used, or others can read the key.
    """
    try:
        if stat.S_IMODE(key.stat().st_mode) & 0o077:
            raise Misconfigured(f"The key file {key} can be read by others; run: chmod 600 {key}")
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(_CIPHERS)
        made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        made.set_alpn_protocols(["http/1.1"])
        made.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"TLS cannot be served with {certificate} and {key}: {error}.") from error
    return made


def _no_password() -> str:
    raise Misconfigured(
        "The key of the certificate has a password: give one without, that only this account reads."
    )
