"""The errors of FHIRPath: what was wrong, and at which character of the expression.

Invalid (kernel)
└── FhirPathError
    ├── FhirPathSyntaxError       the text is not an expression
    ├── FhirPathTypeError         the expression cannot mean anything on the types it names
    └── FhirPathEvaluationError   the expression met values that it has no answer for
"""

from __future__ import annotations

from typing import Self

from carespine.kernel.errors import Invalid

_EXCERPT = 60


class FhirPathError(Invalid):
    """A wrong expression. `position` counts characters from 0; `line` and `column` from 1.

    The message never contains values of the resource, only names of types, functions and elements.
    """

    def __init__(self, detail: str, position: int | None = None, source: str | None = None) -> None:
        super().__init__(detail + _place(position, source))
        self.detail = detail
        self.position = position
        self.source = source

    @property
    def line(self) -> int:
        return 1 + (self.source or "").count("\n", 0, self.position or 0)

    @property
    def column(self) -> int:
        before = (self.source or "")[: self.position or 0]
        return len(before) - before.rfind("\n")

    def within(self, source: str) -> Self:
        """The same error with the text of the expression it happened in."""
        return type(self)(self.detail, self.position, source)


class FhirPathSyntaxError(FhirPathError):
    pass


class FhirPathTypeError(FhirPathError):
    pass


class FhirPathEvaluationError(FhirPathError):
    pass


def _place(position: int | None, source: str | None) -> str:
    if position is None or source is None:
        return ""
    before, after = source[:position], source[position:]
    line, column = 1 + before.count("\n"), len(before) - before.rfind("\n")
    rest = " ".join(after[:_EXCERPT].split()) or "the end"
    return f" (line {line}, column {column}, at `{rest}`)"
