"""A refusal, and how it is told: a coded OperationOutcome, or an OAuth error at the token endpoint."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """The request is refused; `code` is a FHIR issue-type."""

    def __init__(self, status: int, code: str, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.headers = status, code, text, headers or {}

    def outcome(self) -> dict[str, Any]:
        """The OperationOutcome that says so."""
        return {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": self.code, "diagnostics": self.text}],
        }
