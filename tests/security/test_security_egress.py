"""The platform calls only where it may, whatever address a supplier names."""

from __future__ import annotations

import httpx
import pytest

from carespine.security.egress import Egress, GuardedTransport, RefusedAddress
from carespine.standards.engine import runner


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/", "http://127.8.9.1:5432/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://10.1.2.3/",
        "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/", "http://[fe80::1]/",
        "http://[fd00::1]/", "http://0.0.0.0/", "http://100.64.0.1/", "http://224.0.0.1/", "http://255.255.255.255/",
        "http://2130706433/", "http://0x7f.1/", "http://localhost/", "ftp://example.org/", "file:///etc/passwd",
        "http://user:password@192.0.2.1/", "http:///nowhere",
        "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b::7f00:1]/", "http://[2002:a9fe:a9fe::]/", "http://[2002:7f00:1::]/",
    ],
)  # fmt: skip
async def test_by_default_nothing_but_public_addresses_is_called(address):
    with pytest.raises(RefusedAddress):
        await Egress().resolve(httpx.URL(address))


@pytest.mark.parametrize(
    ("egress", "address", "allowed"),
    [
        (Egress(), "http://8.8.8.8/", True),
        (Egress(), "https://[2606:4700::1111]/", True),
        (Egress(allow_loopback=True), "http://127.0.0.1:8000/", True),
        (Egress(allow_loopback=True), "http://10.0.0.1/", False),
        (Egress(allow_private=True), "http://10.0.0.1/", True),
        (Egress(allow_private=True), "http://127.0.0.1/", False),
        (Egress(allow_private=True), "http://169.254.169.254/", False),
    ],
)
async def test_loopback_and_private_addresses_open_only_where_the_caller_says_so(egress, address, allowed):
    if allowed:
        assert await egress.resolve(httpx.URL(address)) == httpx.URL(address).host
    else:
        with pytest.raises(RefusedAddress):
            await egress.resolve(httpx.URL(address))


async def test_the_address_that_was_checked_is_the_one_that_is_called_and_the_name_is_kept():
    called: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        called.append(request)
        return httpx.Response(200)

    transport = GuardedTransport(Egress(allow_loopback=True), httpx.MockTransport(answer))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("http://localhost:8000/path")

    assert called[0].url.host in {"127.0.0.1", "::1"}
    assert called[0].headers["host"] == "localhost:8000"
    assert called[0].extensions["sni_hostname"] == "localhost"


async def test_a_run_refuses_a_service_on_the_platforms_own_machine():
    with pytest.raises(RefusedAddress, match="loopback"):
        await runner.run(runner.Plan("http://127.0.0.1:9"))


async def test_redirects_are_not_followed():
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "127.0.0.1"
        return httpx.Response(302, headers={"location": "http://169.254.169.254/latest/meta-data"})

    plan = runner.Plan("http://127.0.0.1:9", only=frozenset({"SE-13"}), transport=httpx.MockTransport(answer))

    report = await runner.run(plan)

    assert report.results[0].outcome == "fail"
