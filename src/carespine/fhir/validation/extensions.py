"""Extensions: whether they are defined, may stand where they stand, and are as their definition says."""

from __future__ import annotations

from typing import Any

from carespine.fhir import definitions, fhirpath
from carespine.fhir.faults import shown
from carespine.fhir.fhirpath.errors import FhirPathError
from carespine.fhir.validation import places, reference_text
from carespine.fhir.validation.findings import ERROR, INFORMATION
from carespine.fhir.validation.places import Place, Spot
from carespine.fhir.validation.scope import Scope

_OWN = "http://hl7.org/fhir/StructureDefinition/"
Tree = dict[str, Any]
# Where R4's own definitions carry an extension that R4 declares for fewer places: it is held to what it does.
_MORE_CONTEXTS: dict[str, list[Tree]] = {
    f"{_OWN}structuredefinition-fhir-type": [{"type": "element", "expression": "ElementDefinition.type"}],
    f"{_OWN}regex": [{"type": "element", "expression": "ElementDefinition.type"}],
    f"{_OWN}structuredefinition-normative-version": [
        {"type": "element", "expression": "Resource"},
        {"type": "element", "expression": "ElementDefinition"},
    ],
}


def check(value: Tree, place: Place, scope: Scope) -> None:
    """Report what is wrong with one extension."""
    url, modifies = value.get("url"), place[1].name == "modifierExtension"
    if not isinstance(url, str):
        return
    if not reference_text.is_absolute(url):
        if place[0] is None or place[0][1].type != "Extension":
            message = f"has the url {shown(url)}; only within another extension may it be relative."
            scope.findings.add(ERROR, "value", place, message, "extension-url")
        return
    definition = _definition(url, scope)
    if definition is None:
        _unknown(url, modifies, place, scope)
        return
    _modifies(definition, modifies, place, scope)
    _context(definition, value, place, scope)
    scope.engine.check_profile(value, url, place, scope)


def repeated(values: list[Tree], what: Spot, place: Place, scope: Scope) -> None:
    """Report extensions that are given more often than their definition allows."""
    urls = [each.get("url") for each in values]
    for url in dict.fromkeys(each for each in urls if isinstance(each, str) and urls.count(each) > 1):
        definition = _definition(url, scope)
        if definition is None:
            continue
        most = _root(definition).get("max", "*")
        if most != "*" and urls.count(url) > int(most):
            message = f"has {urls.count(url)} extensions {url}; at most {most} may be given."
            scope.findings.add(ERROR, "structure", place, message, url)


def _definition(url: str, scope: Scope) -> Tree | None:
    known: dict[str, Tree | None] = scope.context.compiled.setdefault("extensions", {})
    if url not in known:
        found = scope.context.find("StructureDefinition", url)
        known[url] = found if found is not None and found.get("type") == "Extension" else None
    return known[url]


def _root(definition: Tree) -> Tree:
    for view in ("snapshot", "differential"):
        for element in definition.get(view, {}).get("element", ()):
            if element["path"] == "Extension":
                found: Tree = element
                return found
    return {}


def _unknown(url: str, modifies: bool, place: Place, scope: Scope) -> None:
    if modifies:
        message = (
            f"is the modifier extension {url}, which is not known here; it may change the meaning of what it stands "
            "in, so this must not be processed without knowing it."
        )
        scope.findings.add(ERROR, "extension", place, message, "modifier-extension")
    elif url.startswith(_OWN):
        message = f"is the extension {url}; FHIR R4 defines no extension of that URL."
        scope.findings.add(ERROR, "extension", place, message, "extension-url")
    else:
        message = f"is the extension {url}, which is not known here and was not checked."
        scope.findings.add(INFORMATION, "extension", place, message, "extension-url")


def _modifies(definition: Tree, modifies: bool, place: Place, scope: Scope) -> None:
    declared = _root(definition).get("isModifier", False)
    if declared and not modifies:
        message = f"is {definition['url']}, a modifier; it must be written as modifierExtension."
        scope.findings.add(ERROR, "extension", place, message, "modifier-extension")
    elif modifies and not declared:
        message = f"is {definition['url']}, which is no modifier; it must be written as extension."
        scope.findings.add(ERROR, "extension", place, message, "modifier-extension")


