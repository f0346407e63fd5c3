"""Which parts a reference service of each kind is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reference import booking, sandbox
from reference.booking import Booking
from reference.registration import Registration
from reference.shelf import Shelf
from reference.triage import Triage
from wearable import web
from wearable.extra import Extra
from wearable.guard import Guard

PARTS = {
    "record-system": (),
    "patient-app": (),
    "device-app": (),
    "booking-service": ("booking", "triage"),
    "care-programme": ("registration",),
    "virtual-clinic": ("booking", "triage", "registration"),
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
    extra, names, shelf = Extra(), PARTS[parts.kind], Shelf(parts.store)
    if "booking" in names:
        booking.fill(shelf, datetime.now(UTC))
        gated = frozenset([f"sandbox-{sandbox.OUTSIDE}"]) if parts.kind == "virtual-clinic" else frozenset()
        extra += Booking(parts.fhir, shelf, gated).extra()
    if "triage" in names:
        extra += Triage(parts.fhir, shelf).extra()
    if "registration" in names:
        extra += Registration(parts.fhir, shelf).extra()
    return web.build(parts, https_only=https_only, extra=extra)
