"""SE-01: only TLS that still protects."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from carespine.standards.engine.check import check, over_tls
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

_LEGACY = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
_MODERN = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
# Suites without forward secrecy or without authenticated encryption.
_WEAK = "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:DES-CBC3-SHA"
_TIMEOUT_S = 5.0


def _offer(version: ssl.TLSVersion, ciphers: str | None) -> ssl.SSLContext:
    """A client that offers exactly this version, and these suites; it looks at the handshake, not at the
    name.
    """
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    offer.check_hostname = False
    offer.verify_mode = ssl.CERT_NONE  # the certificate is another requirement's matter (SE-02)
    if ciphers or version in _LEGACY:
        offer.set_ciphers(f"{ciphers or 'ALL'}:@SECLEVEL=0")
    offer.minimum_version, offer.maximum_version = version, version
    return offer


async def _agreed(host: str, port: int, offer: ssl.SSLContext) -> str | None:
    """The protocol and suite that the service agreed to, or None where it refused."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=offer)
    except (OSError, TimeoutError):
        return None
    socket: ssl.SSLObject = writer.get_extra_info("ssl_object")
    cipher = socket.cipher()
    writer.transport.abort()
    return f"{socket.version()} {cipher[0] if cipher else ''}".strip()


@check(
    "SE-01",
    "tls",
    title="Only TLS 1.2 and 1.3 with forward secrecy",
    quote="TLS 1.2+ only, 1.3 offered, forward-secret AEAD suites.",
    expected="TLS 1.0 and 1.1 are refused, and so are suites without forward secrecy or authenticated "
    "encryption; TLS 1.3 is agreed to.",
    advice="Set the lowest protocol to TLS 1.2 and the suites to ECDHE with AES-GCM or ChaCha20-Poly1305.",
    needs=(over_tls,),
)
async def run(context: Context) -> Finding:
    address = urlsplit(context.session.base_url)
    host, port = address.hostname or "", address.port or 443
    await context.session.egress.resolve(
        context.session.client.build_request("GET", context.session.base_url).url
    )
    offers = [
        ("TLS 1.0", _LEGACY[0], None),
        ("TLS 1.1", _LEGACY[1], None),
        ("a weak suite", _MODERN[0], _WEAK),
    ]
    faults: list[Fault] = []
    for what, version, ciphers in offers:
        agreed = await _agreed(host, port, _offer(version, ciphers))
        if agreed:
            faults.append(Fault(f"{what} was agreed to ({agreed})"))
    if not await _agreed(host, port, _offer(_MODERN[1], None)):
        faults.append(Fault("TLS 1.3 was not agreed to"))
    return context.judge(faults, tried=len(offers) + 1, came="legacy handshakes refused, TLS 1.3 agreed to")
