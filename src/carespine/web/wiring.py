"""Where domains meet: events subscribed, ports filled, routes collected. The only place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from carespine.devices import routes as device_routes
from carespine.devices import submission
from carespine.kernel.errors import Conflict
from carespine.security import clients
from carespine.security.oauth.metadata import Allowed
from carespine.security.oauth.registration import Certified
from carespine.security.token_error import TokenError
from carespine.spine.fhir_api.operations import submitting
from carespine.standards import certificates
from carespine.standards import routes as standards_routes
from carespine.standards import service as standards_service
from carespine.standards.events import CertificateIssued, CertificateRefused
from carespine.standards.known import Known
from carespine.standards.models import UNKNOWN

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.kernel.events import Announcer
    from carespine.security.session import Session
    from carespine.security.tokens import Standing
    from carespine.storage.database import Connection
    from carespine.web.platform import Platform

STATIC = Path(__file__).parent / "static"


class Certificates:
    """Fills security's CertificatePort with the standards' register."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known = Known()

    async def standing(self, connection: Connection, client_id: str) -> Standing:
        """Of a client that registered itself: the standing of the product whose certificate it came with."""
        found = await self._of(connection, client_id)
        if found.state != UNKNOWN:
            return found
        client = await clients.find(connection, client_id)
        if client is None or client.software is None:
            return found
        return await self._of(connection, client.software)

    async def _of(self, connection: Connection, client_id: str) -> Standing:
        return await standards_service.standing(connection, client_id, now=self._clock(), known=self._known)


@dataclass(frozen=True, slots=True)
class CertificateReader:
    """Fills the registration's port with the standards' register: `trust` is the JWKS that signs certificates."""

    trust: Mapping[str, Any]
    clock: Clock

    async def read(self, connection: Connection, text: str) -> Certified:
        found = certificates.verify(text, self.trust, self.clock())
        if not found.ok:
            raise _unapproved(f"The certificate does not hold: {'; '.join(found.reasons)}.", None)
        claims = found.claims
        client_id, name = str(claims["sub"]), str(claims["jti"])
        standing = await standards_service.standing(connection, client_id, now=self.clock())
        if not standing.allowed or standing.certificate_id != name:
            raise _unapproved(f"The certificate is not in force: {standing.reason}", client_id)
        if standing.deprecated_since is not None:
            raise _unapproved("The product is on its way out: it may not come to new places.", client_id)
        allowed = ALLOWED.get(str(claims["profile"]).partition(" ")[0])
        if allowed is None:
            raise _unapproved("Products of this kind have no clients here.", client_id)
        return Certified(client_id, name, str(claims["product"]), str(claims["cnf"]["jkt"]), allowed)


def _unapproved(words: str, client_id: str | None) -> TokenError:
    return TokenError("unapproved_software_statement", words, client_id=client_id)


# What a certified device app may ask for: find its consenting patients, and bring their readings.
DEVICE_APP_SCOPES = frozenset({"system/Patient.rs", "system/Observation.crus"})
_PEOPLE = frozenset(
    {"openid", "fhirUser", "profile", "launch", "launch/patient", "offline_access", "online_access"}
)
# What the clients of a certified product may be, by the profile of its certificate. Ours: no more than its kind needs.
ALLOWED = {
    "device-app": Allowed(
        frozenset({"client_credentials", "authorization_code", "refresh_token"}),
        DEVICE_APP_SCOPES | _PEOPLE | {"patient/Patient.rs", "patient/Observation.crus"},
    ),
    "record-system": Allowed(
        frozenset({"authorization_code", "refresh_token"}), _PEOPLE | {"patient/*.rs", "user/*.rs"}
    ),
}


def subscribe(announcer: Announcer) -> None:
    """Have each domain hear what it needs to hear of the others, and take what is sent for it."""
    announcer.subscribe(CertificateIssued, register_client)
    announcer.subscribe(CertificateRefused, register_client)
    submitting.fill(submission.take)


async def register_client(session: Session, event: CertificateIssued | CertificateRefused) -> None:
    """An app that was checked is known to the token endpoint, which gives it a token only while its certificate
    is in force, and says why when it is not."""
    about = event.application
    known = await clients.find(session.tx, about.client_id)
    if known is not None and (not known.certified or known.software is not None):
        raise Conflict(f"The client id {about.client_id} belongs to a client that is registered otherwise.")
    client = clients.Client(
        about.client_id, about.product, None, about.jwks, DEVICE_APP_SCOPES, certified=True, enabled=True
    )
    await clients.register(session.tx, client)


def routes(platform: Platform) -> list[BaseRoute]:
    """The domains' own HTTP, and the static files."""
    static = Mount("/static", StaticFiles(directory=STATIC), name="static")
    return [static, *device_routes.routes(platform), *standards_routes.routes(platform)]
