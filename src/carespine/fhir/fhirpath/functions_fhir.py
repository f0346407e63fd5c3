"""The functions that FHIR adds: extension, hasValue, resolve, memberOf, conformsTo, htmlChecks, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from carespine.fhir.fhirpath import narrative
from carespine.fhir.fhirpath.environment import Environment, Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items, is_type, system
from carespine.fhir.fhirpath.references import resolve as find
from carespine.fhir.fhirpath.registry import (
    Fn,
    Truth,
    argument,
    collection,
    one,
    predicate,
    special,
    special_truth,
)

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call

_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"


def _read(item: Item, name: str) -> Items:
    reader = item[1].readers[name] if type(item) is tuple else None
    return reader(item) if reader is not None else []


@collection("extension", 1, returns="Extension")
def extension(items: Items, url: Items) -> Items:
    wanted = argument(url, "extension")
    found = [each for item in items for each in _read(item, "extension")]
    return [each for each in found if isinstance(each[0], dict) and each[0].get("url") == wanted]


@predicate("hasExtension", 1)
def has_extension(items: Items, url: Items) -> bool:
    """Not in the list of FHIR's functions, but R4's search parameter QuestionnaireResponse item-subject uses it."""
    return bool(extension(items, url))


@predicate("hasValue")
def has_value(items: Items) -> bool:
    """Whether there is exactly one item, a primitive, and it has a value besides any extensions."""
    if len(items) != 1:
        return False
    item = items[0]
    return type(item) is not tuple or (item[1].primitive and item[0] is not None)


@collection("getValue", returns=None)
def get_value(items: Items) -> Items:
    return [system(items[0])] if has_value(items) else []


@special("resolve")
def resolve(compiler: Compiler, call: Call) -> Fn:
    """The resources that references point to; those that cannot be found are left out."""
    source = compiler.source(call)

    def run(item: Item, frame: Frame) -> Items:
        found = (find(each, frame) for each in source(item, frame))
        return [node for node in found if node is not None]

    return run


@special_truth("conformsTo", 1)
def conforms_to(compiler: Compiler, call: Call) -> Truth:
    """Whether a node meets a profile; all but R4's own types need the environment's hook."""
    source, profile = compiler.source(call), compiler.scoped(call.arguments[0])

    def run(item: Item, frame: Frame) -> bool | None:
        node, url = one(source(item, frame), "conformsTo"), argument(profile(item, frame), "conformsTo")
        if node is None or url is None:
            return None
        answer = _asked(frame, "conforms_to", node, str(url))
        if answer is None:
            answer = _is_of_base_type(node, str(url))
        if answer is None:
            raise FhirPathEvaluationError("conformsTo() does not know this profile", call.position)
        return answer

    return run


def _is_of_base_type(node: Item, url: str) -> bool | None:
    name = url.removeprefix(_DEFINITIONS)
    if name == url or not is_type(name):
        return None
    return type(node) is tuple and name in node[1].ancestors


def _asked(frame: Frame, hook: str, node: Item, other: Any) -> bool | None:
    ask: Callable[[Any, Any], bool | None] | None = getattr(frame.environment, hook)
    value = node[0] if type(node) is tuple else node
    return None if ask is None else ask(value, other)


@special_truth("memberOf", 1)
def member_of(compiler: Compiler, call: Call) -> Truth:
    """Whether a code, Coding, CodeableConcept or String is in a value set; None if the set is not known."""
    source, value_set = compiler.source(call), compiler.scoped(call.arguments[0])

    def run(item: Item, frame: Frame) -> bool | None:
        node, url = one(source(item, frame), "memberOf"), argument(value_set(item, frame), "memberOf")
        if node is None or url is None:
            return None
        _require(frame.environment, "member_of", call)
        return _asked(frame, "member_of", node, str(url))

    return run


def _subsumption(name: str, *, turned: bool) -> None:
    @special_truth(name, 1)
    def build(compiler: Compiler, call: Call) -> Truth:
        source, other = compiler.source(call), compiler.scoped(call.arguments[0])

        def run(item: Item, frame: Frame) -> bool | None:
            left, right = one(source(item, frame), name), one(other(item, frame), name)
            if left is None or right is None:
                return None
            _require(frame.environment, "subsumes", call)
            broad, narrow = (right, left) if turned else (left, right)
            return _asked(frame, "subsumes", broad, narrow[0] if type(narrow) is tuple else narrow)

        return run


_subsumption("subsumes", turned=False)
_subsumption("subsumedBy", turned=True)


def _require(environment: Environment, hook: str, call: Call) -> None:
    if getattr(environment, hook) is None:
        raise FhirPathEvaluationError(
            f"{call.name}() needs a terminology; the environment gives no {hook}", call.position
        )


@predicate("htmlChecks")
def html_checks(items: Items) -> bool | None:
    """Whether a narrative's XHTML keeps to R4's rules for it: safe, formatted text that is not empty."""
    item = one(items, "htmlChecks")
    return None if item is None else narrative.fault(system(item)) is None


@collection("checkModifiers", 0, 50)
def check_modifiers(items: Items, *known: Items) -> Items:
    """The input, if it has no modifier extensions besides those named; otherwise an error."""
    urls = {system(each) for argument_ in known for each in argument_}
    for item in items:
        for each in _read(item, "modifierExtension"):
            if each[0].get("url") not in urls:
                raise FhirPathEvaluationError(
                    "there is a modifier extension that the expression does not know"
                )
    return items
