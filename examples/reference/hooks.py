"""The hooks of a test instance: kill the node, take the spine away (RE-05, RE-06)."""

from __future__ import annotations

import hmac
import json
import os
import signal
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference.shelf import Shelf
from wearable import web
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer
from wearable.store import Client

TOKEN = "hooks-of-the-reference-service-for-tests-only"  # noqa: S105 - of synthetic test instances alone
# Set by the supervisor of app.py: then the hook ends the process itself. Otherwise the node dies in place: what
# was not committed and what stood in memory is gone.
SUPERVISED = "CARESPINE_REFERENCE_SUPERVISED"


@dataclass(slots=True)
class Hooks:
    """The hooks, and an outbox from which each write is sent on to the spine."""

    parts: web.Service
    shelf: Shelf

    def extra(self) -> Extra:
        """What is added to the service, and what replaces the core's writing of readings."""
        return Extra(
            [("POST", "Observation", "create", self.create)],
            {},
            [
                Route("/hooks/crash", self.crash, methods=["POST"]),
                Route("/hooks/dependency", self.dependency, methods=["POST"]),
                Route("/hooks/outbox", self.outbox),
            ],
        )

    def _known(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), TOKEN.encode()):
            raise Refusal(401, "login", "this needs the hooks' token", {"www-authenticate": "Bearer"})

    async def crash(self, request: Request) -> Response:
        """POST /hooks/crash: this node dies now."""
        self._known(request)
        if os.environ.get(SUPERVISED):
            os.kill(os.getpid(), signal.SIGKILL)
        self.parts.store.crash()
        self.shelf.db = self.parts.store.db
        self.parts.tokens.given.clear()
        return JSONResponse({"crashed": True})

    async def dependency(self, request: Request) -> Response:
        """POST /hooks/dependency {"away": true or false}"""
        self._known(request)
        self.parts.fhir.spine_away = json.loads(await request.body()).get("away") is True
        if not self.parts.fhir.spine_away and "loses-the-queue" not in self.parts.defects:
            for name in [each["id"] for each in self.shelf.all("Outgoing")]:
                self.shelf.remove("Outgoing", name)
        return JSONResponse({"away": self.parts.fhir.spine_away})

    async def outbox(self, request: Request) -> Response:
        """GET /hooks/outbox: how much waits to be sent to the spine"""
        self._known(request)
        return JSONResponse({"waiting": len(self.shelf.all("Outgoing"))})

    async def create(self, request: Request, client: Client) -> Answer:
        """POST Observation: kept at once, sent on when the spine is there"""
        if "application/fhir+json" not in request.headers.get("content-type", ""):
            raise Refusal(415, "not-supported", "the body must be application/fhir+json")
        status, tree, headers = await self.parts.fhir.create_reading(client, request)
        if self.parts.fhir.spine_away:
            self.shelf.put("Outgoing", {"about": f"Observation/{tree['id']}"})
        return status, tree, headers
