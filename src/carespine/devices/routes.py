"""The HTTP of this domain: an app sends a file of readings, and asks what became of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.devices import live_routes
from carespine.devices.models import ImportResult
from carespine.devices.ports import Platform
from carespine.devices.service import find_import, import_readings
from carespine.devices.upload import received
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.actor import TREATMENT, Actor
from carespine.security.bearer import bearer_actor
from carespine.spine.fhir_api import answer
from carespine.storage.database import retrying

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
Endpoint = Callable[[Request, Actor], Awaitable[Response]]


def routes(platform: Platform) -> list[Route]:
    """POST an export to /devices/patients/{patient}/imports; GET what an import did."""

    limit = platform.settings.max_upload_mb * 1024 * 1024

    async def send(request: Request, actor: Actor) -> Response:
        patient_id = request.path_params["patient"]
        key = _idempotency_key(request)
        async with platform.door.glance(actor, purpose=TREATMENT) as session:
            await session.require_patient(patient_id)  # a refusal must not wait for a long upload
        async with received(request, limit=limit) as file:
            made = await retrying(lambda: _import(platform, actor, patient_id, file, key))
        return _answer(made, status=200 if made.replayed else 201)

    async def ask(request: Request, actor: Actor) -> Response:
        patient_id, import_id = request.path_params["patient"], request.path_params["import"]
        async with platform.door.glance(actor, purpose=TREATMENT) as session:
            found = await find_import(session, patient_id=patient_id, import_id=import_id)
        return _answer(found, status=200)

    base = "/devices/patients/{patient}/imports"
    live = live_routes.endpoints(platform, _idempotency_key)
    patient = "/devices/patients/{patient}"
    return [
        Route(f"{patient}/batches", _endpoint(platform, live["batches"]), methods=["POST"]),
        Route(f"{patient}/sources/{{device}}", _endpoint(platform, live["source"]), methods=["DELETE"]),
        Route(f"{patient}/readings", _endpoint(platform, live["readings"]), methods=["GET"]),
        Route(f"{patient}/ranking", _endpoint(platform, live["ranking"]), methods=["PUT"]),
        Route(base, _endpoint(platform, send), methods=["POST"]),
        Route(base + "/{import}", _endpoint(platform, ask), methods=["GET"]),
    ]


async def _import(
    platform: Platform, actor: Actor, patient_id: str, file: BinaryIO, key: str
) -> ImportResult:
    async with platform.door.enter(actor, purpose=TREATMENT) as session:
        made = await import_readings(
            session,
            patient_id=patient_id,
            file=file,
            client=actor.id,
            idempotency_key=key,
            announcer=platform.announcer,
        )
        # The token was checked before the upload; a suspension meanwhile undoes the import.
        await platform.tokens.demand_standing(session.tx, actor, writes=True)
        return made


def _endpoint(platform: Platform, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for a signed-in actor; every refusal becomes an OperationOutcome."""

    async def respond(request: Request) -> Response:
        try:
            actor = await _actor(platform, request)
            answered = await endpoint(request, actor)
            answered.headers.update(dict(actor.notices))
            return answered
        except CarespineError as error:
            refused = answer.refusal(error)
            return Response(
                refused.body, refused.status, headers=refused.headers, media_type=answer.CONTENT_TYPE
            )

    return respond


async def _actor(platform: Platform, request: Request) -> Actor:
    """Who the access token speaks for; a refusal is on record."""
    return await bearer_actor(
        request.headers.get("authorization", ""),
        tokens=platform.tokens,
        audit=platform.audit,
        is_open=platform.settings.open,
        address=request.client.host if request.client else None,
        request_id=getattr(request.state, "request_id", None),
    )


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Invalid(
            "Send an Idempotency-Key of 1 to 200 visible characters, the same when you repeat a request."
        )
    return key


def _answer(made: ImportResult, *, status: int) -> Response:
    own = f"/devices/patients/{made.patient_id}/imports/{made.import_id}"
    links = {"self": own}
    if made.report_id is not None:
        links["summary"] = f"/fhir/DiagnosticReport/{made.report_id}"
    if made.task_id is not None:
        links["task"] = f"/fhir/Task/{made.task_id}"
    body: dict[str, Any] = {
        "importId": made.import_id,
        "patient": f"Patient/{made.patient_id}",
        "client": made.client,
        "adapter": made.adapter,
        "state": made.state,
        "read": made.read,
        "stored": made.stored,
        "duplicate": made.duplicate,
        "rejected": made.rejected,
        "reasons": [
            {"code": reason.code, "sentence": reason.sentence, "count": reason.count}
            for reason in made.reasons
        ],
        "notices": list(made.notices),
        "sha256": made.sha256,
        "receivedAt": fhir_instant(made.received_at),
        "replayed": made.replayed,
        "links": links,
    }
    headers = {"Location": own} if status == 201 else {}
    return Response(msgspec.json.encode(body), status, headers=headers, media_type="application/json")
