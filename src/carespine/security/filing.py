"""What else is written down when certain resources change: the patient index, organisations, consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir.search import added
from carespine.fhir.subscriptions.asked import names_topic
from carespine.kernel import nhs_number
from carespine.kernel.errors import Conflict, Unprocessable
from carespine.kernel.ids import patient_key
from carespine.security import consent, narratives, relationships
from carespine.security.audit_event import ODS_SYSTEM
from carespine.storage import search_parameters, subscriptions
from carespine.storage.search_parameters import ParameterRow

if TYPE_CHECKING:
    from carespine.storage.database import Connection


def demand(tree: dict[str, Any]) -> None:
    """Refuse what R4's structure permits and this record must not hold: an NHS number that cannot be one."""
    narratives.demand(tree)
    if tree["resourceType"] != "Patient":
        return
    for position, identifier in enumerate(tree.get("identifier", ())):
        value = identifier.get("value")
        if (
            identifier.get("system") == nhs_number.SYSTEM
            and value is not None
            and not nhs_number.is_valid(value)
        ):
            raise Unprocessable(
                "The NHS number is not valid: ten digits, the last of them a Modulus 11 check digit.",
                expression=f"Patient.identifier[{position}].value",
            )


async def file(tx: Connection, tree: dict[str, Any]) -> None:
    """Follow a create or an update of `tree`."""
    if tree["resourceType"] in relationships.TYPES:
        await relationships.file(tx, tree)
    match tree["resourceType"]:
        case "Patient":
            await _file_patient(tx, tree)
        case "Organization":
            await _file_organisation(tx, tree)
        case "Consent":
            await consent.file(tx, tree)
        case "Subscription" if not names_topic(tree):
            await subscriptions.remove(tx, tree["id"])
        case "SearchParameter":
            await _file_parameter(tx, tree)


async def unfile(tx: Connection, resource_type: str, resource_id: str) -> None:
    """Follow a deletion."""
    if resource_type in relationships.TYPES:
        await relationships.unfile(tx, resource_type, resource_id)
    if resource_type == "Patient":
        await tx.execute("delete from patient_index where id = $1", resource_id)
    elif resource_type == "Organization":
        await tx.execute("delete from organisation_index where id = $1", resource_id)
    elif resource_type == "Consent":
        await tx.execute("delete from consent_rule where consent = $1", resource_id)
    elif resource_type == "Subscription":
        await subscriptions.remove(tx, resource_id)
    elif resource_type == "SearchParameter":
        await search_parameters.remove(tx, resource_id)


async def _file_parameter(tx: Connection, tree: dict[str, Any]) -> None:
    """An active SearchParameter is in force from its write on; it can be searched by after $reindex."""
    found = added.parameters(tree) if added.in_force(tree) else {}
    if not found:
        await search_parameters.remove(tx, tree["id"])
        return
    kind, targets = tree["type"], tuple(tree.get("target", ()))
    row = ParameterRow(
        tree["id"], tree["url"], tree["code"], kind, tree["expression"], tuple(sorted(found)), targets
    )
    if rival := await search_parameters.rival(tx, row):
        raise Unprocessable(
            f"There is a search parameter of this name or URL for one of these types already: {rival}.",
            expression="SearchParameter.code",
        )
    await search_parameters.put(tx, row)


def practice_of(patient: dict[str, Any]) -> str | None:
    """The logical id of the Organization where the patient is registered.

    UK Core names the registered practice in generalPractitioner; managingOrganization is asked second.
    """
    candidates = [*patient.get("generalPractitioner", ()), patient.get("managingOrganization") or {}]
    for candidate in candidates:
        kind, _, resource_id = candidate.get("reference", "").partition("/")
        if kind == "Organization" and resource_id:
            return str(resource_id)
    return None


async def _file_patient(tx: Connection, tree: dict[str, Any]) -> None:
    key = patient_key(tree["id"])
    owner = await tx.fetchval(
        "insert into patient_index (patient, id, organisation) values ($1, $2, $3) "
        "on conflict (patient) do update set organisation = excluded.organisation returning id",
        key,
        tree["id"],
        practice_of(tree),
    )
    if owner != tree["id"]:
        raise Conflict("This logical id cannot be used for a Patient: its key is taken. Choose another id.")


async def _file_organisation(tx: Connection, tree: dict[str, Any]) -> None:
    ods = [item.get("value") for item in tree.get("identifier", ()) if item.get("system") == ODS_SYSTEM]
    if not ods or not ods[0]:
        await tx.execute("delete from organisation_index where id = $1", tree["id"])
        return
    await tx.execute(
        "insert into organisation_index (id, ods) values ($1, $2) "
        "on conflict (id) do update set ods = excluded.ods",
        tree["id"],
        ods[0],
    )
