"""The way out: everything of one patient, and everything of all of a client's patients, as NDJSON."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

Tree = dict[str, Any]
_LOST_EVERY = 7


@dataclass(slots=True)
class Export:
    """Exports; a file is kept for the client who asked for it until the process ends."""

    fhir: Fhir
    base: str
    files: dict[str, tuple[str, list[Tree]]] = field(default_factory=dict)

    def extra(self) -> Extra:
        """What the way out adds to the service."""
        return Extra(
            [
                ("GET", "Patient/{name}/$everything", "read", self.everything),
                ("GET", "$export", "other", self.ask),
                ("GET", "exports/{name}", "other", self.state),
                ("GET", "exports/{name}/{kind}.ndjson", "other", self.file),
            ]
        )

    def _of(self, patient: str) -> list[Tree]:
        found = self.fhir.store.patient(patient)
        readings = self.fhir.store.readings_of(patient)
        if "export-loses-readings" in self.fhir.defects:
            readings = [each for place, each in enumerate(readings) if place % _LOST_EVERY]
        if "export-renames" in self.fhir.defects:
            readings = [{**each, "id": str(uuid.uuid4())} for each in readings]
        return [self.fhir.shown(found), *readings] if found else []

    async def everything(self, request: Request, client: Client) -> Answer:
        """GET Patient/id/$everything"""
        patient = request.path_params["name"]
        self.fhir.reach(client, patient)
        entries = [{"resource": each, "search": {"mode": "match"}} for each in self._of(patient)]
        if not entries:
            raise Refusal(404, "not-found", "there is no such patient here, or not for you")
        return (
            200,
            {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries},
            {},
        )

    async def ask(self, request: Request, client: Client) -> Answer:
        """GET $export: FHIR Bulk Data Access, asynchronous"""
        if "respond-async" not in request.headers.get("prefer", ""):
            raise Refusal(400, "not-supported", "an export is asked for with Prefer: respond-async")
        name = str(uuid.uuid4())
        self.files[name] = (
            client.client_id,
            [each for who in sorted(client.patients - self.fhir.hidden) for each in self._of(who)],
        )
        told = Refusal(202, "informational", "the export is being made").outcome()
        return 202, told, {"content-location": f"{self.base}/fhir/exports/{name}"}

    def _held(self, request: Request, client: Client) -> list[Tree]:
        owner, found = self.files.get(request.path_params["name"], ("", []))
        if owner != client.client_id:
            raise Refusal(404, "not-found", "there is no such export here, or not for you")
        return found

    async def state(self, request: Request, client: Client) -> Answer:
        """GET exports/id: what there is to fetch"""
        found, name = self._held(request, client), request.path_params["name"]
        kinds = sorted({each["resourceType"] for each in found})
        output = [{"type": kind, "url": f"{self.base}/fhir/exports/{name}/{kind}.ndjson"} for kind in kinds]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return 200, {"transactionTime": at, "request": "$export", "output": output, "error": []}, {}

    async def file(self, request: Request, client: Client) -> Answer:
        """GET exports/id/type.ndjson"""
        kind = request.path_params["kind"]
        lines = [each for each in self._held(request, client) if each["resourceType"] == kind]
        return 200, {"ndjson": "".join(json.dumps(each) + "\n" for each in lines)}, {}
