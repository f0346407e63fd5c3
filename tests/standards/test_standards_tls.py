"""SE-01 and SE-02 against real handshakes: what is modern and trusted passes, what is old or about to end fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from carespine.security.egress import Egress
from carespine.standards.engine import runner
from carespine.standards.engine.config import RunConfig
from carespine.standards.models import Outcome


def certificate(folder: Path, *, host: str = "127.0.0.1", age: int = 1, left: int = 1) -> Path:
    """A certificate that only those trust who are given it, with its key, in one file; age and what is left in days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=age))
        .not_valid_after(now + timedelta(days=left, minutes=-1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
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


@pytest.mark.parametrize(
    ("how", "trusted", "outcome", "told"),
    [
        ({"left": 60}, True, Outcome.PASS, ""),
        ({"left": 20}, True, Outcome.FAIL, "ends in 19 days"),
        ({"age": 300, "left": 100}, True, Outcome.FAIL, "valid for 399 days"),
        ({"left": 60}, False, Outcome.FAIL, "not trusted"),
        ({"left": 60, "host": "127.0.0.2"}, True, Outcome.FAIL, "not trusted"),
    ],
)
async def test_only_a_trusted_certificate_with_three_weeks_left_passes(tmp_path, how, trusted, outcome, told):
    file = certificate(tmp_path, **how)
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(file)
    async with serving(settings) as port:
        plan = runner.Plan(
            f"https://127.0.0.1:{port}",
            config=RunConfig(ca_file=str(file) if trusted else None),
            only=frozenset({"SE-02"}),
            egress=Egress(allow_loopback=True),
            transport=httpx.MockTransport(lambda _: httpx.Response(404)),
        )
        report = await runner.run(plan)

    finding = report.results[0].finding
    assert finding.outcome is outcome, finding
    assert any(told in fault.text for fault in finding.faults) or not told
