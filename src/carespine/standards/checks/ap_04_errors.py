"""AP-04: forty malformed requests get coded errors that give nothing away."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import FHIR_JSON, Context, fault
from carespine.standards.models import Fault, Finding

_TRACE = re.compile(
    r"Traceback \(most recent|File \"[^\"]+\", line \d+|\.py\b.{0,12}line \d+|"
    r"\bat [\w$.]+\([\w]+\.java:\d+\)|goroutine \d+ \[|System\.\w+Exception|node_modules/|"
    r"\bSQLSTATE\b|syntax error at or near|sqlite3?\.\w*Error",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Malformed:
    """One request that no server can carry out."""

    what: str
    method: str
    path: str
    body: bytes | None = None
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def malformed(context: Context) -> list[Malformed]:
    """Forty malformed requests: broken syntax, broken resources, broken addresses, broken searches."""
    good = readings.reading(context, context.first.patient_id)
    cut = json.dumps(good).encode()[: -context.random.randint(1, 60)]
    syntax = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"17",
        b'"text"',
        b"{]",
        cut,
        b"\xff\xfe\x00{",
        b"{'resourceType': 'Observation'}",
    ]
    broken: list[tuple[str, dict[str, Any]]] = [
        ("no resourceType", {name: value for name, value in good.items() if name != "resourceType"}),
        ("another type than the address", {"resourceType": "Device", "id": "a"}),
        ("an unknown type", {**good, "resourceType": "Observashun"}),
        *((f"{name} left out", {k: v for k, v in good.items() if k != name}) for name in ("status", "code")),
        *(
            (f"{name} of the wrong shape", {**good, name: value})
            for name, value in (
                ("status", 7),
                ("status", "finished-ish"),
                ("code", "8867-4"),
                ("subject", []),
                ("category", {"text": "vital"}),
                ("effectiveDateTime", "yesterday"),
                ("effectiveDateTime", "2025-02-30T10:00:00Z"),
                ("effectiveDateTime", "2025-13-01"),
                ("valueQuantity", {"value": "seventy"}),
                ("valueQuantity", 70),
                ("note", "text"),
                (context.random.choice(["heartRate", "pulse", "reading"]), 71),
            )
        ),
    ]
    requests = [Malformed("broken JSON", "POST", "Observation", each) for each in syntax]
    requests += [Malformed(what, "POST", "Observation", json.dumps(tree).encode()) for what, tree in broken]
    requests += [
        Malformed(
            "XML with an entity",
            "POST",
            "Observation",
            _XML,
            headers={"content-type": "application/fhir+xml"},
        ),
        Malformed(
            "a form",
            "POST",
            "Observation",
            b"a=1",
            headers={"content-type": "application/x-www-form-urlencoded"},
        ),
        Malformed("an unknown type", "GET", "Observashun"),
        Malformed("an unknown type", "GET", "patients/1"),
        Malformed("an id that is none", "GET", "Patient/%00"),
        Malformed("an id that is none", "GET", f"Patient/{'a' * 65}"),
        Malformed("an id with a quote", "GET", "Observation/1'%20OR%20'1'='1"),
        Malformed("a date that is none", "GET", "Observation", params=_of(context, "date", "gelastweek")),
        Malformed("a date that is none", "GET", "Observation", params=_of(context, "date", "2025-99-99")),
        Malformed("a count that is none", "GET", "Observation", params=_of(context, "_count", "many")),
        Malformed("an update without a body", "PUT", f"Observation/{context.uuid()}", b"{"),
        Malformed(
            "an id that differs",
            "PUT",
            f"Observation/{context.uuid()}",
            json.dumps({**good, "id": "b"}).encode(),
        ),
        Malformed("a method that is none", "PUT", "Observation/_search", b"{}"),
    ]
    return requests


_XML = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Observation xmlns="http://hl7.org/fhir">&x;</Observation'


def _of(context: Context, name: str, value: str) -> tuple[tuple[str, str], ...]:
    return ("patient", context.first.patient_id), (name, value)


def _judged(answer: Answer, *, what: str, personal: tuple[str, ...]) -> Fault | None:
    if not answer.refused:
        return fault(f"{what} was not refused", answer)
    if not answer.issue_codes:
        return fault(f"the refusal of {what} is not a coded OperationOutcome", answer)
    if _TRACE.search(answer.text):
        return fault(f"the refusal of {what} shows the inside of the program", answer)
    if any(each and each in answer.text for each in personal):
        return fault(f"the refusal of {what} contains personal data", answer)
    return None


@check(
    "AP-04",
    "errors",
    title="Malformed requests get coded errors that leak nothing",
    quote="Errors are coded OperationOutcome, no stack trace or personal data.",
    expected="40 malformed requests are each answered 4xx with an OperationOutcome whose issues carry a FHIR "
    "issue-type code, and with no stack trace, database message or patient's details.",
    advice="Translate every error to an OperationOutcome in one place, and keep the details in your own log.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    own = await context.fhir("GET", f"Patient/{context.first.patient_id}", identity=context.first)
    names = [each for each in own.tree.get("name", []) if isinstance(each, dict)]
    personal = (context.first.nhs_number, *(str(each.get("family", "")) for each in names))
    faults: list[Fault] = []
    requests = malformed(context)
    for each in requests:
        headers = {"content-type": FHIR_JSON, **each.headers} if each.body is not None else each.headers
        answer = await context.fhir(
            each.method,
            each.path,
            identity=context.first,
            headers=headers,
            params=each.params,
            content=each.body,
        )
        found = _judged(answer, what=each.what, personal=personal)
        if found:
            faults.append(found)
    return context.judge(
        faults, tried=len(requests), came=f"{len(requests)} malformed requests refused with a code"
    )
