"""A registered person as a FHIR Patient with UK Core's extensions.

No `meta.profile` is claimed: conformance with UK Core is not checked here. Each Patient carries the
security label HTEST (test health data), so that no system can take it for a real one.
"""

from __future__ import annotations

from carespine.demo.practice import codes
from carespine.demo.practice.population import Person
from carespine.demo.practice.story_people import GP, PRACTICE, SECOND_GP, THIRD_GP, Staff
from carespine.demo.practice.trees import Tree, coded, reference
from carespine.kernel import nhs_number

_GPS = (GP, SECOND_GP, THIRD_GP)
# NHS Data Dictionary, ETHNIC CATEGORY (2001 categories), in short.
_ETHNIC = {
    "A": "White - British",
    "B": "White - Irish",
    "C": "White - Any other White background",
    "D": "Mixed - White and Black Caribbean",
    "F": "Mixed - White and Asian",
    "G": "Mixed - Any other mixed background",
    "H": "Asian or Asian British - Indian",
    "J": "Asian or Asian British - Pakistani",
    "K": "Asian or Asian British - Bangladeshi",
    "L": "Asian or Asian British - Any other Asian background",
    "M": "Black or Black British - Caribbean",
    "N": "Black or Black British - African",
    "P": "Black or Black British - Any other Black background",
    "R": "Other Ethnic Groups - Chinese",
    "S": "Other Ethnic Groups - Any other ethnic group",
    "Z": "Not stated",
}


def usual_gp(person: Person) -> Staff:
    """The GP a patient is registered with; the story's patients are with the story's GP."""
    return GP if person.story else _GPS[person.place % len(_GPS)]


def patient(person: Person) -> Tree:
    gp = usual_gp(person)
    given = [person.given, person.middle] if person.middle else [person.given]
    telecom: list[Tree] = [_phone(person.phone)]
    if person.email:
        telecom.append({"system": "email", "value": person.email, "use": "home"})
    return {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {"security": [{"system": codes.ACT_REASON, "code": "HTEST", "display": "test health data"}]},
        "extension": [
            {
                "url": f"{codes.UK_CORE_EXTENSION}EthnicCategory",
                "valueCodeableConcept": coded(
                    codes.ETHNIC_CATEGORY, person.ethnic_category, _ETHNIC[person.ethnic_category]
                ),
            }
        ],
        "identifier": [_nhs_number(person)],
        "active": True,
        "name": [{"use": "official", "family": person.family, "given": given, "prefix": [person.title]}],
        "telecom": telecom,
        "gender": person.sex,
        "birthDate": person.birth_date.isoformat(),
        "address": [person.address.tree(use="home", type="both")],
        "generalPractitioner": [reference("Practitioner", gp.id, gp.name)],
        "managingOrganization": reference("Organization", PRACTICE.id, PRACTICE.name),
    }


def _nhs_number(person: Person) -> Tree:
    return {
        "extension": [
            {
                "url": f"{codes.UK_CORE_EXTENSION}NHSNumberVerificationStatus",
                "valueCodeableConcept": coded(codes.VERIFICATION_STATUS, "01", "Number present and verified"),
            }
        ],
        "use": "official",
        "system": nhs_number.SYSTEM,
        "value": person.nhs_number,
    }


def _phone(number: str) -> Tree:
    return {"system": "phone", "value": number, "use": "mobile" if number.startswith("07") else "home"}
