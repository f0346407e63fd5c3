"""The demonstration's people at the door: accounts with fresh passwords, listed in a file only the owner reads."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import choice
from typing import TYPE_CHECKING

from carespine.demo.practice import story_people
from carespine.security import accounts
from carespine.security.accounts import Account

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike
_FILE = "demo-sign-ins.json"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One account as the first page of a demonstration shows it."""

    user_name: str
    password: str
    who: str
    sees: str


def _password() -> str:
    return "-".join("".join(choice(_LETTERS) for _ in range(5)) for _ in range(3))


def _staff(username: str, staff: story_people.Staff) -> Account:
    place = staff.place.ods_code
    return Account(username, staff.name, "practitioner", staff.role, place, f"Practitioner/{staff.id}")


def _patient(username: str, patient: story_people.StoryPatient) -> Account:
    return Account(username, patient.name, "patient", "patient", None, f"Patient/{patient.id}")


def _people() -> list[tuple[Account, str]]:
    admin = story_people.ADMINISTRATOR
    administrator = Account(
        "admin",
        admin.name,
        "administrator",
        "administrator",
        admin.place.ods_code,
        f"Practitioner/{admin.id}",
    )
    return [
        (_staff("gp", story_people.GP), "the practice's inbox and its patients' summaries"),
        (_staff("nurse", story_people.NURSE), "the same inbox as the GP"),
        (_staff("reception", story_people.RECEPTIONIST), "names and tasks, no clinical data"),
        (
            _patient("patient", story_people.CONSENTING_PATIENT),
            f"their own readings, and who has looked; NHS number {story_people.CONSENTING_PATIENT.nhs_number}",
        ),
        (administrator, "the register of products and their certificates, no patient data"),
    ]


async def create(tx: Connection, data: Path) -> tuple[SignIn, ...]:
    """Make the accounts with new passwords and write them to the data folder."""
    made = []
    for account, sees in _people():
        password = _password()
        await accounts.save(tx, account, password)
        made.append(SignIn(account.username, password, f"{account.name}, {account.role}", sees))
    path = data / _FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump([asdict(sign_in) for sign_in in made], file, indent=2)
    return tuple(made)
