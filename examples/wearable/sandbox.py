"""The sandbox: synthetic people and test clients, so that anybody can check the service without asking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wearable import keys, numbers
from wearable.store import Client, Store

GLUCOSE_LOINC, GLUCOSE_UNIT = "15074-8", "mmol/L"
THROTTLED_REQUESTS, THROTTLED_SECONDS = 30, 10
# The people, by index into the synthetic range of NHS numbers: (index, family, given, birth date).
_PEOPLE = (
    (88_001, "Ashdown", "Amina", "1961-03-04"),
    (88_002, "Bexley", "Boris", "1974-11-21"),
    (88_003, "Croft", "Chris", "1980-06-15"),
    (88_004, "Croft", "Chris", "1980-06-15"),
    (88_005, "Dunmore", "Dilys", "1950-01-30"),
    (88_006, "Elwick", "Ewan", "1992-09-09"),
)
_CLIENTS = ("first", "second", "throttled", "registrar", "auditor", "revoked")


def _jwks(data: Path) -> dict[str, dict[str, Any]]:
    """The private keys of the test clients, by name; made once."""
    path = data / "sandbox-keys.json"
    if not path.exists():
        keys.write_private(path, json.dumps({name: keys.new_key() for name in _CLIENTS}))
    tree: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return tree


def fill(store: Store, data: Path) -> None:
    """Put the people and clients of the sandbox into the store, if they are not there yet."""
    ids = [store.add_patient_once(numbers.synthetic(index), *who) for index, *who in _PEOPLE]
    amina, boris, _, _, dilys, ewan = ids
    jwks = _jwks(data)
    reach = {"first": [amina, dilys], "second": [boris], "throttled": [ewan], "revoked": [amina]}
    for name in _CLIENTS:
        store.add_client_once(
            Client(
                client_id=f"sandbox-{name}",
                key=keys.public(jwks[name]),
                patients=frozenset(reach.get(name, [])),
                role={"registrar": "registrar", "auditor": "auditor"}.get(name, "app"),
                revoked=name == "revoked",
                rate=(THROTTLED_REQUESTS, THROTTLED_SECONDS) if name == "throttled" else None,
            )
        )
    store.refuse_consent(dilys, "*")
    store.refuse_consent(amina, GLUCOSE_LOINC)


def config(store: Store, data: Path) -> dict[str, Any]:
    """What `carespine standards check --config` needs: test identities with their private keys, and where
    they stand.
    """
    jwks = _jwks(data)
    numbers_of = [numbers.synthetic(index) for index, *_ in _PEOPLE]
    patients = {number: store.patient_id(number) for number in numbers_of}
    own = {
        "first": numbers_of[0],
        "second": numbers_of[1],
        "throttled": numbers_of[5],
        "revoked": numbers_of[0],
    }
    twin = _PEOPLE[2]
    return {
        "identities": [
            {
                "name": name,
                "client_id": f"sandbox-{name}",
                "jwk": jwks[name],
                "alg": keys.ALGORITHM,
                "patient_id": patients[own[name]] if name in own else "",
                "nhs_number": own.get(name, ""),
            }
            for name in _CLIENTS
        ],
        "registrar": "registrar",
        "auditor": "auditor",
        "revoked": "revoked",
        "twins": {"family": twin[1], "given": twin[2], "birth_date": twin[3]},
        "throttle": {"identity": "throttled", "requests": THROTTLED_REQUESTS, "seconds": THROTTLED_SECONDS},
        "consent": {
            "patient_id": patients[numbers_of[4]],
            "refused_loinc": GLUCOSE_LOINC,
            "refused_unit": GLUCOSE_UNIT,
        },
    }
