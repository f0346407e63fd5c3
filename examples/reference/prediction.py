"""Predictions that say what they rest on and how sure they are (CS-06). Invented numbers; not for clinical use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference import shelf
from reference.shelf import Shelf
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

_MODEL, _VERSION = "Example risk of admission", "2.1"
_PERCENT = {"unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
_POPULATION = "adults of 18 to 84 years in England"


@dataclass(slots=True)
class Prediction:
    """RiskAssessments, and what is published of the model that made them."""

    fhir: Fhir
    shelf: Shelf

    def fill(self, patient: str) -> None:
        """A prediction for this patient, if there is none yet."""
        sure = {"probabilityDecimal": 0.12}
        if "hides-uncertainty" not in self.fhir.defects:
            low, high = ({"value": value, **_PERCENT} for value in (8, 17))
            sure = {"probabilityRange": {"low": low, "high": high}}
        tree = {
            "status": "final",
            "subject": {"reference": f"Patient/{patient}"},
            "method": {"text": f"{_MODEL} {_VERSION}"},
            "basis": [{"display": "age"}, {"display": "admissions in the last year"}],
            "prediction": [{"outcome": {"text": "unplanned admission within a year"}, **sure}],
            "note": [{"text": f"Intended for {_POPULATION}"}],
        }
        self.shelf.put("RiskAssessment", tree, patient=patient, name=f"risk-{patient}")

    def extra(self) -> Extra:
        """What is added to the service."""
        return Extra(
            [("GET", "RiskAssessment", "search", self.search)],
            {"RiskAssessment": (["search-type"], {"patient": "reference"})},
            [Route("/.well-known/models.json", self.models)],
        )

    async def search(self, request: Request, client: Client) -> Answer:
        """GET RiskAssessment?patient=..."""
        asked = request.query_params.get("patient", "").rpartition("/")[2]
        wanted = {asked} & client.patients if asked else client.patients
        found = [each for who in sorted(wanted) for each in self.shelf.all("RiskAssessment", who)]
        return 200, shelf.bundle(found), {}

    async def models(self, _: Request) -> Response:
        """The calibration of each model, measured again every month."""
        age = timedelta(days=200 if "stale-calibration" in self.fhir.defects else 12)
        model = {
            "name": _MODEL,
            "version": _VERSION,
            "population": _POPULATION,
            "evaluated": (datetime.now(UTC) - age).date().isoformat(),
            "people": 41_000,
            "c_statistic": 0.77,
            "calibration_slope": 0.98,
        }
        return JSONResponse({"models": [model]})
