"""The functions that SQL on FHIR v2 adds: the keys by which rows of two tables are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items
from carespine.fhir.fhirpath.registry import Fn, collection, special
from carespine.fhir.fhirpath.syntax import as_type_name

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call


@collection("getResourceKey", returns="System.String")
def get_resource_key(items: Items) -> Items:
    """The key of a resource: its id."""
    found = (item[0].get("id") for item in items if type(item) is tuple and isinstance(item[0], dict))
    return [key for key in found if key is not None]


@special("getReferenceKey", 0, 1, returns="System.String")
def get_reference_key(compiler: Compiler, call: Call) -> Fn:
    """The keys of the resources that references point to, of one type where it is named."""
    source = compiler.source(call)
    wanted = None
    if call.arguments:
        named = as_type_name(call.arguments[0])
        if named is None:
            raise FhirPathEvaluationError(
                "getReferenceKey() takes the name of a resource type", call.position
            )
        wanted = named.name

    def run(item: Item, frame: Frame) -> Items:
        found = (reference_key(each[0], wanted) for each in source(item, frame) if type(each) is tuple)
        return [key for key in found if key is not None]

    return run


def reference_key(reference: Any, wanted: str | None) -> str | None:
    """The id in `Patient/1`, `Patient/1/_history/2` or an absolute URL that ends so; None for other references.

    A reference of another type than `wanted` has no key.
    """
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return None
    kind, slash, rest = text.partition("/")
    if slash and "/" not in rest and ":" not in kind and kind[:1] != "#":  # as nearly all are written
        return (rest or None) if wanted is None or wanted == kind else None
    if text.startswith(("#", "urn:")):
        return None
    parts = text.partition("/_history/")[0].rsplit("/", 2)
    if len(parts) < 2 or wanted not in (None, parts[-2]):
        return None
    return parts[-1] or None
