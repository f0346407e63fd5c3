"""FHIR Consent turned into rows that SQL can ask: who may see which class of data, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.fhir.search import moments
from carespine.security.compartment import patient_key_of
from carespine.storage.instants import FIRST, LAST, instant

if TYPE_CHECKING:
    from carespine.storage.database import Connection

EVERY_CLASS = "*"
# What narrows a provision in R4 beyond recipient, class and period.
_NARROWING = ("action", "code", "data", "dataPeriod", "purpose", "securityLabel")
_INHERITED = ("actor", "class", "period", *_NARROWING)


@dataclass(frozen=True, slots=True)
class Rule:
    """One recipient and one data class of a Consent, permitted or denied within a period."""

    recipient: str
    data_class: str
    permit: bool
    starts: datetime
    ends: datetime


def rules(consent: dict[str, Any]) -> list[Rule]:
    """What a Consent says, as rules; a Consent that is not active says nothing.

    A refusal at any depth counts, and as a whole. A permission counts where the rules can say it as it is
    meant: not one for some purpose or code only, nor an exception with exceptions of its own.
    """
    if consent.get("status") != "active":
        return []
    return list(_walk(consent.get("provision") or {}, {}, depth=0))


def _walk(provision: dict[str, Any], outer: dict[str, Any], *, depth: int) -> Iterator[Rule]:
    """The rules of a provision and of its exceptions, which inherit from it what they do not say themselves."""
    whole = {**outer, **{name: provision[name] for name in _INHERITED if name in provision}}
    permit = provision.get("type", "deny") == "permit"
    is_plain = depth == 0 or (depth == 1 and "provision" not in provision)
    if not permit:
        yield from _rules({**whole, "class": provision.get("class", ())}, permit=False)
    elif is_plain and not any(name in whole for name in _NARROWING):
        yield from _rules(whole, permit=True)
    for exception in provision.get("provision", ()):
        yield from _walk(exception, whole, depth=depth + 1)


def _rules(provision: dict[str, Any], *, permit: bool) -> Iterator[Rule]:
    recipients = [_recipient(actor) for actor in provision.get("actor", ())]
    classes = [coding.get("code") for coding in provision.get("class", ())] or [EVERY_CLASS]
    period = provision.get("period") or {}
    starts, ends = _instant(period.get("start"), FIRST), _instant(period.get("end"), LAST, end=True)
    for recipient in recipients:
        for data_class in classes:
            if recipient and data_class:
                yield Rule(recipient, data_class, permit, starts, ends)


def _recipient(actor: dict[str, Any]) -> str | None:
    reference = actor.get("reference") or {}
    found = reference.get("identifier", {}).get("value") or reference.get("reference")
    return found if isinstance(found, str) else None


def _instant(text: str | None, default: datetime, *, end: bool = False) -> datetime:
    if not text:
        return default
    low, high = moments.interval(text)
    return instant(high if end else low)


async def file(tx: Connection, consent: dict[str, Any], *, deleted: bool = False) -> None:
    """Replace the rows of this Consent by what it says now."""
    patient = patient_key_of(consent)
    await tx.execute("delete from consent_rule where consent = $1", consent["id"])
    merged: dict[tuple[str, str], Rule] = {}
    for rule in () if deleted else rules(consent):
        key = (rule.recipient, rule.data_class)
        if key not in merged or not rule.permit:  # within one Consent a refusal stands above a permission
            merged[key] = rule
    await tx.executemany(
        "insert into consent_rule (patient, consent, recipient, data_class, permit, starts, ends) "
        "values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (patient, consent["id"], rule.recipient, rule.data_class, rule.permit, rule.starts, rule.ends)
            for rule in merged.values()
        ],
    )


async def permitted_classes(
    connection: Connection, patient: int, recipient: str, *, now: datetime
) -> frozenset[str]:
    """The data classes the patient lets this recipient see now; EVERY_CLASS among them means all not denied.

    A denied class is never in the answer.
    """
    rows = await connection.fetch(
        "select data_class, bool_and(permit) as permit from consent_rule "
        "where patient = $1 and recipient = $2 and starts <= $3 and ends > $3 group by data_class",
        patient,
        recipient,
        now,
    )
    return frozenset(row["data_class"] for row in rows if row["permit"])


async def permits(
    connection: Connection, patient: int, recipient: str, data_class: str, *, now: datetime
) -> bool:
    """Whether the patient lets this recipient see this class of data now."""
    return bool(
        await connection.fetchval(
            "select coalesce(bool_and(permit), false) from consent_rule "
            "where patient = $1 and recipient = $2 and data_class in ($3, '*') and starts <= $4 and ends > $4",
            patient,
            recipient,
            data_class,
            now,
        )
    )
