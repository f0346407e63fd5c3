"""Who a person is: restricted and merged records, organisations that exist, and scored matches (ID-04 to ID-07)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from reference import shelf
from reference.shelf import Shelf, Tree
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

# Organisations of the sandbox, and until which day each is open; a real service asks the register of the NHS.
OPEN, CLOSED, UNKNOWN = "A81001", "A89999", "ZZ999"
_ODS = {OPEN: True, "B82002": True, "V81999": True, CLOSED: False}
_RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
_MOST = 50


def restricted(patient: Tree) -> Tree:
    """The patient as a record whose whereabouts are not told."""
    return {**patient, "meta": {"security": [_RESTRICTED]}}


@dataclass(slots=True)
class Identity:
    """Reads and searches of people, in place of the core's."""

    fhir: Fhir
    shelf: Shelf

    def extra(self) -> Extra:
        """What replaces the core's routes for people, and what is added to them."""
        return Extra(
            [
                ("POST", "Patient/$match", "search", self.match),
                ("GET", "Patient/{name}", "read", self.read),
                ("GET", "Patient", "search", self.search),
                ("POST", "Patient", "create", self.create),
            ]
        )

    def _surviving(self, name: str) -> str:
        """The id of the record that stands for this one now."""
        merged = {} if "forgets-merges" in self.fhir.defects else self.shelf.claimed()
        return merged.get(f"merged/{name}", name)

    async def read(self, request: Request, client: Client) -> Answer:
        """GET Patient/id: the surviving record where this one was merged into another."""
        name = self._surviving(request.path_params["name"])
        return await self.fhir.read_patient(client, name)

    async def search(self, request: Request, client: Client) -> Answer:
        """GET Patient?...: a number that belongs to a merged record finds the surviving one."""
        query = request.query_params
        merged = self.shelf.claimed().get(f"number/{query.get('identifier', '').rpartition('|')[2]}")
        if merged and "forgets-merges" not in self.fhir.defects:
            status, tree, _ = await self.fhir.read_patient(client, merged)
            return status, shelf.bundle([tree]), {}
        return await self.fhir.search_patients(client, query)

    async def create(self, request: Request, client: Client) -> Answer:
        """POST Patient: the managing organisation must exist and be open."""
        tree = await shelf.body(request, "Patient")
        managing = tree.get("managingOrganization")
        if managing is not None and "accepts-closed-organisations" not in self.fhir.defects:
            identifier = managing.get("identifier") if isinstance(managing, dict) else None
            code = identifier.get("value") if isinstance(identifier, dict) else None
            if not _ODS.get(str(code), False):
                raise Refusal(
                    422, "code-invalid", "managingOrganization is no organisation that is open today"
                )
        return await self.fhir.create_patient(client, request)

    async def match(self, request: Request, client: Client) -> Answer:
        """POST Patient/$match: scored, the best first, fifty at most."""
        try:
            parameters = json.loads(await request.body())["parameter"]
            wanted = next(each["resource"] for each in parameters if each["name"] == "resource")
            asked = _facts(wanted)
        except (ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
            raise Refusal(400, "structure", "$match takes Parameters with a Patient as resource") from error
        people = [each for name in client.patients if (each := self.fhir.store.patient(name))]
        scored = [(_score(asked, _facts(each)), each) for each in people]
        best = sorted((each for each in scored if each[0] > 0), key=lambda each: -each[0])[:_MOST]
        if "orders-matches-badly" in self.fhir.defects:
            best = [(1.0, each) for _, each in reversed(best)]
        entries = [
            {"resource": self.fhir.shown(each), "search": {"mode": "match", "score": score}}
            for score, each in best
        ]
        return (
            200,
            {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries},
            {},
        )


def _facts(patient: Tree) -> dict[str, Any]:
    name = (patient.get("name") or [{}])[0]
    return {
        "family": str(name.get("family", "")).lower(),
        "given": str((name.get("given") or [""])[0]).lower(),
        "birthDate": patient.get("birthDate", ""),
    }


def _score(asked: dict[str, Any], found: dict[str, Any]) -> float:
    given = {name: value for name, value in asked.items() if value}
    alike = sum(found[name] == value for name, value in given.items())
    return round(alike / len(asked), 2) if given else 0.0
