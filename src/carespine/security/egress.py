"""The guard on outgoing requests: which addresses the platform may call when somebody outside names them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import httpx

from carespine.kernel.errors import Forbidden

_PORTS = {"http": 80, "https": 443}
# RFC 6052: the well-known prefix under which a gateway (NAT64) reaches any IPv4 address.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class RefusedAddress(Forbidden):
    """The address may not be called from here."""


@dataclass(frozen=True, slots=True)
class Egress:
    """Which addresses may be called. Public ones always; the others only where the caller says so.

    The platform calls suppliers, subscribers and sources of imports with the defaults; a deployment, or a supplier
    who checks a service on their own machine, opens `allow_loopback` or `allow_private` for themselves.
    """

    allow_loopback: bool = False
    allow_private: bool = False

    async def resolve(self, url: httpx.URL) -> str:
        """The one address to connect to for `url`. Raises RefusedAddress unless every address it has may
        be called.
        """
        if url.scheme not in _PORTS or not url.host or url.userinfo:
            raise RefusedAddress("only http and https addresses without a user name may be called")
        port = url.port or _PORTS[url.scheme]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise RefusedAddress(f"the host {url.host} has no address") from error
        addresses = [str(each[4][0]) for each in found]
        for address in addresses:
            reason = self.refusal(address)
            if reason:
                raise RefusedAddress(f"{url.host} is {reason}, which may not be called from here")
        return addresses[0]

    def refusal(self, address: str) -> str | None:
        """What speaks against calling this IP address, or None."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address):
            ip = _carried(ip)
        if ip.is_loopback:
            return None if self.allow_loopback else "a loopback address"
        if ip.is_global and not ip.is_multicast:
            return None
        if ip.is_private and not (ip.is_link_local or ip.is_unspecified or ip.is_reserved or ip.is_multicast):
            return None if self.allow_private else "a private address"
        return "not a public address"


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address leads to (mapped, 6to4, NAT64), else the address itself."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends a request only to the address that was checked, so that a second look-up cannot change it."""

    def __init__(self, egress: Egress, inner: httpx.AsyncBaseTransport) -> None:
        self._egress = egress
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check, pin the address, send. TLS still verifies the name, and the Host header keeps it."""
        address = await self._egress.resolve(request.url)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
