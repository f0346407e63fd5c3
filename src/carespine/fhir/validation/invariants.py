"""The invariants of types and profiles: FHIRPath, compiled once, run only where it can fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from carespine.fhir import definitions, fhirpath
from carespine.fhir.fhirpath.errors import FhirPathError
from carespine.fhir.fhirpath.parser import parse
from carespine.fhir.fhirpath.syntax import Call, Expression, External, Member, Variable, children
from carespine.fhir.validation.findings import ERROR, WARNING
from carespine.fhir.validation.native_rules import NATIVE, Native
from carespine.fhir.validation.places import Place
from carespine.fhir.validation.scope import Scope

# Expressions of R4 that say nothing true or false where they must not be held against anyone. By key, with the reason.
OPEN = frozenset(
    {
        "per-1",  # 2012 and 2012-03: which is earlier is open
        "bdl-8",  # an entry without a full URL
        "mdd-1",  # the same of two dateTimes
        "ras-2",  # a prediction in words has no probability to compare
    }
)
# R4 writes the System type where the element has FHIR's own, and `in`, which takes one item, for several.
CORRECTED = {
    "answer is Boolean": "answer is boolean",
    "(when in ('C' | 'CM' | 'CD' | 'CV')).not()": "when.where($this in ('C' | 'CM' | 'CD' | 'CV')).empty()",
}
# Kept by the structure already: an element has a value or children.
KEPT_BY_STRUCTURE = frozenset({"ele-1"})
_CONSTANTS = frozenset({"ucum", "sct", "loinc"})


@dataclass(frozen=True, slots=True)
class Invariant:
    """One constraint of an ElementDefinition on elements of `type_name`.

    `members`: JSON names without which an element cannot break it; None where that cannot be told.
    """

    key: str
    severity: str
    human: str
    expression: str
    type_name: str
    members: frozenset[str] | None
    native: Native | None = None

    def check(self, value: Any, place: Place, scope: Scope) -> None:
        """Report where `value` breaks it."""
        if self.members is not None and self.members.isdisjoint(value):
            return
        if self.native is not None:
            problem = self.native(value, scope)
            if problem is not None:
                self._report(place, scope, problem)
            return
        try:
            holds = fhirpath.compile(self.expression).holds(
                value, scope.environment, type_name=self.type_name
            )
        except FhirPathError as error:
            message = f"could not be checked against the rule {self.key}: {error.detail}."
            scope.findings.add(WARNING, "not-supported", place, message, self.key)
            return
        # A warning without an answer (the name of what has no name) helps nobody; an error without one is an error
        # to the official validator, and several of R4's rules are broken in no other way (drt-1, ras-1).
        if holds is False or (holds is None and self.severity == ERROR and self.key not in OPEN):
            self._report(place, scope, "")

    def _report(self, place: Place, scope: Scope, problem: str) -> None:
        human = self.human.rstrip(". ")
        what = f"{human}; {problem}" if problem else human
        message = f"breaks the rule {self.key}: {what}. It must hold that `{self.expression}`."
        scope.findings.add(self.severity, "invariant", place, message, self.key)


def invariants(rows: Iterable[dict[str, Any]], type_name: str) -> list[Invariant]:
    """The constraints of an element definition as invariants of elements of a type."""
    found = []
    for row in rows:
        if row["key"] in KEPT_BY_STRUCTURE or "expression" not in row:
            continue
        found.append(_invariant(row["key"], row["severity"], row["human"], row["expression"], type_name))
    return found


@cache
def _invariant(key: str, severity: str, human: str, expression: str, type_name: str) -> Invariant:
    for written, meant in CORRECTED.items():
        expression = expression.replace(written, meant)
    native = NATIVE.get((key, expression))
    if native is not None:
        members = native.members
        return Invariant(key, _severity(severity), human, expression, type_name, members, native.check)
    return Invariant(key, _severity(severity), human, expression, type_name, _members(expression, type_name))


def _severity(text: str) -> str:
    return WARNING if text == "warning" else ERROR


def _members(expression: str, type_name: str) -> frozenset[str] | None:
    """The JSON names an element must have for the expression to fail, if that can be told.

    An expression that holds for an empty element, and that reads nothing but the members it names, holds for
    every element without those members.
    """
    try:
        tree = parse(expression)
    except FhirPathError:
        return None
    names = _named(tree)
    if names is None or definitions.is_primitive(type_name):
        return None
    empty = {"resourceType": type_name} if definitions.is_resource(type_name) else {}
    try:
        if fhirpath.compile(expression).holds(empty, type_name=type_name) is not True:
            return None
    except FhirPathError:
        return None
    return frozenset(_json_names(names, type_name))


def _named(tree: Expression) -> set[str] | None:
    """All member names in the expression; None where it reads more than members."""
    names: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case Member(name=name):
                names.add(name)
            case External(name=name) if name not in _CONSTANTS:
                return None
            case Variable(name="this"):
                return None
            case Call(source=None):
                return None  # a function of the element itself
            case _:
                pass
        waiting.extend(children(node))
    return names


def _json_names(names: set[str], type_name: str) -> Iterable[str]:
    elements = definitions.type_definition(type_name).elements
    for name in names:
        element = elements.get(name)
        if element is not None:
            yield from element.json_names
            yield from (f"_{each}" for each in element.json_names)
