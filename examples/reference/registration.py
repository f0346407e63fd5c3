"""Registration with a cap, and screening that follows the patient (BK-06, BK-07)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference import shelf
from reference.booking import ODS
from reference.shelf import Shelf, Tree
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

PROGRAMMES = ("bowel-cancer-screening", "abdominal-aortic-aneurysm-screening")
CAPPED, CAP, UNCAPPED = "V81999", 3, "A81001"
_TYPES = "urn:carespine:episode-type"


@dataclass(slots=True)
class Registration:
    """Episodes of care: one registration a patient, and one for each screening programme."""

    fhir: Fhir
    shelf: Shelf

    def extra(self) -> Extra:
        """What registration adds to the service."""
        return Extra(
            [
                ("POST", "EpisodeOfCare", "create", self.register),
                ("PUT", "EpisodeOfCare/{name}", "update", self.change),
                ("GET", "EpisodeOfCare", "search", self.search),
            ],
            {
                "EpisodeOfCare": (
                    ["create", "update", "search-type"],
                    {"patient": "reference", "type": "token", "status": "token"},
                )
            },
            [Route("/.well-known/screening.json", self.reconciled)],
        )

    async def register(self, request: Request, client: Client) -> Answer:
        """POST EpisodeOfCare of the type registration: refused beyond the site's cap."""
        tree = await shelf.body(request, "EpisodeOfCare")
        patient, site = shelf.referred(tree, "patient"), _site(tree)
        self.fhir.reach(client, patient)
        if any(_active(each, "registration") for each in self.shelf.all("EpisodeOfCare", patient)):
            raise Refusal(409, "duplicate", "the patient is registered already")
        full = self._full(site)
        if "overruns-cap" in self.fhir.defects:
            await asyncio.sleep(0.01)
        if full:
            raise Refusal(422, "business-rule", "the site has reached its cap of registrations")
        kept = self.shelf.put("EpisodeOfCare", _episode(patient, site, "registration"), patient=patient)
        for programme in PROGRAMMES:
            episode = _episode(patient, site, "screening", programme)
            self.shelf.put("EpisodeOfCare", episode, patient=patient)
        return 201, kept, shelf.at(kept)

    def _full(self, site: str) -> bool:
        registered = [
            each
            for each in self.shelf.all("EpisodeOfCare")
            if _active(each, "registration") and _site(each) == site
        ]
        return site == CAPPED and len(registered) >= CAP

    async def change(self, request: Request, client: Client) -> Answer:
        """PUT EpisodeOfCare/id: end a registration, or move it to another site; screening goes with it."""
        old = self.shelf.get("EpisodeOfCare", request.path_params["name"])
        if old is None or not _is(old, "registration"):
            raise Refusal(404, "not-found", "there is no such registration here, or not for you")
        patient = shelf.referred(old, "patient")
        self.fhir.reach(client, patient)
        tree = await shelf.body(request, "EpisodeOfCare")
        shelf.unchanged(request, old)
        site = _site(tree)
        if site != _site(old) and self._full(site):
            raise Refusal(422, "business-rule", "the site has reached its cap of registrations")
        status = "finished" if tree.get("status") == "finished" else "active"
        kept = self.shelf.change("EpisodeOfCare", old["id"], {**old, "status": status, **_managed(site)})
        self._screening(patient, site, status)
        return 200, kept, shelf.at(kept)

    def _screening(self, patient: str, site: str, status: str) -> None:
        """Whoever leaves is screened by nobody here; whoever moves by the new site, and by that one only."""
        for each in self.shelf.all("EpisodeOfCare", patient):
            if _active(each, "screening"):
                lost = "loses-screening" in self.fhir.defects
                after = {"status": "finished" if lost else status, **_managed(site)}
                self.shelf.change("EpisodeOfCare", each["id"], {**each, **after})

    async def search(self, request: Request, client: Client) -> Answer:
        """GET EpisodeOfCare?patient=...&type=...&status=...: of the client's own people."""
        query = request.query_params
        wanted = {query["patient"].rpartition("/")[2]} if "patient" in query else set(client.patients)
        found = [
            each
            for patient in sorted(wanted & client.patients)
            for each in self.shelf.all("EpisodeOfCare", patient)
            if query.get("status") in (None, each["status"])
            and ("type" not in query or _is(each, query["type"].rpartition("|")[2]))
        ]
        return 200, shelf.bundle(found), {}

    async def reconciled(self, _: Request) -> Response:
        """How many of the registered have no, or more than one, organisation that calls them to screening."""
        found = self.shelf.all("EpisodeOfCare")
        people = {shelf.referred(each, "patient") for each in found if _active(each, "registration")}
        calls: dict[tuple[str, str], int] = {}
        for each in found:
            if _active(each, "screening"):
                key = (shelf.referred(each, "patient"), each["type"][1]["coding"][0]["code"])
                calls[key] = calls.get(key, 0) + 1
        counts = [calls.get((who, programme), 0) for who in people for programme in PROGRAMMES]
        told = {
            "as_of": datetime.now(UTC).isoformat(timespec="seconds"),
            "programmes": list(PROGRAMMES),
            "registered": len(people),
            "orphans": sum(count == 0 for count in counts),
            "doubled": sum(count > 1 for count in counts),
        }
        return JSONResponse(told)


def _episode(patient: str, site: str, *types: str) -> Tree:
    return {
        "status": "active",
        "type": [{"coding": [{"system": _TYPES, "code": code}]} for code in types],
        "patient": {"reference": f"Patient/{patient}"},
        **_managed(site),
    }


def _managed(site: str) -> dict[str, Any]:
    return {"managingOrganization": {"identifier": {"system": ODS, "value": site}}}


def _site(tree: Tree) -> str:
    """The ODS code of the managing organisation. Raises Refusal where there is none."""
    managing = tree.get("managingOrganization")
    identifier = managing.get("identifier") if isinstance(managing, dict) else None
    value = identifier.get("value") if isinstance(identifier, dict) else None
    if not isinstance(value, str) or not value:
        raise Refusal(422, "required", "managingOrganization.identifier must name a site")
    return value


def _is(tree: Tree, kind: str) -> bool:
    return any(coding.get("code") == kind for each in tree["type"] for coding in each["coding"])


def _active(tree: Tree, kind: str) -> bool:
    return tree["status"] == "active" and _is(tree, kind)
