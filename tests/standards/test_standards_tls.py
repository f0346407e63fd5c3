"""SE-01 against real handshakes: a modern service passes, one that still speaks TLS 1.0 fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from carespine.security.egress import Egress
from carespine.standards.engine import runner
from carespine.standards.models import Outcome


def certificate(folder: Path) -> Path:
    """A certificate for localhost that nobody trusts, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


@asynccontextmanager
async def serving(settings: ssl.SSLContext) -> AsyncIterator[int]:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=settings)
    async with server:
        yield server.sockets[0].getsockname()[1]


def modern(settings: ssl.SSLContext) -> None:
    settings.minimum_version = ssl.TLSVersion.TLSv1_2
    settings.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")


def old_tls(settings: ssl.SSLContext) -> None:
    settings.set_ciphers("ALL:@SECLEVEL=0")
    settings.minimum_version = ssl.TLSVersion.TLSv1


def weak_suites(settings: ssl.SSLContext) -> None:
    settings.minimum_version = ssl.TLSVersion.TLSv1_2
    settings.set_ciphers("ALL:@SECLEVEL=0")


def no_tls_1_3(settings: ssl.SSLContext) -> None:
    modern(settings)
    settings.maximum_version = ssl.TLSVersion.TLSv1_2


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize(
    ("how", "outcome", "told"),
    [
        (modern, Outcome.PASS, ""),
        (old_tls, Outcome.FAIL, "TLS 1.0 was agreed to"),
        (weak_suites, Outcome.FAIL, "a weak suite was agreed to"),
        (no_tls_1_3, Outcome.FAIL, "TLS 1.3 was not agreed to"),
    ],
)
async def test_only_modern_tls_passes(tmp_path, how, outcome, told):
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate(tmp_path))
    how(settings)
    async with serving(settings) as port:
        plan = runner.Plan(
            f"https://127.0.0.1:{port}",
            only=frozenset({"SE-01"}),
            egress=Egress(allow_loopback=True),
            transport=httpx.MockTransport(lambda _: httpx.Response(404)),
        )
        report = await runner.run(plan)

    finding = report.results[0].finding
    assert finding.outcome is outcome, finding
    assert any(told in fault.text for fault in finding.faults) or not told
