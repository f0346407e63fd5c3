"""Which parts a reference service of each kind is made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from reference import booking, sandbox
from reference.booking import Booking
from reference.emergency import Emergency
from reference.hooks import Hooks
from reference.identity import Identity
from reference.letters import Letters
from reference.pages import Pages
from reference.prediction import Prediction
from reference.registration import Registration
from reference.shelf import Shelf
from reference.staff import Staff
from reference.triage import Triage
from wearable import web
from wearable.extra import Extra
from wearable.guard import Guard

PARTS = {
    "record-system": ("hooks", "identity", "staff", "emergency", "letters"),
    "patient-app": ("identity", "staff", "pages"),
    "device-app": (),
    "booking-service": ("hooks", "identity", "staff", "pages", "booking", "triage"),
    "care-programme": ("hooks", "identity", "staff", "registration", "prediction"),
    "virtual-clinic": (
        "hooks",
        "identity",
        "staff",
        "pages",
        "emergency",
        "letters",
        "booking",
        "triage",
        "registration",
    ),
}


def service(kind: str, *, data: Path, base: str, defects: frozenset[str] = frozenset()) -> web.Service:
    """Open the data folder of a service of this kind, and fill its sandbox."""
    product = f"Reference {kind.replace('-', ' ')}"
    parts = web.service(product, data=data, base=base, defects=defects)
    parts.kind = kind
    sandbox.fill(parts.store, data)
    return parts


def build(parts: web.Service, *, https_only: bool = False) -> Guard:
    """The ASGI application of a service of its kind."""
    shelf, first = Shelf(parts.store), parts.store.client("sandbox-first")
    people = sorted(first.patients) if first else []
    extra = Extra()
    for name in PARTS[parts.kind]:
        extra += _PARTS[name](parts, shelf, people)
    return web.build(parts, https_only=https_only, extra=extra)


def _booking(parts: web.Service, shelf: Shelf, _: list[str]) -> Extra:
    booking.fill(shelf, datetime.now(UTC))
    gated = frozenset([f"sandbox-{sandbox.OUTSIDE}"]) if parts.kind == "virtual-clinic" else frozenset()
    return Booking(parts.fhir, shelf, gated).extra()


def _emergency(parts: web.Service, shelf: Shelf, _: list[str]) -> Extra:
    dissented = sandbox.dissented(parts.store)
    if "answers-in-spite-of-dissent" not in parts.defects:
        parts.fhir.hidden |= dissented
    breakers = frozenset([f"sandbox-{sandbox.CLINICIAN}"])
    return Emergency(parts.fhir, shelf, breakers).extra()


def _letters(parts: web.Service, shelf: Shelf, people: list[str]) -> Extra:
    letters = Letters(parts.fhir, shelf)
    for patient in people:
        letters.fill(patient)
    return letters.extra()


def _prediction(parts: web.Service, shelf: Shelf, people: list[str]) -> Extra:
    prediction = Prediction(parts.fhir, shelf)
    for patient in people:
        prediction.fill(patient)
    return prediction.extra()


_PARTS: dict[str, Callable[[web.Service, Shelf, list[str]], Extra]] = {
    "booking": _booking,
    "emergency": _emergency,
    "hooks": lambda parts, shelf, _: Hooks(parts, shelf).extra(),
    "pages": lambda parts, _, __: Pages(parts).extra(),
    "staff": lambda parts, _, __: Staff(parts).extra(),
    "identity": lambda parts, shelf, _: Identity(parts.fhir, shelf).extra(),
    "letters": _letters,
    "prediction": _prediction,
    "registration": lambda parts, shelf, _: Registration(parts.fhir, shelf).extra(),
    "triage": lambda parts, shelf, _: Triage(parts.fhir, shelf).extra(),
}
