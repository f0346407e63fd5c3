"""Opening an app from within a patient's record (SMART EHR launch)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Forbidden, NotFound
from carespine.security import clients
from carespine.security.actor import TREATMENT
from carespine.security.oauth import store
from carespine.web.gate import content_security_policy
from carespine.web.pages import people
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.visits import posted, require

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.security.clients import Client
    from carespine.web.pages.connect import Connected
    from carespine.web.platform import Platform

# Ours: an app that is being opened asks within seconds; somebody may have to sign in again.
_LIFE = timedelta(minutes=10)


def routes(platform: Platform, connected: Connected) -> list[Route]:
    """`/practice/patients/ID/apps`, and opening one of them."""
    pages = _Launching(platform, connected)
    base = "/practice/patients/{patient_id}/apps"
    return guarded(
        connected,
        [
            Route(base, pages.choose, methods=["GET"]),
            Route(f"{base}/{{client_id}}", pages.open, methods=["POST"]),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Launching:
    platform: Platform
    connected: Connected

    async def choose(self, request: Request) -> Response:
        visitor = await require(self.connected, request, "practitioner")
        patient_id = request.path_params["patient_id"]
        if visitor.actor is None:
            raise Forbidden("Sign in first.")
        async with self.platform.door.glance(visitor.actor, purpose=TREATMENT) as session:
            name = people.name(await session.read("Patient", patient_id))
        apps = await self._apps()
        response = page(
            "oauth/apps.html", visitor=visitor, current="", patient_id=patient_id, name=name, apps=apps
        )
        # The forms of this page lead to the apps: browsers ask the policy about that too.
        response.headers["Content-Security-Policy"] = content_security_policy(*sorted(map(_origin, apps)))
        return response

    async def open(self, request: Request) -> Response:
        await posted(self.connected, request)
        visitor = await require(self.connected, request, "practitioner")
        actor, patient_id = visitor.actor, request.path_params["patient_id"]
        if actor is None:
            raise Forbidden("Sign in first.")
        wanted = request.path_params["client_id"]
        app = next((each for each in await self._apps() if each.client_id == wanted), None)
        if app is None:
            raise NotFound("There is no such app.")
        async with self.platform.door.enter(actor, purpose=TREATMENT) as session:
            await session.read("Patient", patient_id)
            launch = await store.new_launch(
                session.tx,
                client_id=app.client_id,
                username=actor.id,
                patient=patient_id,
                expires=session.clock() + _LIFE,
            )
        told = urlencode({"iss": self.platform.tokens.audience, "launch": launch})
        joined = "&" if urlsplit(app.launch_uri or "").query else "?"
        return Response(status_code=303, headers={"Location": f"{app.launch_uri}{joined}{told}"})

    async def _apps(self) -> list[Client]:
        """The apps that can be opened."""
        async with self.platform.database.connection() as connection:
            return [each for each in await clients.every(connection) if each.enabled and each.launch_uri]


def _origin(app: Client) -> str:
    parts = urlsplit(app.launch_uri or "")
    return f"{parts.scheme}://{parts.netloc}"
