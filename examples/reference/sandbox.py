"""The sandbox of a reference service: the wearable core's, and the people and clients that its kind needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference import booking, hooks, identity, pages, registration
from reference.booking import ODS
from reference.identity import restricted
from reference.shelf import Shelf
from wearable import keys, numbers
from wearable import sandbox as core
from wearable.store import Client, Store

# A client whose patient lives in an area for which the virtual service has no accepted evidence.
OUTSIDE = "outside"
# A client whose patient dissented, and a clinician who may break the glass for that patient.
DISSENT, CLINICIAN = "dissent", "clinician"
# A patient who signed in at P5, and a member of staff who signed in with a password alone.
LOW, SINGLE = "low", "single"
_PEOPLE = {
    OUTSIDE: (88_007, "Farrow", "Fern", "1969-02-17"),
    DISSENT: (88_008, "Garth", "Gail", "1955-07-07"),
    CLINICIAN: (88_009, "Hollis", "Hugh", "1977-12-12"),
    LOW: (88_012, "Jarrow", "June", "1971-06-06"),
    SINGLE: (88_013, "Kirk", "Kit", "1983-03-03"),
}
# A patient within the first client's reach whose whereabouts are nobody's business, and where they are.
_RESTRICTED = (88_010, "Ingram", "Isla", "1988-08-18")
_WHEREABOUTS = {
    "address": [{"line": ["7 Quiet Mews"], "city": "Nowhere", "postalCode": "ZZ99 3VZ"}],
    "telecom": [{"system": "phone", "value": "01632 960001"}],
    "generalPractitioner": [{"identifier": {"system": ODS, "value": "Y99999"}}],
}
# The number of a record that was merged into the first client's patient.
_MERGED = 88_011


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
    first = store.client("sandbox-first")
    hidden = store.add_patient_once(numbers.synthetic(_RESTRICTED[0]), *_RESTRICTED[1:])
    store.change_patient(hidden, restricted({**(store.patient(hidden) or {}), **_WHEREABOUTS}))
    if first is not None:
        store.add_to_client(first, hidden)
    own, old = store.patient_id(numbers.synthetic(88_001)), numbers.synthetic(_MERGED)
    kept = Shelf(store)
    kept.claim(f"number/{old}", own)
    kept.claim("merged/superseded-1", own)


def dissented(store: Store) -> frozenset[str]:
    """The patients who dissented."""
    return frozenset([store.patient_id(numbers.synthetic(_PEOPLE[DISSENT][0]))])


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
        "restricted": {
            "patient_id": store.patient_id(numbers.synthetic(_RESTRICTED[0])),
            "nhs_number": numbers.synthetic(_RESTRICTED[0]),
            "family": _RESTRICTED[1],
            "postcode": "ZZ99 3VZ",
            "practice": "Y99999",
        },
        "merged": {
            "superseded_id": "superseded-1",
            "superseded_number": numbers.synthetic(_MERGED),
            "surviving_id": store.patient_id(numbers.synthetic(88_001)),
        },
        "low_assurance": LOW,
        "staff": {"identity": CLINICIAN, "single_factor": SINGLE},
        "sign_in": {"url": "/sign-in", "username": pages.USER},
        "pages": {"paths": ["/start", "/sign-in"]},
        "hooks": {
            "token": hooks.TOKEN,
            "crash": "/hooks/crash",
            "dependency": "/hooks/dependency",
            "outbox": "/hooks/outbox",
            "patience_seconds": max(patience_seconds, 0.5),
        },
        "ods": {"open": identity.OPEN, "closed": identity.CLOSED, "unknown": identity.UNKNOWN},
        "dissent": {"identity": DISSENT, "clinician": CLINICIAN, "patience_seconds": patience_seconds},
    }
