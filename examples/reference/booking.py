"""Slots, appointments and the waiting list (BK-01, BK-02, BK-03, BK-05)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference import shelf
from reference.shelf import Shelf, Tree
from wearable.errors import Refusal
from wearable.extra import Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
ORGANISATIONS = ("A81001", "B82002")
UNRELEASED = "B82002-unreleased"
# GP Connect: slots are searched for 14 days at most.
_WINDOW = timedelta(days=14)
_LONDON = ZoneInfo("Europe/London")
_DAYS, _A_DAY, _MINUTES = 13, 16, 15
# When the wait began, when a slot was first offered, when it was booked; the fourth is Appointment.start.
WAIT = "urn:carespine:wait"


def fill(kept: Shelf, now: datetime) -> None:
    """Put the coming days' slots on the shelf, if they are not there yet."""
    for organisation in ORGANISATIONS:
        actor = {"identifier": {"system": ODS, "value": organisation}, "display": organisation}
        kept.put("Schedule", {"active": True, "actor": [actor]}, name=f"{organisation}-gp")
        for day in range(1, _DAYS + 1):
            first = datetime.combine((now + timedelta(days=day)).date(), time(9), tzinfo=_LONDON)
            for place in range(_A_DAY):
                _slot(kept, organisation, first + timedelta(minutes=_MINUTES * place), place)
    held = datetime.combine((now + timedelta(days=2)).date(), time(14), tzinfo=_LONDON)
    kept.put("Slot", _tree("B82002", held) | {"released": False}, name=UNRELEASED)


def _slot(kept: Shelf, organisation: str, start: datetime, place: int) -> None:
    kept.put("Slot", _tree(organisation, start), name=f"{organisation}-{start:%Y%m%d}-{place:02d}")


def _tree(organisation: str, start: datetime) -> Tree:
    return {
        "schedule": {"reference": f"Schedule/{organisation}-gp"},
        "status": "free",
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=_MINUTES)).isoformat(),
    }


