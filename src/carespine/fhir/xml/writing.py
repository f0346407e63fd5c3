"""Writing FHIR XML: a tree's members in the order of R4.

Objects of one type mostly have one of few shapes (sets of members). What to write for a shape, and in which order,
is worked out once and remembered as its plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from carespine.fhir import codec, definitions
from carespine.fhir.structure import MAX_DEPTH
from carespine.fhir.xml.names import FHIR, attributes_of
from carespine.fhir.xml.narrative import NotXhtml, as_xml, problem_of
from carespine.fhir.xml.plans import Append, Form, Plan, Tree, plan_of
from carespine.fhir.xml.primitives import escaped, holds_what_xml_has_not, needs_escape, written
from carespine.kernel.errors import Unprocessable

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
# Ours: codes and URIs escaped once and remembered; shapes remembered per type.
_escaped_again = lru_cache(maxsize=4096)(escaped)
_MOST_SHAPES = 1000


def encode(tree: Any) -> bytes:
    """The XML document of a resource: UTF-8, without white space between elements.

    Raises Unprocessable where the tree breaks the structure of R4 so that it cannot be written, where a
    narrative is not well-formed XHTML, and for the few characters that XML does not have.
    """
    parts = [_HEAD]
    try:
        _resource(tree, parts.append, 0, f' xmlns="{FHIR}"')
        raw = "".join(parts).encode()
    except UnicodeEncodeError as error:
        raise Unprocessable("The resource holds half of a surrogate pair, which XML cannot hold.") from error
    except NotXhtml as problem:
        place = next(_bad_narratives(tree, tree["resourceType"]), None)
        raise Unprocessable(f"{place} cannot be written as XML: {problem}.", expression=place) from problem
    except (KeyError, TypeError, AttributeError) as error:
        codec.check(tree)
        raise Unprocessable("The resource is not one of R4, and cannot be written as XML.") from error
    if holds_what_xml_has_not(raw):
        raise Unprocessable("The resource holds a control character, which XML cannot hold.")
    return raw


def _resource(tree: Any, append: Append, depth: int, namespace: str = "") -> None:
    name = tree["resourceType"]
    if name not in _concrete():
        raise KeyError(name)
    _object_writer(name)(name, tree, append, depth, namespace)


@cache
def _concrete() -> frozenset[str]:
    return frozenset(definitions.resource_types())


@cache
def _object_writer(type_name: str) -> Any:
    """Writes objects of a type: (name of the element, object, where the text goes, depth, attributes)."""
    plans: dict[tuple[str, ...], Plan] = {}
    own_attributes = attributes_of(type_name)
    with_url = "url" in own_attributes

    def write(tag: str, tree: Tree, append: Append, depth: int, attributes: str = "") -> None:  # noqa: PLR0912 -- the hot loop
        if depth > MAX_DEPTH:
            raise TypeError
        depth += 1
        shape = tuple(tree)
        plan = plans.get(shape)
        if plan is None:
            if len(plans) >= _MOST_SHAPES:
                plans.clear()
            plan = plans[shape] = plan_of(type_name, shape)
        if own_attributes:
            append(f"<{tag}{_attributes(tree, with_url=with_url)}>" if plan.attributes else f"<{tag}>")
        else:
            append(f"<{tag}{attributes}>")
        for form, name, start, type_of_value in plan.rows:
            value = tree[name]
            if form is _TEXT:
                append(f'{start}{value if needs_escape(value) is None else escaped(value)}"/>')
            elif form is _OBJECTS:
                for item in value:
                    _object_writer(type_of_value)(name, item, append, depth)
            elif form is _OBJECT:
                _object_writer(type_of_value)(name, value, append, depth)
            elif form is _REPEATING:
                append(f'{start}{_escaped_again(value)}"/>')
            elif form is _VALUE:
                append(f'{start}{written(value)}"/>')
            else:
                _rare(form, name, tree, append, depth)
        append(f"</{tag}>")

    return write


# Local names: an attribute of the enumeration costs as much as the comparison.
_TEXT, _REPEATING, _VALUE = Form.TEXT, Form.REPEATING, Form.VALUE
_OBJECT, _OBJECTS = Form.OBJECT, Form.OBJECTS


def _rare(form: Form, name: str, tree: Tree, append: Append, depth: int) -> None:
    """The forms that most objects do not have."""
    match form:
        case Form.VALUES:
            for value in tree[name]:
                append(f'<{name} value="{written(value)}"/>')
        case Form.NARRATIVE:
            append(as_xml(tree[name]))
        case Form.RESOURCE:
            _wrapped(name, tree[name], append, depth)
        case Form.RESOURCES:
            for resource in tree[name]:
                _wrapped(name, resource, append, depth)
        case Form.SIBLING:
            name = name.removeprefix("_")
            _with_sibling(name, tree.get(name), tree[f"_{name}"], append, depth)
        case _:
            _with_siblings(name.removeprefix("_"), tree, append, depth)


def _wrapped(name: str, resource: Any, append: Append, depth: int) -> None:
    append(f"<{name}>")
    _resource(resource, append, depth)
    append(f"</{name}>")


def _with_siblings(name: str, tree: Tree, append: Append, depth: int) -> None:
    siblings = tree[f"_{name}"]
    values = tree.get(name, [None] * len(siblings))
    if len(values) != len(siblings):
        raise TypeError
    for value, sibling in zip(values, siblings, strict=True):
        _with_sibling(name, value, sibling, append, depth)


def _with_sibling(name: str, value: Any, sibling: Any, append: Append, depth: int) -> None:
    """A primitive with what stands beside its value: an id, extensions."""
    text = "" if value is None else f' value="{written(value)}"'
    if sibling is None:
        append(f"<{name}{text}/>")
        return
    inner: list[str] = []
    _object_writer("Element")("", sibling, inner.append, depth)
    # The writer's own tags have no name; they give way to those of the primitive.
    append(f"<{name}{_attributes(sibling, with_url=False)}{text}>{''.join(inner[1:-1])}</{name}>")


def _attributes(tree: Tree, *, with_url: bool) -> str:
    own = f' id="{escaped(tree["id"])}"' if "id" in tree else ""
    return f'{own} url="{_escaped_again(tree["url"])}"' if with_url else own


def _bad_narratives(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, list):
        for position, item in enumerate(node):
            yield from _bad_narratives(item, f"{path}[{position}]")
    elif isinstance(node, dict):
        if "_div" in node or ("div" in node and problem_of(node["div"])):
            yield f"{path}.div"
        for name, item in node.items():
            yield from _bad_narratives(item, f"{path}.{name}")
