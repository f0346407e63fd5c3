"""Who may move a patient to another practice, consent in a patient's name, or make a new reason to see them.

A practice that sees a patient for a passing reason (an appointment, an emergency) must not make it a lasting one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.kernel.errors import Forbidden, Unprocessable
from carespine.security import consent, relationships, restriction

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.security.actor import Actor
    from carespine.storage.database import Connection

_CHANGES_PRACTICE = (
    "Only the practice where the patient is registered changes where they are registered: ask it to, or the "
    "national service that registers patients."
)
_CONSENTS = "Consent is recorded by the patient, or by the practice where they are registered."
_WHO_AGREED = (
    "A permission that staff record names who gave it: Consent.performer is the patient, or the RelatedPerson who "
    "agreed for them."
)
_PASSING = "Emergency access ends: it gives no lasting access. Ask the patient, or the practice of their registration."


async def demand(
    tx: Connection,
    actor: Actor,
    tree: dict[str, Any],
    before: dict[str, Any] | None,
    *,
    patient: int,
    now: datetime,
) -> None:
    """Raise Forbidden or Unprocessable where the write would widen who sees the patient, and is not theirs to make.

    `before` is the version that is replaced, None where there is none.
    """
    kind = tree["resourceType"]
    if kind not in relationships.TYPES or actor.kind not in ("practitioner", "app"):
        return
    if kind == "Patient" and relationships.registered(tree) == relationships.registered(before or {}):
        return
    is_staff = actor.kind == "practitioner"
    if is_staff and await restriction.is_related(tx, actor, patient, only="registered"):
        _demand_who_agreed(tree)
        return
    if kind == "Patient":
        raise Forbidden(_CHANGES_PRACTICE)
    if kind == "Consent":
        raise Forbidden(_CONSENTS)
    if patient in actor.emergency and not await restriction.is_related(tx, actor, patient, now=now):
        raise Forbidden(_PASSING)


def _demand_who_agreed(tree: dict[str, Any]) -> None:
    if tree["resourceType"] != "Consent" or not any(rule.permit for rule in consent.rules(tree)):
        return
    agreed = [each.get("reference", "") for each in tree.get("performer", ())]
    if not any(each.startswith("RelatedPerson/") or each == _patient(tree) for each in agreed):
        raise Unprocessable(_WHO_AGREED, expression="Consent.performer")


def _patient(tree: dict[str, Any]) -> str:
    return str((tree.get("patient") or {}).get("reference", ""))
