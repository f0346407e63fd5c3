"""The organisation register: three practices and a hospital, where they are, and who works there."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.demo.practice import codes
from carespine.demo.practice.addresses import Address
from carespine.demo.practice.story_people import (
    HOSPITAL,
    PLACES,
    PRACTICE,
    SECOND_PRACTICE,
    STAFF,
    THIRD_PRACTICE,
    Place,
    Staff,
)
from carespine.demo.practice.trees import Tree, coded, reference

# Telephone numbers from Ofcom's drama range for Leeds; postcodes as in addresses.py.
_WHERE: dict[str, tuple[Address, str]] = {
    PRACTICE.id: (Address(("2 Larkfield Lane",), "Leeds", "West Yorkshire", "ZZ1 1AA"), "0113 496 0001"),
    SECOND_PRACTICE.id: (
        Address(("41 Moorside View",), "Pudsey", "West Yorkshire", "ZZ6 2BD"),
        "0113 496 0002",
    ),
    THIRD_PRACTICE.id: (Address(("7 Beck Hill",), "Otley", "West Yorkshire", "ZZ8 3EF"), "0113 496 0003"),
    HOSPITAL.id: (
        Address(("St Werburgh's Hospital", "Quarry Bank"), "Leeds", "West Yorkshire", "ZZ2 4GH"),
        "0113 496 0004",
    ),
}
# The words people use, and a standard code where one means the same: HL7's practitioner-role.
_STANDARD_ROLE = {"general practitioner": "doctor", "hospital doctor": "doctor", "nurse": "nurse"}
_PRACTITIONER_ROLE = f"{codes.TERMINOLOGY}practitioner-role"


def register() -> Iterator[Tree]:
    """Organisations, locations, practitioners and their roles, each after what it refers to."""
    for place in PLACES:
        yield _organisation(place)
    for place in PLACES:
        yield _location(place)
    for number, staff in enumerate(STAFF, start=1):
        yield _practitioner(staff, number)
    for staff in STAFF:
        yield _practitioner_role(staff)


def location_id(place: Place) -> str:
    return f"location-{place.id}"


def _organisation(place: Place) -> Tree:
    address, phone = _WHERE[place.id]
    return {
        "resourceType": "Organization",
        "id": place.id,
        "identifier": [{"use": "official", "system": codes.ODS_CODE, "value": place.ods_code}],
        "active": True,
        "type": [coded(codes.ORGANISATION_TYPE, "prov", "Healthcare Provider")],
        "name": place.name,
        "telecom": [{"system": "phone", "value": phone, "use": "work"}],
        "address": [address.tree(use="work")],
    }


def _location(place: Place) -> Tree:
    address, phone = _WHERE[place.id]
    return {
        "resourceType": "Location",
        "id": location_id(place),
        "status": "active",
        "name": place.name,
        "mode": "instance",
        "telecom": [{"system": "phone", "value": phone, "use": "work"}],
        "address": address.tree(use="work"),
        "managingOrganization": reference("Organization", place.id, place.name),
    }


def _practitioner(staff: Staff, number: int) -> Tree:
    return {
        "resourceType": "Practitioner",
        "id": staff.id,
        # Spine user ids have twelve digits; 9990... is a block of ours and names nobody on Spine.
        "identifier": [{"system": codes.SDS_USER, "value": f"9990{number:08d}"}],
        "active": True,
        "name": [
            {"use": "official", "family": staff.family, "given": [staff.given], "prefix": [staff.title]}
        ],
        "gender": staff.gender,
    }


def _practitioner_role(staff: Staff) -> Tree:
    role = coded(codes.STAFF_ROLE, staff.role.replace(" ", "-"), staff.role.capitalize())
    if staff.role in _STANDARD_ROLE:
        standard = _STANDARD_ROLE[staff.role]
        role["coding"].append(
            {"system": _PRACTITIONER_ROLE, "code": standard, "display": standard.capitalize()}
        )
    role["text"] = staff.role.capitalize()
    return {
        "resourceType": "PractitionerRole",
        "id": staff.role_id,
        "active": True,
        "practitioner": reference("Practitioner", staff.id, staff.name),
        "organization": reference("Organization", staff.place.id, staff.place.name),
        "code": [role],
        "location": [reference("Location", location_id(staff.place), staff.place.name)],
    }
