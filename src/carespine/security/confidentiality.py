"""Security labels: how confidential a resource is, who is cleared for it, and whose whereabouts are secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.fhir import codec, json_text
from carespine.kernel.errors import Forbidden
from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.security.actor import Actor

if TYPE_CHECKING:
    from carespine.storage.database import Connection
    from carespine.storage.rows import Stored, Write

NORMAL, RESTRICTED, VERY_RESTRICTED = 0, 1, 2
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_LEVELS = {"R": RESTRICTED, "V": VERY_RESTRICTED}
# HL7 v3 ActCode, value set InformationSensitivityPolicy: the categories that UK practice treats as sensitive, and
# their neighbours. https://terminology.hl7.org/ValueSet-v3-InformationSensitivityPolicy.html
_SENSITIVE = frozenset(
    {
        "ALC", "BH", "DVD", "ETH", "ETHUD", "GDIS", "HIV", "MENCAT", "MH", "OPIOIDUD", "PREGNANT", "PSY", "PSYTHPN",
        "SA", "SDV", "SEX", "SICKLE", "SPI", "STD", "SUD", "TBOO", "VIO",
    }
)  # fmt: skip
# Ours: who may see restricted resources of the patients they reach. Very restricted ones: nobody, but in an emergency.
_CLEARED_ROLES = frozenset({"general practitioner", "patient"})
# What of a restricted patient everybody may see who reaches them: who they are, and nothing of where.
_OPEN_ELEMENTS = frozenset(
    {
        "resourceType", "id", "meta", "implicitRules", "language", "identifier", "active", "name", "gender",
        "birthDate", "deceasedBoolean", "deceasedDateTime",
    }
)  # fmt: skip
# Search parameters of Patient that ask for those elements alone.
OPEN_PARAMETERS = frozenset(
    {
        "_id", "_lastUpdated", "_profile", "_security", "_source", "_tag", "active", "birthdate", "death-date",
        "deceased", "family", "gender", "given", "identifier", "name", "phonetic",
    }
)  # fmt: skip
# Types that show where a restricted patient lives: nobody else sees them.
HOMES = frozenset({"RelatedPerson"})
# Types that show where a restricted patient is looked after: those who look after them there see them.
PLACES = frozenset({"Account", "CareTeam", "Coverage", "Encounter", "EpisodeOfCare"})
PLACES_FOR_APPS = PLACES | {"Appointment", "AppointmentResponse"}
_IDENTIFIER_PARTS = ("use", "type", "system", "value")


def level(tree: dict[str, Any]) -> int:
    """How confidential the labels say that a resource is."""
    return max((_level(label) for label in tree.get("meta", {}).get("security", ())), default=NORMAL)


def _level(label: dict[str, Any]) -> int:
    system, code = label.get("system"), label.get("code")
    if system in (_CONFIDENTIALITY, None) and code in _LEVELS:
        return _LEVELS[code]
    return RESTRICTED if system in (_ACT_CODE, None) and code in _SENSITIVE else NORMAL


def clearance(actor: Actor) -> int:
    """Up to which level the actor sees resources, of the patients whom they reach. An app has none of its own."""
    if actor.kind in ("open", "system"):
        return VERY_RESTRICTED
    return RESTRICTED if actor.role in _CLEARED_ROLES and not actor.proxy else NORMAL


def sees_whereabouts(actor: Actor, patient: int) -> bool:
    """Whether the actor sees where a restricted patient is: the patient themself, and the platform's own jobs."""
    if actor.kind in ("open", "system"):
        return True
    return actor.kind == "patient" and not actor.proxy and actor.patient_key == patient


def concealed(actor: Actor, item: Stored) -> Stored:
    """A current version, which carries its label itself; a restricted Patient without their whereabouts."""
    if item.type != "Patient" or b'"security"' not in item.body or sees_whereabouts(actor, item.patient):
        return item
    if level(json_text.read(item.body)) == NORMAL:
        return item
    return msgspec.structs.replace(item, body=without_whereabouts(item.body))


async def concealed_versions(connection: Connection, actor: Actor, items: Sequence[Stored]) -> list[Stored]:
    """The same for versions of which some may be from before the label: the patient's label of now counts."""
    asked = {
        item.patient for item in items if item.type == "Patient" and not sees_whereabouts(actor, item.patient)
    }
    if not asked:
        return list(items)
    rows = await connection.fetch(
        "select patient from restricted_patient where patient = any($1::bigint[])", sorted(asked)
    )
    restricted = {row["patient"] for row in rows}
    return [
        msgspec.structs.replace(item, body=without_whereabouts(item.body))
        if item.type == "Patient" and item.patient in restricted and item.body
        else concealed(actor, item)
        for item in items
    ]


