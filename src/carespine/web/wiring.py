"""Where domains meet: events subscribed, ports filled, routes collected. The only place that knows them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from carespine.devices import routes as device_routes
from carespine.devices import submission
from carespine.kernel.errors import Conflict
from carespine.security import clients
from carespine.spine.fhir_api.operations import submitting
from carespine.standards import routes as standards_routes
from carespine.standards import service as standards_service
from carespine.standards.events import CertificateIssued, CertificateRefused

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

    async def standing(self, connection: Connection, client_id: str) -> Standing:
        return await standards_service.standing(connection, client_id, now=self._clock())


# What a certified device app may ask for: find its consenting patients, and bring their readings.
DEVICE_APP_SCOPES = frozenset({"system/Patient.rs", "system/Observation.crus"})


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
    if known is not None and not known.certified:
        raise Conflict(f"The client id {about.client_id} belongs to a client that is registered otherwise.")
    client = clients.Client(
        about.client_id, about.product, None, about.jwks, DEVICE_APP_SCOPES, certified=True, enabled=True
    )
    await clients.register(session.tx, client)


def routes(platform: Platform) -> list[BaseRoute]:
    """The domains' own HTTP, and the static files."""
    static = Mount("/static", StaticFiles(directory=STATIC), name="static")
    return [static, *device_routes.routes(platform), *standards_routes.routes(platform)]
