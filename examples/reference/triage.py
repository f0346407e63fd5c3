"""Online requests: a red flag is diverted at once, everything else gets a time by which it is answered (BK-04).

The words are a few of those for which NHS pages say to call 999. Not for clinical use: a real service uses a
licensed triage product.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request

from reference import shelf
from reference.shelf import Shelf
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

_RED_FLAGS = (
    "chest pain",
    "face is drooping",
    "cannot breathe",
    "kill myself",
    "throat is swelling",
    "bleeding will not stop",
    "will not wake",
    "worst headache",
)
_OPENS, _CLOSES = "08:00:00", "18:30:00"
_SATURDAY = 5


@dataclass(slots=True)
class Triage:
    """Takes requests in the patient's own words."""

    fhir: Fhir
    shelf: Shelf

    def extra(self) -> Extra:
        """What triage adds to the service."""
        return Extra(
            [
                ("POST", "ServiceRequest", "create", self.ask),
                ("GET", "HealthcareService", "search", self.services),
            ],
            {"ServiceRequest": (["create"], {}), "HealthcareService": (["search-type"], {})},
        )

    async def ask(self, request: Request, client: Client) -> Answer:
        """POST ServiceRequest: what the patient asks for, in reasonCode.text."""
        tree = await shelf.body(request, "ServiceRequest")
        patient = shelf.referred(tree, "subject")
        self.fhir.reach(client, patient)
        reasons = tree.get("reasonCode")
        texts = (
            [each.get("text") for each in reasons if isinstance(each, dict)]
            if isinstance(reasons, list)
            else []
        )
        words = " ".join(str(text) for text in texts if text).lower()
        if not words:
            raise Refusal(422, "required", "say in reasonCode.text what it is about")
        kept = self.shelf.put("ServiceRequest", {**tree, **self._judged(words)}, patient=patient)
        return 201, kept, shelf.at(kept)

    def _judged(self, words: str) -> dict[str, Any]:
        urgent = any(flag in words for flag in _RED_FLAGS) and "misses-red-flags" not in self.fhir.defects
        if urgent:
            told = "Call 999 now or go to A&E. We have not booked a routine appointment."
            return {"priority": "stat", "patientInstruction": told}
        until = next_working_day(datetime.now(UTC))
        return {"priority": "routine", "occurrencePeriod": {"end": until.isoformat(timespec="seconds")}}

    async def services(self, _: Request, __: Client) -> Answer:
        """GET HealthcareService: when requests are taken."""
        days = ["mon", "tue", "wed", "thu", "fri"]
        closes = "16:00:00" if "closes-early" in self.fhir.defects else _CLOSES
        hours = {"daysOfWeek": days, "availableStartTime": _OPENS, "availableEndTime": closes}
        service = {
            "resourceType": "HealthcareService",
            "id": "online",
            "active": True,
            "availableTime": [hours],
        }
        return 200, shelf.bundle([service]), {}


def next_working_day(now: datetime) -> datetime:
    """The same time on the next day that is no Saturday or Sunday."""
    then = now + timedelta(days=1)
    while then.weekday() >= _SATURDAY:
        then += timedelta(days=1)
    return then
