"""A server that ends TLS itself: nothing older than TLS 1.2, HSTS, and a key that nobody else can read."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api import fresh_database
from live import Live, live
from pydantic import ValidationError

from carespine.kernel.errors import Misconfigured
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web import tls
from carespine.web.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import certificate


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(
    postgres: EmbeddedPostgres, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("secure")
    with (
        fresh_database(postgres) as url,
        live(url, folder, open_access=False, tls_certificate=pair[0], tls_key=pair[1]) as running,
    ):
        yield running


def handshake(server: Live, version: ssl.TLSVersion) -> str | None:
    """The version that was agreed on, None where the server refuses."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    asking.set_ciphers("ALL:@SECLEVEL=0")
    asking.minimum_version = asking.maximum_version = version
    host, port = server.address.removeprefix("https://").split(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=5) as plain,
            asking.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.version()
    except (ssl.SSLError, ConnectionError):
        return None


def test_it_speaks_tls_of_today_and_says_so_for_a_year(server: Live, pair: tuple[Path, Path]) -> None:
    trusted = ssl.create_default_context(cafile=pair[0])
    with httpx.Client(base_url=server.address, verify=trusted, trust_env=False) as http:
        front = http.get("/")
        assert front.status_code == 200
        assert front.headers["strict-transport-security"].startswith("max-age=31536000")
        assert http.get("/fhir/Patient").status_code == 401
        told = http.get("/fhir/.well-known/smart-configuration").json()
        assert told["token_endpoint"] == f"{server.address}/oauth/token"
        signing_in = http.get("/sign-in")
        assert all("Secure" in cookie for cookie in signing_in.headers.get_list("set-cookie"))
    assert handshake(server, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert handshake(server, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_it_refuses_what_is_older_or_in_the_clear(server: Live) -> None:
    assert handshake(server, ssl.TLSVersion.TLSv1_1) is None
    assert handshake(server, ssl.TLSVersion.TLSv1) is None
    with pytest.raises(httpx.TransportError):
        httpx.get(server.address.replace("https", "http"), trust_env=False)


def test_what_cannot_be_served_is_said_before_it_starts(pair: tuple[Path, Path], tmp_path: Path) -> None:
    shown = tmp_path / "key.pem"
    shown.write_bytes(pair[1].read_bytes())
    shown.chmod(0o644)
    other, _ = certificate.make(tmp_path / ".")
    for certificate_file, key in ((pair[0], shown), (pair[0], tmp_path / "none"), (other, pair[1])):
        with pytest.raises(Misconfigured):
            tls.context(certificate_file, key)
    with pytest.raises(ValidationError, match="together"):
        Settings(tls_certificate=pair[0])
    with pytest.raises(ValidationError, match="in the clear"):
        Settings(host="0.0.0.0")  # noqa: S104 -- it is refused
    assert Settings(host="0.0.0.0", tls_certificate=pair[0], tls_key=pair[1]).address.startswith("https://")  # noqa: S104
