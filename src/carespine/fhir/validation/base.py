"""Everything R4 itself asks of a resource beyond its structure: one walk, by plans made once per type."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from carespine.fhir import conformance, definitions
from carespine.fhir.definitions import Element
from carespine.fhir.structure import bound_codes
from carespine.fhir.validation import bundles, containment, datatypes, extensions
from carespine.fhir.validation.bindings import CODED, binding_of
from carespine.fhir.validation.invariants import invariants
from carespine.fhir.validation.places import Place, Spot, spot
from carespine.fhir.validation.references import Targets, target_types
from carespine.fhir.validation.scope import Scope

_URL = "http://hl7.org/fhir/StructureDefinition/"
Check = Callable[[Any, Place, Scope], None]
# (value, the object it is in, the place of that object, scope)
Member = Callable[[Any, dict[str, Any], Place, Scope], None]


class Plan:
    """What is checked on values of a type; made when one is first met, since types hold one another."""

    __slots__ = ("_members", "checks", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []
        self._members: dict[str, Member] | None = None

    def run(self, value: dict[str, Any], place: Place, scope: Scope) -> None:
        """Check one object and all in it."""
        members = self._members
        if members is None:
            members = self._prepare()
        for check in self.checks:
            check(value, place, scope)
        for name, item in value.items():
            member = members.get(name)
            if member is not None:
                member(item, value, place, scope)

    def _prepare(self) -> dict[str, Member]:
        self.checks = _own_checks(self.name)
        self._members = _members(self.name)
        return self._members


@cache
def plan(type_name: str) -> Plan:
    """The plan of a resource type, a complex type or a backbone path."""
    return Plan(type_name)


def resource(tree: dict[str, Any], place: Place, scope: Scope) -> None:
    """Check a resource as R4 does."""
    name = tree.get("resourceType")
    if isinstance(name, str) and definitions.is_resource(name):
        plan(name).run(tree, place, scope)


@cache
def _rows(structure: str) -> dict[str, dict[str, Any]]:
    """Path to element definition of R4's definition of a type."""
    tree = conformance.read("StructureDefinition", _URL + structure)
    elements = [] if tree is None else tree["snapshot"]["element"]
    return {element["path"]: element for element in elements}


def _row(path: str) -> dict[str, Any]:
    return _rows(path.partition(".")[0]).get(path, {})


def _own_checks(name: str) -> list[Check]:
    rules = invariants(_row(name).get("constraint", ()), name)
    checks: list[Check] = [rule.check for rule in rules]
    if name in datatypes.OF_COMPLEX:
        checks.append(datatypes.OF_COMPLEX[name])
    if name == "Bundle":
        checks.append(bundles.check)
    if name == "Extension":
        checks.append(extensions.check)
    if definitions.is_a(name, "Resource"):
        checks.append(containment.check)
    return checks


def _members(owner: str) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for json_name, (element, type_name) in definitions.json_elements(owner).items():
        what = spot(owner, element.name, type_name, choice=element.choice)
        checks = _element_checks(owner, element, type_name)
        if definitions.is_primitive(type_name):
            if checks:
                found[json_name] = _primitive(what, checks, many=element.many)
            found[f"_{json_name}"] = _sibling(what, many=element.many)
        elif definitions.is_a(type_name, "Resource"):
            found[json_name] = _nested(what, many=element.many)
        elif type_name == "Extension":
            found[json_name] = _extensions(what)
        else:
            found[json_name] = _complex(what, checks, many=element.many)
    return found


def _element_checks(owner: str, element: Element, type_name: str) -> list[Check]:
    row = _row(f"{owner}.{element.name}[x]" if element.choice else f"{owner}.{element.name}")
    checks: list[Check] = []
    if not type_name.startswith(f"{owner}."):
        of_type = {each["key"] for each in _row(type_name).get("constraint", ())}
        own = [each for each in row.get("constraint", ()) if each["key"] not in of_type]
        checks.extend(rule.check for rule in invariants(own, type_name))
    binding = binding_of(row)
    if binding is not None and type_name in CODED and bound_codes(element, type_name) is None:
        checks.append(lambda value, place, scope: binding.check(value, type_name, place, scope))
    if type_name == "Reference":
        checks.append(Targets(target_types(row, "Reference")).check)
    if type_name in datatypes.OF_PRIMITIVE:
        checks.append(datatypes.OF_PRIMITIVE[type_name])
    return checks


def _complex(what: Spot, checks: list[Check], *, many: bool) -> Member:
    run = plan(what.type).run

    def one(value: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        here = (place, what, None)
        for check in checks:
            check(value, here, scope)
        run(value, here, scope)

    def each(values: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        for position, value in enumerate(values):
            here = (place, what, position)
            for check in checks:
                check(value, here, scope)
            run(value, here, scope)

    return each if many else one


def _extensions(what: Spot) -> Member:
    run = plan("Extension").run

    def each(values: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        for position, value in enumerate(values):
            run(value, (place, what, position), scope)
        if len(values) > 1:
            extensions.repeated(values, what, place, scope)

    return each


def _primitive(what: Spot, checks: list[Check], *, many: bool) -> Member:
    def one(value: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        for check in checks:
            check(value, (place, what, None), scope)

    def each(values: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        for position, value in enumerate(values):
            if value is not None:
                for check in checks:
                    check(value, (place, what, position), scope)

    return each if many else one


def _sibling(what: Spot, *, many: bool) -> Member:
    run = plan("Element").run

    def one(value: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        run(value, (place, what, None), scope)

    def each(values: Any, _parent: dict[str, Any], place: Place, scope: Scope) -> None:
        for position, value in enumerate(values):
            if value is not None:
                run(value, (place, what, position), scope)

    return each if many else one


def _nested(what: Spot, *, many: bool) -> Member:
    """A resource inside another: contained, an entry's, a parameter's."""

    def check(value: Any, parent: dict[str, Any], place: Place, scope: Scope, position: int | None) -> None:
        here = (
            place,
            Spot(what.label, what.name, what.owner, value.get("resourceType", "Resource")),
            position,
        )
        if what.name == "contained":
            inner = scope.contained(value, here)
        else:
            inner = scope.entry(value, here, parent.get("fullUrl", ""))
        scope.engine.visit(value, here, inner)

    def one(value: Any, parent: dict[str, Any], place: Place, scope: Scope) -> None:
        check(value, parent, place, scope, None)

    def each(values: Any, parent: dict[str, Any], place: Place, scope: Scope) -> None:
        for position, value in enumerate(values):
            check(value, parent, place, scope, position)

    return each if many else one
