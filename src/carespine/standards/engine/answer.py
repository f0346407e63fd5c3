"""What a service answered to one request, as checks look at it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# FHIR R4 value set issue-type: the codes by which an error says what kind it is.
ISSUE_TYPES = frozenset(
    [
        "invalid",
        "structure",
        "required",
        "value",
        "invariant",
        "security",
        "login",
        "unknown",
        "expired",
        "forbidden",
        "suppressed",
        "processing",
        "not-supported",
        "duplicate",
        "multiple-matches",
        "not-found",
        "deleted",
        "too-long",
        "code-invalid",
        "extension",
        "too-costly",
        "business-rule",
        "conflict",
        "transient",
        "lock-error",
        "no-store",
        "exception",
        "timeout",
        "incomplete",
        "throttled",
        "informational",
    ]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One exchange: `n` is its number in the evidence, `seconds` the time to the last byte."""

    n: int
    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the request was done (2xx)."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the request was refused for a reason on the asker's side (4xx)."""
        return 400 <= self.status < 500

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def tree(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is anything else."""
        try:
            tree = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return tree if isinstance(tree, dict) else {}

    @property
    def issue_codes(self) -> tuple[str, ...]:
        """The codes of the OperationOutcome in the body; empty where it is none, or not a proper one."""
        tree = self.tree
        issues = tree.get("issue")
        if tree.get("resourceType") != "OperationOutcome" or not isinstance(issues, list) or not issues:
            return ()
        codes = [issue.get("code") for issue in issues if isinstance(issue, dict)]
        return tuple(code for code in codes if code in ISSUE_TYPES)

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources in the body: a Bundle's entries, or the one resource itself."""
        return _resources(self.tree)

    @property
    def exact_resources(self) -> list[dict[str, Any]]:
        """The same with each decimal as it was written, as FHIR demands of whoever judges or keeps one."""
        try:
            tree = json.loads(self.body, parse_float=Decimal)
        except (ValueError, RecursionError):
            return []
        return _resources(tree) if isinstance(tree, dict) else []

    def header(self, name: str) -> str:
        """One header's value, or the empty string."""
        return self.headers.get(name.lower(), "")

    def __str__(self) -> str:
        return f"{self.method} {self.url.partition('?')[0]} answered {self.status}"


def _resources(tree: dict[str, Any]) -> list[dict[str, Any]]:
    if tree.get("resourceType") != "Bundle":
        return [tree] if tree.get("resourceType") else []
    entries = tree.get("entry")
    return [
        each["resource"]
        for each in (entries if isinstance(entries, list) else [])
        if isinstance(each, dict) and isinstance(each.get("resource"), dict)
    ]