def _context(definition: Tree, value: Tree, place: Place, scope: Scope) -> None:
    contexts = [*definition.get("context", ()), *_MORE_CONTEXTS.get(definition["url"], ())]
    if contexts and not any(_fits(each, place, scope) for each in contexts):
        allowed = ", ".join(str(each.get("expression")) for each in contexts)
        message = f"is the extension {definition['url']}, which may not stand here; it may on: {allowed}."
        scope.findings.add(ERROR, "extension", place, message, "extension-context")
    for expression in definition.get("contextInvariant", ()):
        _context_invariant(expression, definition["url"], value, place, scope)


def _fits(context: Tree, place: Place, scope: Scope) -> bool:
    holder = place[0]
    if holder is None:
        return True  # an extension looked at by itself
    expression = str(context.get("expression", ""))
    match context.get("type"):
        case "element":
            return _is_element(expression, holder)
        case "extension":
            return _is_in_extension(expression, place, scope)
        case "fhirpath":
            return _is_selected(expression, holder, scope)
        case _:
            return True


def _is_element(expression: str, holder: Place) -> bool:
    plain = expression.partition("#")[2] or expression.removeprefix(_OWN)
    if plain == "Element":
        return True  # any element, the resource itself being one
    paths = places.definition_paths(holder)
    if plain in paths or plain in {path.removesuffix("[x]") for path in paths}:
        return True
    type_name = holder[1].type
    return definitions_know(type_name) and definitions.is_a(type_name, plain)


def definitions_know(type_name: str) -> bool:
    """Whether R4 has the type."""
    try:
        definitions.type_definition(type_name)
    except KeyError:
        return False
    return True


def _is_in_extension(expression: str, place: Place, scope: Scope) -> bool:
    url = expression.partition("#")[0]
    holder = node_at(place[0], scope)
    return isinstance(holder, dict) and holder.get("url") == url


def _is_selected(expression: str, holder: Place, scope: Scope) -> bool:
    node = node_at(holder, scope)
    try:
        found = fhirpath.compile(expression).typed(scope.resource, scope.environment)
    except FhirPathError:
        return True  # an expression that cannot be run proves nothing
    return any(each.value is node or each.sibling is node for each in found)


def _context_invariant(expression: str, url: str, value: Tree, place: Place, scope: Scope) -> None:
    holder = node_at(place[0], scope) if place[0] is not None else None
    if not isinstance(holder, dict):
        return
    given = scope.environment
    environment = fhirpath.Environment(
        variables={"extension": value}, resource=given.resource, root_resource=given.root_resource,
        resolve=given.resolve, member_of=given.member_of, conforms_to=given.conforms_to,
    )  # fmt: skip
    type_name = place[0][1].type if definitions_know(place[0][1].type) else None
    try:
        holds = fhirpath.compile(expression).holds(holder, environment, type_name=type_name)
    except FhirPathError:
        return
    if holds is False:
        message = f"is the extension {url}, which may stand here only where `{expression}`."
        scope.findings.add(ERROR, "extension", place, message, "extension-context")


def node_at(place: Place | None, scope: Scope) -> Any:
    """The node at a place within the scope's resource; None if it is not there."""
    if place is None or place == scope.place:
        return scope.resource
    outer, what, position = place
    if outer is None:
        return scope.resource
    holder = node_at(outer, scope)
    if not isinstance(holder, dict):
        return None
    name = what.name + what.type[:1].upper() + what.type[1:] if what.choice else what.name
    found = holder.get(name)
    if position is not None:
        found = found[position] if isinstance(found, list) and position < len(found) else None
    if not isinstance(found, dict):
        sibling = holder.get(f"_{name}")
        return sibling[position] if position is not None and isinstance(sibling, list) else sibling
    return found