async def hides_whereabouts(connection: Connection, actor: Actor, patient: int) -> bool:
    """Whether this actor must not learn where this patient is."""
    return not sees_whereabouts(actor, patient) and bool(
        await connection.fetchval("select true from restricted_patient where patient = $1", patient)
    )


def without_whereabouts(body: bytes) -> bytes:
    """The JSON of a Patient, with who they are and nothing of where."""
    tree = json_text.read(body)
    kept = {name: value for name, value in tree.items() if name.removeprefix("_") in _OPEN_ELEMENTS}
    for name, shown in _SHOWN_PARTS.items():
        if name in kept:
            kept[name] = [shown(each) for each in kept[name]]
    return codec.encode(kept)


def _open_identifier(identifier: dict[str, Any]) -> dict[str, Any]:
    return {name: identifier[name] for name in _IDENTIFIER_PARTS if name in identifier}


def _open_name(name: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in name.items() if "xtension" not in part}


# Elements of a restricted Patient that are shown in part: identifiers without who gave them, names without extensions.
_SHOWN_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "identifier": _open_identifier,
    "name": _open_name,
}


def _with_parts(
    sent: Sequence[dict[str, Any]],
    stored: Sequence[dict[str, Any]],
    shown: Callable[[dict[str, Any]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """What was sent, each with the parts that are hidden of the one it was: the same in what is shown, or else the
    one at its place."""
    left, found = list(stored), []
    for each in sent:
        same = next((one for one in left if shown(one) == shown(each)), None)
        if same is not None:
            left.remove(same)
        found.append((each, same))
    made = []
    for place, (each, same) in enumerate(found):
        here = stored[place] if place < len(stored) and stored[place] in left else None
        if same is None and here is not None:
            left.remove(here)
        was = same if same is not None else here or {}
        hidden = {name: value for name, value in was.items() if name not in shown(was)}
        made.append({**shown(each), **hidden})
    return made


def demand_label(tree: dict[str, Any], before: dict[str, Any], actor: Actor, patient: int) -> None:
    """Raise Forbidden where the labels would say less than they do, and the writer is not cleared to decide that.

    For a Patient that is whoever sees their whereabouts, which the label keeps secret.
    """
    was = level(before)
    if level(tree) >= was:
        return
    is_patient = tree["resourceType"] == "Patient"
    cleared = sees_whereabouts(actor, patient) if is_patient else clearance(actor) >= was
    if not cleared:
        raise Forbidden(
            "The security label of this resource may not be lowered or left out by you: send meta.security as it is."
        )


def with_hidden(tree: dict[str, Any], previous: Stored | None, actor: Actor) -> dict[str, Any]:
    """A Patient to be stored, with what its writer could not see as it was: nothing hidden is lost or changed.

    What the writer sends in a hidden element is not taken.
    """
    if tree["resourceType"] != "Patient" or previous is None or previous.deleted:
        return tree
    stored = json_text.read(previous.body)
    if level(stored) == NORMAL or sees_whereabouts(actor, previous.patient):
        return tree
    open_part = {name: value for name, value in tree.items() if name.removeprefix("_") in _OPEN_ELEMENTS}
    hidden = {name: value for name, value in stored.items() if name.removeprefix("_") not in _OPEN_ELEMENTS}
    for name, shown in _SHOWN_PARTS.items():
        if open_part.get(name):
            open_part[name] = _with_parts(open_part[name], stored.get(name, ()), shown)
    return {**open_part, **hidden}


async def file(tx: Connection, trees: Sequence[dict[str, Any]], writes: Sequence[Write]) -> None:
    """Follow writes: note the labels of each new version, and whose whereabouts are secret from now on."""
    touched = [
        (tree, write, level(tree))
        for tree, write in zip(trees, writes, strict=True)
        if "security" in tree.get("meta", {})
        or (write.previous is not None and b'"security"' in write.previous.body)
    ]
    for tree, write, found in touched:
        await tx.execute(
            "update resource_label set current = false, patient = $3 where rid = $2 and patient = $1",
            write.previous.patient if write.previous else write.patient,
            write.rid,
            write.patient,
        )
        hidden = found if write.type != "Patient" or found > RESTRICTED else NORMAL
        if hidden and write.patient != NOT_PATIENT_SCOPED:
            await tx.execute(
                "insert into resource_label (patient, rid, version, level, current) values ($1, $2, $3, $4, true) "
                "on conflict (patient, rid, version) do update set level = excluded.level, current = true",
                write.patient,
                write.rid,
                write.version,
                hidden,
            )
        if tree["resourceType"] == "Patient":
            await _file_patient(tx, write.patient, restricted=found > NORMAL)


async def _file_patient(tx: Connection, patient: int, *, restricted: bool) -> None:
    if restricted:
        await tx.execute(
            "insert into restricted_patient (patient) values ($1) on conflict do nothing", patient
        )
    else:
        await tx.execute("delete from restricted_patient where patient = $1", patient)