@dataclass(slots=True)
class Booking:
    """The verbs of booking. `may_book` is what another part adds: why this client may not book, or None."""

    fhir: Fhir
    shelf: Shelf
    closed_to: frozenset[str] = frozenset()
    booked: int = field(default=0)

    def extra(self) -> Extra:
        """What booking adds to the service."""
        return Extra(
            [
                ("GET", "Slot", "search", self.search_slots),
                ("POST", "Appointment", "create", self.book),
                ("GET", "Appointment", "search", self.search_appointments),
                ("GET", "Appointment/{name}", "read", self.read),
                ("PUT", "Appointment/{name}", "update", self.change),
            ],
            {
                "Slot": (["search-type"], {"start": "date", "status": "token"}),
                "Appointment": (
                    ["read", "create", "update", "search-type"],
                    {"patient": "reference", "status": "token"},
                ),
            },
            [Route("/.well-known/waits.json", self.waits)],
        )

    async def search_slots(self, request: Request, client: Client) -> Answer:
        """GET Slot?start=ge...&start=lt...: free and released ones, of every organisation."""
        first, last = self._window(request.query_params)
        closed = client.client_id in self.closed_to and "ignores-area-gate" not in self.fhir.defects
        taken = self.shelf.claimed()
        found = [
            {name: value for name, value in each.items() if name != "released"}
            for each in self.shelf.all("Slot")
            if not closed
            and each["id"] not in taken
            and (each.get("released", True) or "shows-unreleased-slots" in self.fhir.defects)
            and first <= datetime.fromisoformat(each["start"])
            and datetime.fromisoformat(each["end"]) <= last
        ]
        schedules = self.shelf.all("Schedule") if found else []
        return 200, shelf.bundle(found, included=schedules), {}

    def _window(self, query: QueryParams) -> tuple[datetime, datetime]:
        bounds: dict[str, datetime] = {}
        for text in query.getlist("start"):
            try:
                bounds[text[:1]] = datetime.fromisoformat(text[2:].replace(" ", "+"))
            except ValueError as error:
                raise Refusal(
                    400, "value", "start must be an instant with a prefix: ge, and lt or le"
                ) from error
        if set(bounds) != {"g", "l"} or any(each.tzinfo is None for each in bounds.values()):
            raise Refusal(
                400, "required", "say from when (start=ge...) and until when (start=le...), with a zone"
            )
        if bounds["l"] - bounds["g"] > _WINDOW and "any-search-window" not in self.fhir.defects:
            raise Refusal(422, "value", "slots are searched for 14 days at most")
        return bounds["g"], bounds["l"]

    async def book(self, request: Request, client: Client) -> Answer:
        """POST Appointment: one slot, one patient, once. With status `waitlist`: a place on the waiting list."""
        tree = await shelf.body(request, "Appointment")
        patient = _patient(tree)
        self.fhir.reach(client, patient)
        if client.client_id in self.closed_to and "ignores-area-gate" not in self.fhir.defects:
            raise Refusal(403, "business-rule", "the service is not open to people of this area yet")
        if tree.get("status") == "waitlist":
            kept = self.shelf.put("Appointment", tree, patient=patient)
            return 201, kept, shelf.at(kept)
        return await self._taken(tree, patient, self._free(tree))

    async def _taken(self, tree: Tree, patient: str, slot: Tree) -> Answer:
        careless = "double-books" in self.fhir.defects
        if careless:
            free = slot["id"] not in self.shelf.claimed()
            await asyncio.sleep(0.01)
        kept = self._kept(tree, slot)
        made = self.shelf.put("Appointment", kept, patient=patient)
        if not (self.shelf.claim(slot["id"], made["id"]) or (careless and free)):
            self.shelf.remove("Appointment", made["id"])
            raise Refusal(409, "duplicate", "the slot is taken")
        self.booked += 1
        return 201, made, shelf.at(made)

    def _free(self, tree: Tree) -> Tree:
        """The slot that the appointment names. Raises Refusal where there is no such slot to be had."""
        slots = tree.get("slot")
        named = slots[0] if isinstance(slots, list) and len(slots) == 1 else None
        slot = self.shelf.get("Slot", shelf.referred({"slot": named}, "slot"))
        if slot is None or (
            not slot.get("released", True) and "shows-unreleased-slots" not in self.fhir.defects
        ):
            raise Refusal(422, "business-rule", "there is no such slot")
        return slot

    def _kept(self, tree: Tree, slot: Tree) -> Tree:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        asked = tree.get("created") if isinstance(tree.get("created"), str) else now
        times: list[Tree] = [
            {"url": "offered", "valueDateTime": now},
            {"url": "booked", "valueDateTime": now},
        ]
        if "forgets-when-asked" not in self.fhir.defects:
            times.insert(0, {"url": "asked", "valueDateTime": asked})
        return {
            **tree,
            "status": "booked",
            "start": slot["start"],
            "end": slot["end"],
            "extension": [{"url": WAIT, "extension": times}],
        }

    async def read(self, request: Request, client: Client) -> Answer:
        """GET Appointment/id"""
        found = self._own(client, request.path_params["name"])
        return 200, found, shelf.at(found)

    def _own(self, client: Client, name: str) -> Tree:
        found = self.shelf.get("Appointment", name)
        if found is None:
            raise Refusal(404, "not-found", "there is no such appointment here, or not for you")
        self.fhir.reach(client, _patient(found))
        return found

    async def search_appointments(self, request: Request, client: Client) -> Answer:
        """GET Appointment?patient=...: the client's own people only."""
        query = request.query_params
        wanted = {query["patient"].rpartition("/")[2]} if "patient" in query else set(client.patients)
        found = [
            each
            for patient in sorted(wanted & client.patients)
            for each in self.shelf.all("Appointment", patient)
            if query.get("status") in (None, each["status"])
        ]
        return 200, shelf.bundle(found), {}

    async def change(self, request: Request, client: Client) -> Answer:
        """PUT Appointment/id: cancel it, or move it to another slot."""
        old = self._own(client, request.path_params["name"])
        tree = await shelf.body(request, "Appointment")
        shelf.unchanged(request, old)
        if _patient(tree) != _patient(old):
            raise Refusal(422, "business-rule", "an appointment cannot move to another patient")
        before = shelf.referred({"slot": (old.get("slot") or [{}])[0]}, "slot")
        if tree.get("status") == "cancelled":
            kept = self.shelf.change("Appointment", old["id"], {**old, "status": "cancelled"})
            self._freed(before)
            return 200, kept, shelf.at(kept)
        slot = self._free(tree)
        if slot["id"] != before and not self.shelf.claim(slot["id"], old["id"]):
            raise Refusal(409, "duplicate", "the slot is taken")
        moved = {**old, "status": "booked", "slot": tree["slot"], "start": slot["start"], "end": slot["end"]}
        kept = self.shelf.change("Appointment", old["id"], moved)
        if slot["id"] != before:
            self._freed(before)
        return 200, kept, shelf.at(kept)

    def _freed(self, slot: str) -> None:
        """A slot is free again, and whoever waits longest is offered it."""
        if "keeps-cancelled-slots" in self.fhir.defects or not slot:
            return
        self.shelf.release(slot)
        waiting = [each for each in self.shelf.all("Appointment") if each["status"] == "waitlist"]
        if waiting and "forgets-waiting-list" not in self.fhir.defects:
            first = waiting[0]
            offer = {**first, "status": "proposed", "slot": [{"reference": f"Slot/{slot}"}]}
            self.shelf.change("Appointment", first["id"], offer)

    async def waits(self, _: Request) -> Response:
        """How long people wait, by organisation: from asking to being seen."""
        found: dict[str, list[float]] = {}
        for each in self.shelf.all("Appointment"):
            wait = _wait_days(each)
            if wait is not None:
                organisation = each["slot"][0]["reference"].rpartition("/")[2].partition("-")[0]
                found.setdefault(organisation, []).append(wait)
        measures = [
            {"organisation": name, "booked": len(days), "median_days": sorted(days)[len(days) // 2]}
            for name, days in sorted(found.items())
        ]
        return JSONResponse({"as_of": datetime.now(UTC).isoformat(timespec="seconds"), "measures": measures})


def _patient(tree: Tree) -> str:
    """The one patient among the participants. Raises Refusal where there is not exactly one."""
    participants = tree.get("participant")
    named = [
        str(each["actor"]["reference"]).rpartition("/")[2]
        for each in (participants if isinstance(participants, list) else [])
        if shelf.referred(each, "actor") and str(each["actor"]["reference"]).startswith("Patient/")
    ]
    if len(named) != 1:
        raise Refusal(422, "required", "an appointment is for one patient, named as Patient/id")
    return named[0]


def _wait_days(tree: Tree) -> float | None:
    parts: list[Any] = [each["extension"] for each in tree.get("extension", []) if each.get("url") == WAIT]
    asked = [each["valueDateTime"] for each in parts[0] if each["url"] == "asked"] if parts else []
    if not asked or tree["status"] == "cancelled" or "start" not in tree:
        return None
    began = datetime.fromisoformat(asked[0])
    waited = datetime.fromisoformat(tree["start"]) - (began if began.tzinfo else began.replace(tzinfo=UTC))
    return round(waited.total_seconds() / 86_400, 1)
