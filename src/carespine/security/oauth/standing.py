"""What the token endpoint asks of the standards: the committed standing of a client's certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from carespine.security.token_error import TokenError

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.security.clients import Client
    from carespine.storage.database import Connection


class Standing(Protocol):
    """Where a product stands with its certificate at this moment."""

    @property
    def state(self) -> str: ...
    @property
    def certificate_id(self) -> str | None: ...
    @property
    def thumbprint(self) -> str | None: ...
    @property
    def allowed(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def suspensions(self) -> int: ...
    @property
    def reach(self) -> str: ...
    @property
    def deprecated_since(self) -> datetime | None: ...
    @property
    def sunset(self) -> datetime | None: ...


class CertificatePort(Protocol):
    """Filled by the standards (web/wiring.py)."""

    async def standing(self, connection: Connection, client_id: str) -> Standing: ...


async def demand_certificate(
    certificates: CertificatePort, connection: Connection, client: Client
) -> Standing | None:
    """The certificate in force of a client that needs one, bound to its key; raises TokenError."""
    if not client.certified:
        return None
    standing = await certificates.standing(connection, client.client_id)
    if not standing.allowed:
        raise TokenError(
            "unauthorized_client",
            f"No certificate in force: {standing.reason}",
            client_id=client.client_id,
        )
    thumbprints = {key.thumbprint() for key in client.keys().keys} if client.jwks.get("keys") else set()
    if client.method == "private_key_jwt" and standing.thumbprint not in thumbprints:
        raise TokenError(
            "unauthorized_client",
            "The certificate is bound to another key than the client's.",
            client_id=client.client_id,
        )
    return standing
