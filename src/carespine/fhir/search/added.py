"""SearchParameter resources as parameters of this server: what each would mean, or why it cannot be had."""

from __future__ import annotations

import re
from typing import Any

from carespine.fhir import definitions, fhirpath
from carespine.fhir.definitions import SearchParameter
from carespine.fhir.fhirpath.errors import FhirPathError
from carespine.fhir.search import extraction
from carespine.fhir.search.values import Place, converter
from carespine.kernel.errors import Unprocessable

TYPES = ("number", "date", "string", "token", "reference", "quantity", "uri")
_OFFICIAL = "http://hl7.org/fhir/SearchParameter/"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}")


def in_force(tree: dict[str, Any]) -> bool:
    """Whether a SearchParameter asks for anything that R4 does not give: it is active, and not one of R4's own."""
    return tree.get("status") == "active" and not str(tree.get("url", "")).startswith(_OFFICIAL)


def bases(tree: dict[str, Any]) -> tuple[str, ...]:
    """The concrete resource types that it is for; raises Unprocessable for a name that is none of R4."""
    found: set[str] = set()
    for name in tree.get("base", ()):
        if not definitions.is_resource(name):
            raise Unprocessable(
                f"{name[:60]!r} is not a resource type of R4.", expression="SearchParameter.base"
            )
        found |= {each for each in definitions.resource_types() if definitions.is_a(each, name)}
    return tuple(sorted(found))


def parameters(tree: dict[str, Any]) -> dict[str, SearchParameter]:
    """Resource type -> the parameter as it applies there; a type for which R4 has the same one is left out.

    Raises Unprocessable with the reason where the code is taken, the expression cannot be understood or finds
    nothing that its type can hold, or the kind is one that cannot be added.
    """
    kind, code, expression = tree["type"], tree["code"], tree.get("expression") or ""
    if kind not in TYPES:
        raise _refusal("type", f"A parameter of type {kind} cannot be added; it can be {', '.join(TYPES)}.")
    if not _CODE.fullmatch(code):
        raise _refusal(
            "code", f"{code[:60]!r} cannot be a parameter's name: a letter, then letters, digits, - and _."
        )
    if not expression:
        raise _refusal("expression", "A parameter needs an expression that says where its values are.")
    _demand_fhirpath(expression)
    found = {}
    for base in bases(tree):
        parameter = _applied(tree, base, expression)
        if not _is_known(parameter, base):
            _demand_findable(parameter, base)
            found[base] = parameter
    return found


def _applied(tree: dict[str, Any], base: str, expression: str) -> SearchParameter:
    own = definitions.alternatives_for(expression, base)
    if not own:
        raise _refusal(
            "expression", f"The expression says nothing about {base}, which is one of its base types."
        )
    return SearchParameter(tree["code"], tree["type"], own, tuple(tree.get("target", ())), (), tree["url"])


def _is_known(parameter: SearchParameter, base: str) -> bool:
    """Whether R4 has it already; raises Unprocessable where R4 has another of that name."""
    official = definitions.official_parameters(base).get(parameter.code)
    if official is None:
        return False
    if official.type == parameter.type and official.expression == parameter.expression:
        return True
    raise _refusal(
        "code", f"{base} has a search parameter {parameter.code!r} already, and it means something else."
    )


def _demand_findable(parameter: SearchParameter, base: str) -> None:
    _demand_fhirpath(parameter.expression, base)
    try:
        found = list(extraction.typed_paths(parameter, base))
    except ValueError as error:
        raise _refusal("expression", f"The expression cannot be indexed: {error}.") from error
    place = Place(base, parameter.code, (parameter.code,))
    if not any(converter(parameter.type, path.type, place) for path in found):
        kinds = ", ".join(sorted({path.type for path in found})) or "nothing"
        raise _refusal(
            "expression", f"The expression finds {kinds}, which a {parameter.type} parameter cannot hold."
        )


def _demand_fhirpath(expression: str, base: str | None = None) -> None:
    try:
        compiled = fhirpath.compile(expression)
        if base is not None:
            compiled.check(base)
    except FhirPathError as error:
        raise _refusal("expression", f"The expression cannot be understood: {error.message}") from error


def _refusal(element: str, message: str) -> Unprocessable:
    return Unprocessable(message, expression=f"SearchParameter.{element}")
