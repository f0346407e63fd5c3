"""SE-02: the certificate is trusted, is this host's, is strong, and will not end tomorrow."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509

from carespine.standards.engine.check import check, over_tls
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

# minimum-standards, SE-02.
_LEFT, _LONGEST = timedelta(days=21), timedelta(days=398)
_STRONG = frozenset({"sha256", "sha384", "sha512"})
_TIMEOUT_S = 5.0


async def _presented(host: str, port: int, settings: ssl.SSLContext) -> x509.Certificate:
    """The certificate of a handshake. Raises ssl.SSLError where the settings do not trust it, OSError where none
    came about.
    """
    async with asyncio.timeout(_TIMEOUT_S):
        _, writer = await asyncio.open_connection(host, port, ssl=settings, server_hostname=host)
    try:
        socket: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return x509.load_der_x509_certificate(socket.getpeercert(binary_form=True) or b"")
    finally:
        writer.transport.abort()


def _any() -> ssl.SSLContext:
    """Settings that look at any certificate: what is wrong with it is said one by one."""
    settings = ssl.create_default_context()
    settings.check_hostname = False
    settings.verify_mode = ssl.CERT_NONE
    return settings


def wrong(certificate: x509.Certificate, now: datetime) -> list[str]:
    """What is wrong with the certificate's time and strength."""
    left = certificate.not_valid_after_utc - now
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    algorithm = certificate.signature_hash_algorithm
    faults = []
    if left < _LEFT:
        faults.append(f"the certificate ends in {left.days} days")
    # One second: the baseline requirements count the last second as part of the validity.
    if whole > _LONGEST + timedelta(seconds=1):
        faults.append(f"the certificate is valid for {whole.days} days")
    if algorithm is not None and algorithm.name not in _STRONG:
        faults.append(f"the certificate is signed with {algorithm.name}")
    return faults


@check(
    "SE-02",
    "certificate",
    title="The certificate is trusted, strong, and ends in more than three weeks",
    quote="Certificate publicly trusted, matches host, not near expiry.",
    expected="A handshake that trusts the public authorities and demands the host's name succeeds; "
    "the certificate has 21 "
    "days left or more, was issued for 398 days or less, and is signed with SHA-256 or better.",
    advice="Renew by machine (ACME), and watch the day of its end from outside.",
    needs=(over_tls,),
)
async def run(context: Context) -> Finding:
    address = urlsplit(context.session.base_url)
    host, port = address.hostname or "", address.port or 443
    url = context.session.client.build_request("GET", context.session.base_url).url
    await context.session.egress.resolve(url)
    faults: list[Fault] = []
    try:
        trusting = ssl.create_default_context(cafile=context.config.ca_file)
        certificate = await _presented(host, port, trusting)
    except ssl.SSLError as error:
        faults.append(
            Fault(
                f"the certificate is not trusted for {host}: {getattr(error, 'verify_message', '') or error}"
            )
        )
        certificate = await _presented(host, port, _any())
    faults += [Fault(text) for text in wrong(certificate, context.now())]
    return context.judge(faults, tried=5, came="trusted, strong, and good for three weeks and more")
