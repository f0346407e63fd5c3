"""The errors: the tree that is drawn is the tree that is there."""

from __future__ import annotations

import inspect
import re

import pytest

from carespine.kernel import errors
from carespine.kernel.errors import CarespineError, Issue

# FHIR R4, value set issue-type: the codes that our errors use.
ISSUE_TYPES = {
    "invalid", "login", "forbidden", "not-found", "not-supported", "conflict", "deleted", "too-long",
    "throttled", "transient", "exception", "too-costly",
}  # fmt: skip
CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, CarespineError) and found.__module__ == errors.__name__
]


def drawn() -> dict[str, tuple[str, str]]:
    """Each error in the drawing with its parent and its status."""
    found: dict[str, tuple[str, str]] = {}
    parents = ["CarespineError"]
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"^((?:│   |    )*)[├└]── (\w+) .*?(\d{3}|-)$", line):
            depth = len(branch[1]) // 4 + 1
            del parents[depth:]
            parents.append(branch[2])
            found[branch[2]] = (parents[depth - 1], branch[3])
    return found


def test_the_drawing_names_every_error_under_its_parent() -> None:
    there = {each.__name__: each.__mro__[1].__name__ for each in CLASSES if each is not CarespineError}
    assert {name: parent for name, (parent, _) in drawn().items()} == there


def test_the_drawing_gives_every_status() -> None:
    for name, (_, status) in drawn().items():
        if status != "-":
            assert getattr(errors, name).status == int(status), name


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_is_its_sentence_and_makes_one_coded_issue(error: type[CarespineError]) -> None:
    made = error("This cannot be.", expression="Patient.name")
    assert (str(made), made.message) == ("This cannot be.", "This cannot be.")
    assert made.issues == (Issue(error.code, "This cannot be.", "Patient.name", "error"),)
    assert made.headers == {}
    assert error.code in ISSUE_TYPES


def test_an_error_may_bring_its_own_issues_and_headers() -> None:
    issues = [Issue("required", "Patient.name is missing", "Patient.name"), Issue("value", "No such code")]
    made = errors.Unprocessable("Two faults.", issues=issues, headers={"Retry-After": "1"})
    assert made.issues == tuple(issues)
    assert made.headers == {"Retry-After": "1"}


def test_headers_of_one_error_are_not_those_of_another() -> None:
    errors.Unauthenticated("Who?").headers["WWW-Authenticate"] = "Bearer"
    assert errors.Unauthenticated("Who?").headers == {}
