"""What a validation has found so far."""

from __future__ import annotations

from carespine.fhir.validation import places
from carespine.fhir.validation.places import Place
from carespine.kernel.errors import Issue

ERROR, WARNING, INFORMATION = "error", "warning", "information"
# Ours: enough to repair a resource with; a bundle of thousands would otherwise repeat one mistake for ever.
MAX_ISSUES = 1000


class Findings:
    """Issues in the order in which they were met, each once."""

    __slots__ = ("_seen", "issues")

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._seen: set[tuple[str | None, str]] = set()

    def add(self, severity: str, code: str, place: Place | str, message: str, rule: str = "") -> None:
        """`code` is from issue-type, `message` a sentence that follows the place: `has no ...`."""
        where = place if isinstance(place, str) else places.text(place)
        key = (where, message)
        if key not in self._seen and len(self.issues) < MAX_ISSUES:
            self._seen.add(key)
            self.issues.append(Issue(code, f"{where} {message}", where, severity, rule))

    def has_errors(self) -> bool:
        """Whether anything found is an error."""
        return any(issue.severity in ("error", "fatal") for issue in self.issues)

    def extend(self, other: Findings) -> None:
        """Take over what another has found."""
        for issue in other.issues:
            key = (issue.expression, issue.diagnostics)
            if key not in self._seen and len(self.issues) < MAX_ISSUES:
                self._seen.add(key)
                self.issues.append(issue)
