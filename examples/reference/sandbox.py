"""The sandbox of a reference service: the wearable core's, and the people and clients that its kind needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference import booking, registration
from wearable import keys, numbers
from wearable import sandbox as core
from wearable.store import Client, Store

# A client whose patient lives in an area for which the virtual service has no accepted evidence.
OUTSIDE = "outside"
_PEOPLE = {OUTSIDE: (88_007, "Farrow", "Fern", "1969-02-17")}


def _jwks(data: Path) -> dict[str, dict[str, Any]]:
    path = data / "reference-keys.json"
    if not path.exists():
        keys.write_private(path, json.dumps({name: keys.new_key() for name in _PEOPLE}))
    tree: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return tree


def fill(store: Store, data: Path) -> None:
    """Put the additional people and clients into the store, if they are not there yet."""
    jwks = _jwks(data)
    for name, (index, *who) in _PEOPLE.items():
        patient = store.add_patient_once(numbers.synthetic(index), *who)
        store.add_client_once(Client(f"sandbox-{name}", keys.public(jwks[name]), frozenset([patient])))


def _identity(store: Store, name: str, jwk: dict[str, Any]) -> dict[str, Any]:
    number = numbers.synthetic(_PEOPLE[name][0])
    return {
        "name": name,
        "client_id": f"sandbox-{name}",
        "jwk": jwk,
        "alg": keys.ALGORITHM,
        "patient_id": store.patient_id(number),
        "nhs_number": number,
    }


def config(store: Store, data: Path, *, patience_seconds: float = 5.0) -> dict[str, Any]:
    """What `carespine standards check --config` needs, whatever the kind. What takes its time takes no longer
    than `patience_seconds`.
    """
    tree = core.config(store, data)
    tree["identities"] += [_identity(store, name, jwk) for name, jwk in _jwks(data).items()]
    return tree | {
        "booking": {
            "organisations": list(booking.ORGANISATIONS),
            "unreleased_slot": booking.UNRELEASED,
            "patience_seconds": patience_seconds,
        },
        "gates": {
            "outside": OUTSIDE,
            "capped_site": registration.CAPPED,
            "other_site": registration.UNCAPPED,
            "cap": registration.CAP,
        },
    }
