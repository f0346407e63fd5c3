"""FHIR Consent turned into rows that SQL can ask: who may see which class of data, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.fhir.search import moments
from carespine.security.actor import TREATMENT
from carespine.security.compartment import patient_key_of
from carespine.storage.instants import FIRST, LAST, instant
from carespine.storage.types import type_numbers

if TYPE_CHECKING:
    from carespine.storage.database import Connection

EVERY_CLASS = EVERY_PURPOSE = EVERYONE = "*"
# What narrows a provision in R4 beyond recipient, class, purpose and period.
_NARROWING = ("action", "code", "data", "dataPeriod", "securityLabel")
# The rules of a patient ($1) that count for a recipient ($2) now ($3) and for a purpose ($4). A refusal to share with
# anyone counts too, but not where the same Consent makes an exception for the recipient.
_COUNTS = """patient = $1 and starts <= $3 and ends > $3 and purpose in ('*', $4) and (recipient = $2 or (
    recipient = '*' and not permit and $2 <> all(exceptions)))"""
_INHERITED = ("actor", "class", "period", "purpose", *_NARROWING)


@dataclass(frozen=True, slots=True)
class Rule:
    """One recipient and one data class of a Consent, permitted or denied within a period."""

    recipient: str
    data_class: str
    permit: bool
    starts: datetime
    ends: datetime
    purpose: str = EVERY_PURPOSE


def rules(consent: dict[str, Any]) -> list[Rule]:
    """What a Consent says, as rules; a Consent that is not active says nothing.

    A refusal at any depth counts, and as a whole; one that names nobody is a refusal to share with anyone
    (dissent). A permission counts where the rules can say it as it is meant: not one for some code only, nor an
    exception with exceptions of its own. A recipient is an app's client id, or an organisation's ODS code.
    """
    if consent.get("status") != "active":
        return []
    dissent = [Rule(EVERYONE, EVERY_CLASS, False, FIRST, LAST)] if _opts_out(consent) else []
    return [*dissent, *_walk(consent.get("provision") or {}, {}, depth=0)]


def _opts_out(consent: dict[str, Any]) -> bool:
    """Whether the policy itself is to share nothing (HL7 v3 ActCode OPTOUT); provisions may make exceptions."""
    codings = (consent.get("policyRule") or {}).get("coding", ())
    return any(coding.get("code") == "OPTOUT" for coding in codings)


def _walk(provision: dict[str, Any], outer: dict[str, Any], *, depth: int) -> Iterator[Rule]:
    """The rules of a provision and of its exceptions, which inherit from it what they do not say themselves."""
    whole = {**outer, **{name: provision[name] for name in _INHERITED if name in provision}}
    permit = provision.get("type", "deny") == "permit"
    is_plain = depth == 0 or (depth == 1 and "provision" not in provision)
    if not permit:
        named = {"class": provision.get("class", ()), "type": provision.get("type")}
        yield from _rules({**whole, **named}, permit=False)
    elif is_plain and not any(name in whole for name in _NARROWING):
        yield from _rules(whole, permit=True)
    for exception in provision.get("provision", ()):
        yield from _walk(exception, whole, depth=depth + 1)


def _rules(provision: dict[str, Any], *, permit: bool) -> Iterator[Rule]:
    recipients = [_recipient(actor) for actor in provision.get("actor", ())]
    if not recipients and provision.get("type") == "deny":
        recipients = [EVERYONE]
    classes = [coding.get("code") for coding in provision.get("class", ())] or [EVERY_CLASS]
    purposes = [coding.get("code") for coding in provision.get("purpose", ())] or [EVERY_PURPOSE]
    period = provision.get("period") or {}
    starts, ends = _instant(period.get("start"), FIRST), _instant(period.get("end"), LAST, end=True)
    for recipient in recipients:
        for data_class in classes:
            for purpose in purposes:
                if recipient and data_class and purpose:
                    yield Rule(recipient, data_class, permit, starts, ends, purpose)


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
    codes = await _codes(tx, consent)
    await tx.execute("delete from consent_rule where consent = $1", consent["id"])
    merged: dict[tuple[str, str, str], Rule] = {}
    for rule in () if deleted else rules(consent):
        rule = replace(rule, recipient=codes.get(rule.recipient, rule.recipient))  # noqa: PLW2901
        key = (rule.recipient, rule.data_class, rule.purpose)
        if key not in merged or not rule.permit:  # within one Consent a refusal stands above a permission
            merged[key] = rule
    excepted = sorted({rule.recipient for rule in merged.values() if rule.permit})
    await tx.executemany(
        "insert into consent_rule (patient, consent, recipient, data_class, permit, starts, ends, purpose, type, "
        "exceptions) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            (
                patient,
                consent["id"],
                rule.recipient,
                rule.data_class,
                rule.permit,
                rule.starts,
                rule.ends,
                rule.purpose,
                type_numbers().get(rule.data_class),
                excepted,
            )
            for rule in merged.values()
        ],
    )


async def _codes(tx: Connection, consent: dict[str, Any]) -> dict[str, str]:
    """The ODS codes of the Organizations that a Consent names by reference."""
    names = {rule.recipient for rule in rules(consent) if rule.recipient.startswith("Organization/")}
    if not names:
        return {}
    rows = await tx.fetch(
        "select id, ods from organisation_index where id = any($1::text[])",
        [name.partition("/")[2] for name in names],
    )
    return {f"Organization/{row['id']}": row["ods"] for row in rows}


async def permitted_classes(
    connection: Connection, patient: int, recipient: str, *, now: datetime, purpose: str = TREATMENT
) -> frozenset[str]:
    """The data classes the patient lets this recipient see now; EVERY_CLASS among them means all not denied.

    A denied class is never in the answer.
    """
    rows = await connection.fetch(
        "select data_class, bool_and(permit) as permit from consent_rule "  # noqa: S608
        f"where {_COUNTS} group by data_class",
        patient,
        recipient,
        now,
        purpose,
    )
    return frozenset(row["data_class"] for row in rows if row["permit"])


async def permits(
    connection: Connection,
    patient: int,
    recipient: str,
    data_class: str,
    *,
    now: datetime,
    purpose: str = TREATMENT,
) -> bool:
    """Whether the patient lets this recipient see this class of data now."""
    return bool(
        await connection.fetchval(
            "select coalesce(bool_and(permit), false) from consent_rule "  # noqa: S608
            f"where {_COUNTS} and data_class in ($5, '*')",
            patient,
            recipient,
            now,
            purpose,
            data_class,
        )
    )
