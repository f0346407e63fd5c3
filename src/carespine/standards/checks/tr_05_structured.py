"""TR-05: what somebody must work with comes as data, not as a picture of data."""

from __future__ import annotations

from typing import Any

from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

# Attachments that a machine cannot read as data.
_PICTURES = ("application/pdf", "image/", "application/msword", "application/vnd.openxmlformats")


def is_picture_only(document: dict[str, Any]) -> bool:
    """Whether every attachment is a picture, and nothing structured is named as belonging to it."""
    kinds = [
        str((each.get("attachment") or {}).get("contentType", ""))
        for each in document.get("content", [])
        if isinstance(each, dict)
    ]
    related = (document.get("context") or {}).get("related") or document.get("relatesTo")
    return bool(kinds) and not related and all(kind.startswith(_PICTURES) for kind in kinds)


@check(
    "TR-05",
    "structured",
    title="Documents carry their data as data",
    quote="Structured data, not PDF, for any data the recipient must process.",
    expected="Each DocumentReference of the sandbox's patients has an attachment that a machine "
    "reads (FHIR, XML, JSON, "
    "text) beside any PDF, or names the resources that hold the same in context.related.",
    advice="Send the structured letter, and the PDF for those who print it.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    search = [("patient", context.first.patient_id), ("_count", "200")]
    answer = await context.fhir("GET", "DocumentReference", identity=context.first, params=search)
    if answer.status in {404, 405, 501}:
        return context.skipped(f"the service offers no DocumentReferences to look at ({answer})")
    found = [each for each in answer.resources if each.get("resourceType") == "DocumentReference"]
    if not found:
        return context.skipped("the first identity's patient has no DocumentReference to look at")
    faults = [
        Fault(f"DocumentReference/{each.get('id')} is a picture alone", answer.n)
        for each in found
        if is_picture_only(each)
    ]
    return context.judge(faults, tried=len(found), came=f"{len(found)} documents carry data as data")
