"""Dissent, and emergency access that is reasoned and alerted (AU-04)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request

from reference import shelf
from reference.shelf import Shelf
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

REASON = "x-break-glass-reason"
_SHORTEST = 10


@dataclass(slots=True)
class Emergency:
    """A patient who dissented is read by nobody, but by a clinician who says why; the privacy officer is told."""

    fhir: Fhir
    shelf: Shelf
    breakers: frozenset[str]

    def extra(self) -> Extra:
        """What is added to the service."""
        return Extra(
            [
                ("GET", "Patient/{name}/$emergency", "read", self.read),
                ("GET", "Communication", "search", self.alerted),
            ],
            {"Communication": (["search-type"], {"subject": "reference", "category": "token"})},
        )

    async def read(self, request: Request, client: Client) -> Answer:
        """GET Patient/id/$emergency with a reason"""
        name, reason = request.path_params["name"], request.headers.get(REASON, "").strip()
        found = self.fhir.store.patient(name)
        if found is None or client.client_id not in self.breakers:
            raise Refusal(404, "not-found", "there is no such patient here, or not for you")
        if len(reason) < _SHORTEST and "breaks-glass-silently" not in self.fhir.defects:
            raise Refusal(403, "forbidden", f"say in {REASON} why this is an emergency")
        if "breaks-glass-silently" not in self.fhir.defects:
            alert = {
                "status": "completed",
                "category": [{"coding": [{"code": "alert"}]}],
                "subject": {"reference": f"Patient/{name}"},
                "sent": datetime.now(UTC).isoformat(timespec="seconds"),
                "payload": [{"contentString": f"Emergency access by {client.client_id}: {reason}"}],
            }
            self.shelf.put("Communication", alert, patient=name)
        return 200, self.fhir.shown(found), {}

    async def alerted(self, request: Request, client: Client) -> Answer:
        """GET Communication?category=alert&subject=Patient/id, for the auditor"""
        if client.role != "auditor":
            raise Refusal(403, "forbidden", "alerts are for the privacy officer")
        subject = request.query_params.get("subject", "").rpartition("/")[2]
        return 200, shelf.bundle(self.shelf.all("Communication", subject or None)), {}
