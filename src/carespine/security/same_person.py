"""The wrong-patient control of every write: a subject's reference and NHS number must name one person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.kernel import nhs_number
from carespine.kernel.errors import Unprocessable
from carespine.storage import resources

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# The elements of R4 by which a resource says whom it is about.
_ELEMENTS = ("subject", "patient", "beneficiary")


async def demand(tx: Connection, trees: Sequence[dict[str, Any]]) -> None:
    """Refuse what names one patient by reference and another by NHS number. Raises Unprocessable.

    Does NOT compare where a resource gives a reference alone, or where the patient's record holds no NHS number.
    """
    claims = [claim for tree in trees for claim in _claims(tree)]
    if not claims:
        return
    here = {tree["id"]: tree for tree in trees if tree["resourceType"] == "Patient"}
    elsewhere = [("Patient", name) for name, _, _ in claims if name not in here]
    # Whether the actor reaches the patient was asked before; here nothing is shown, two numbers are compared.
    stored = await resources.read_many(tx, elsewhere, lambda *_: "true")
    here |= {name: json_text.read(row.body) for (_, name), row in stored.items() if not row.deleted}
    for name, number, place in claims:
        numbers = _numbers(here.get(name, {}))
        if numbers and number not in numbers:
            raise Unprocessable(
                "The reference and the NHS number name two different people; nothing was written.",
                expression=place,
            )


def _claims(tree: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The patient's id, the NHS number that stands beside it, and where."""
    for element in _ELEMENTS:
        subject = tree.get(element)
        if not isinstance(subject, dict) or "identifier" not in subject:
            continue
        kind, _, name = str(subject.get("reference", "")).rpartition("/")
        identifier = subject["identifier"]
        if kind.rpartition("/")[2] == "Patient" and identifier.get("system") == nhs_number.SYSTEM:
            yield name, str(identifier.get("value")), f"{tree['resourceType']}.{element}.identifier"


def _numbers(patient: dict[str, Any]) -> set[str]:
    return {
        str(each.get("value"))
        for each in patient.get("identifier", ())
        if each.get("system") == nhs_number.SYSTEM and "value" in each
    }
