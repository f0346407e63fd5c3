"""Who signs in how surely, and clients that register themselves in the sandbox (ID-08, ID-09, AP-02)."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wearable import numbers, web
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.store import Client

_FIRST_INDEX = 88_100


@dataclass(slots=True)
class Staff:
    """Bars sign-ins that are not sure enough, and says in the token of staff as what they are there."""

    parts: web.Service

    def extra(self) -> Extra:
        """What is added to the service."""
        defects, barred = self.parts.defects, self.parts.fhir.barred
        if "accepts-low-assurance" not in defects:
            barred["sandbox-low"] = "this sign-in is of the level P5; records need P9"
        if "accepts-single-factor" not in defects:
            barred["sandbox-single"] = "staff sign in with two factors"
        if "token-without-role" not in defects:
            self.parts.tokens.claims["sandbox-clinician"] = {"role": "R8000", "organisation": "A81001"}
        self.parts.discovery["registration_endpoint"] = f"{self.parts.base}/oauth/register"
        return Extra(routes=[Route("/oauth/register", self.register, methods=["POST"])])

    async def register(self, request: Request) -> Response:
        """POST /oauth/register (RFC 7591): a client of the sandbox, with a synthetic patient of its own."""
        if "sandbox-by-post" in self.parts.defects:
            return JSONResponse({"error": "access_denied", "error_description": "write us a letter"}, 403)
        try:
            wish = json.loads(await request.body())
            [key] = wish["jwks"]["keys"]
            kind, kid = key["kty"], key["kid"]
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(
                400, "invalid", "a client registers with client_name and jwks of one key"
            ) from error
        if kind not in {"EC", "RSA"} or not isinstance(kid, str) or "d" in key:
            raise Refusal(400, "invalid", "the key must be a public one, EC or RSA, with its kid")
        store, client_id = self.parts.store, f"sandbox-{uuid.uuid4()}"
        index = _FIRST_INDEX + store.count_clients()
        patient = store.add_patient_once(numbers.synthetic(index), "Sandbox", "Sam", "1990-01-01")
        store.add_client_once(Client(client_id, key, frozenset([patient])))
        self.parts.tokens.claims[client_id] = {"patient": patient}
        return JSONResponse({"client_id": client_id, **wish}, 201)
