"""What R4's text asks of single datatypes beyond their structure: codings, quantities, attachments, dates."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Any

from carespine.fhir.faults import shown
from carespine.fhir.fhirpath import ucum
from carespine.fhir.validation.findings import ERROR, WARNING
from carespine.fhir.validation.places import Place
from carespine.fhir.validation.scope import Scope

Check = Callable[[Any, Place, Scope], None]
# Ours: centuries in which the dates of a record lie. The official validator warns likewise, from 1900 on.
_YEARS = ("18", "19", "20")
_CODINGS_KEPT = 65536
_MAY_BE_URN = frozenset({"urn", "oid", "uui"})
_URN_FORMS = {
    "oid": re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch,
    "uuid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch,
}


def coding(value: Any, place: Place, scope: Scope) -> None:
    """A code that its system lacks; a display that is not the code's; a system that is no absolute URI."""
    system, code, display = value.get("system"), value.get("code"), value.get("display")
    if code is None or system is None:
        return
    known = scope.context.compiled.setdefault("codings", {})
    key = (system, code, display)
    found = known.get(key)
    if found is None:
        if len(known) >= _CODINGS_KEPT:
            known.clear()
        found = known[key] = _coding_faults(system, code, display, scope)
    for severity, kind, message in found:
        scope.findings.add(severity, kind, place, message, "display" if kind == "invalid" else "code")


def _coding_faults(system: str, code: str, display: str | None, scope: Scope) -> list[tuple[str, str, str]]:
    terminology = scope.context.terminology
    if ":" not in system:
        return [(ERROR, "code-invalid", f"has the system {shown(system)}; expected an absolute URI.")]
    valid = terminology.validate_code(system, code)
    if valid is None and "/ValueSet/" in system and scope.context.find("ValueSet", system) is not None:
        message = f"names the value set {system} as its system; expected the code system of the code."
        return [(ERROR, "code-invalid", message)]
    if valid is False:
        return [
            (
                ERROR,
                "code-invalid",
                f"has the code {shown(code)}, which the code system {system} does not have.",
            )
        ]
    if display is None:
        return []
    names = terminology.displays(system, code)
    if not names or _plain(display) in {_plain(each) for each in names}:
        return []
    best = next(iter(names))
    message = (
        f"has the display {shown(display)} for the code {shown(code)} of {system}; expected {shown(best)}."
    )
    return [(WARNING, "invalid", message)]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def quantity(value: Any, place: Place, scope: Scope) -> None:
    """A unit that UCUM does not have."""
    if (
        value.get("system") == ucum.SYSTEM
        and isinstance(value.get("code"), str)
        and ucum.unit(value["code"]) is None
    ):
        message = f"has the unit code {shown(value['code'])}, which UCUM does not have."
        scope.findings.add(ERROR, "code-invalid", place, message, "ucum")


def attachment(value: Any, place: Place, scope: Scope) -> None:
    """A size or a SHA-1 hash that is not that of the data."""
    if "data" not in value:
        return
    data = binascii.a2b_base64("".join(value["data"].split()))
    if value.get("size", len(data)) != len(data):
        message = f"says its size is {value['size']} bytes; its data has {len(data)}."
        scope.findings.add(ERROR, "invalid", place, message, "size")
    if (
        "hash" in value
        and binascii.a2b_base64(value["hash"]) != hashlib.sha1(data, usedforsecurity=False).digest()
    ):
        scope.findings.add(ERROR, "invalid", place, "has a hash that is not the SHA-1 of its data.", "hash")


def identifier(value: Any, place: Place, scope: Scope) -> None:
    """A system that is no absolute URI; a URI system whose value is none."""
    system = value.get("system")
    if isinstance(system, str) and ":" not in system:
        message = f"has the system {shown(system)}; expected an absolute URI."
        scope.findings.add(ERROR, "value", place, message, "identifier-system")
    # FHIR R4, datatypes.html#Identifier: under this system the value is itself a URI.
    if system == "urn:ietf:rfc:3986" and ":" not in value.get("value", ":"):
        message = (
            f"has the value {shown(value['value'])}; under the system urn:ietf:rfc:3986 it must be a URI."
        )
        scope.findings.add(ERROR, "value", place, message, "identifier-value")


def date(value: Any, place: Place, scope: Scope) -> None:
    """A year that is more likely a slip than a date."""
    if type(value) is str and value[:2] not in _YEARS:
        message = f"is {shown(value)}; the year is outside 1800 to 2099, please check it."
        scope.findings.add(WARNING, "value", place, message, "sensible-date")


def string(value: Any, place: Place, scope: Scope) -> None:
    """White space at the edges, which is hardly ever meant."""
    if type(value) is str and value and (value[0].isspace() or value[-1].isspace()):
        scope.findings.add(
            WARNING, "value", place, "begins or ends with white space; remove it.", "white-space"
        )


def uri(value: Any, place: Place, scope: Scope) -> None:
    """An OID or a UUID that is none, or that is not written as a URN (FHIR R4, datatypes.html#uri)."""
    if type(value) is not str or value[:3] not in _MAY_BE_URN:
        return
    kind, colon, rest = value.removeprefix("urn:").partition(":")
    form = _URN_FORMS.get(kind)
    if form is None or not colon:
        return
    if not value.startswith("urn:"):
        message = f"is {shown(value)}; expected it to begin with urn:{kind}:."
    elif form(rest) is None:
        message = f"is {shown(value)}, which is no {kind.upper()}."
    else:
        return
    scope.findings.add(ERROR, "value", place, message, "uri")


OF_COMPLEX: dict[str, Check] = {
    "Coding": coding,
    "Quantity": quantity,
    "Age": quantity,
    "Count": quantity,
    "Distance": quantity,
    "Duration": quantity,
    "Attachment": attachment,
    "Identifier": identifier,
}
OF_PRIMITIVE: dict[str, Check] = {
    **dict.fromkeys(("date", "dateTime", "instant"), date),
    **dict.fromkeys(("uri", "url", "canonical"), uri),
    "string": string,
}
