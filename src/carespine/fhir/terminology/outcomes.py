"""Outputs of operations as Parameters resources."""

from __future__ import annotations

from typing import Any

from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.validating import Verdict


def parameters(*items: Tree | None) -> Tree:
    """A Parameters resource; items that are None are left out."""
    found = [item for item in items if item is not None]
    return {"resourceType": "Parameters", "parameter": found} if found else {"resourceType": "Parameters"}


def item(name: str, kind: str, value: Any) -> Tree | None:
    """One parameter, `item("display", "String", text)`; None for no value."""
    return None if value is None else {"name": name, f"value{kind}": value}


def parts(name: str, *items: Tree | None) -> Tree:
    """A parameter made of parts."""
    return {"name": name, "part": [item for item in items if item is not None]}


# What a finding is about (a code of HL7's tx-issue-type) -> the issue-type of FHIR that says so.
_ISSUE_TYPES = {
    "code-comment": "business-rule",
    "code-rule": "business-rule",
    "not-found": "not-found",
    "cannot-infer": "not-found",
    "invalid-code": "code-invalid",
    "not-in-vs": "code-invalid",
}
_TX_ISSUE_TYPE = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"


def verdict(found: Verdict, place: str = "") -> Tree:
    """The outputs of $validate-code, those that R5 added included; `place` leads to the code within what was sent."""
    coding = found.coding
    return parameters(
        item("result", "Boolean", found.result),
        item("message", "String", found.message),
        item("display", "String", found.display),
        item("code", "Code", coding and coding.code),
        item("system", "Uri", coding and coding.system),
        item("version", "String", coding and coding.version),
        item("x-caused-by-unknown-system", "Canonical", found.unknown),
        _issues(found, place),
    )


def _issues(found: Verdict, place: str) -> Tree | None:
    if found.kind is None:
        return None
    element = "display" if "display" in found.kind else "code"
    issue = {
        "severity": "warning" if found.result else "error",
        "code": _ISSUE_TYPES.get(found.kind, "invalid"),
        "details": {"coding": [{"system": _TX_ISSUE_TYPE, "code": found.kind}], "text": found.message},
        "expression": [f"{place}{element}"],
    }
    return {"name": "issues", "resource": {"resourceType": "OperationOutcome", "issue": [issue]}}
