"""Letters: for people as PDF, and for machines as FHIR beside it (TR-05)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from starlette.requests import Request

from reference import shelf
from reference.shelf import Shelf
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

_PDF = b64encode(b"%PDF-1.4 a letter").decode()


@dataclass(slots=True)
class Letters:
    """DocumentReferences of the client's people."""

    fhir: Fhir
    shelf: Shelf

    def fill(self, patient: str) -> None:
        """A letter to this patient's practice, if there is none yet."""
        content = [{"attachment": {"contentType": "application/pdf", "data": _PDF}}]
        if "pdf-only-letters" not in self.fhir.defects:
            data = b64encode(b'{"resourceType":"Bundle","type":"document"}').decode()
            content.append({"attachment": {"contentType": "application/fhir+json", "data": data}})
        letter = {
            "status": "current",
            "type": {"coding": [{"system": "http://snomed.info/sct", "code": "371531000"}]},
            "subject": {"reference": f"Patient/{patient}"},
            "content": content,
        }
        self.shelf.put("DocumentReference", letter, patient=patient, name=f"letter-{patient}")

    def extra(self) -> Extra:
        """What is added to the service."""
        return Extra(
            [("GET", "DocumentReference", "search", self.search)],
            {"DocumentReference": (["search-type"], {"patient": "reference"})},
        )

    async def search(self, request: Request, client: Client) -> Answer:
        """GET DocumentReference?patient=..."""
        asked = request.query_params.get("patient", "").rpartition("/")[2]
        wanted = {asked} & client.patients if asked else client.patients
        found = [each for who in sorted(wanted) for each in self.shelf.all("DocumentReference", who)]
        return 200, shelf.bundle(found), {}
