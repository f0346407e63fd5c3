"""Subsetting, combining and sorting: first, skip, intersect, union, sort, ..."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from carespine.fhir.fhirpath import comparing
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items
from carespine.fhir.fhirpath.registry import Fn, argument, collection, one, special
from carespine.fhir.fhirpath.syntax import Expression, Unary

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call


@collection("single")
def single(items: Items) -> Items:
    one(items, "single")
    return items


@collection("first", ordered=True)
def first(items: Items) -> Items:
    return items[:1]


@collection("last", ordered=True)
def last(items: Items) -> Items:
    return items[-1:]


@collection("tail", ordered=True)
def tail(items: Items) -> Items:
    return items[1:]


def _number(items: Items, name: str) -> int:
    number = argument(items, name)
    if type(number) is not int:
        raise FhirPathEvaluationError(f"{name}() takes an Integer")
    return max(number, 0)


@collection("skip", 1, ordered=True)
def skip(items: Items, number: Items) -> Items:
    return items[_number(number, "skip") :]


@collection("take", 1, ordered=True)
def take(items: Items, number: Items) -> Items:
    return items[: _number(number, "take")]


@collection("intersect", 1)
def intersect(items: Items, other: Items) -> Items:
    keys = {comparing.key(each) for each in other}
    return comparing.distinct([each for each in items if comparing.key(each) in keys])


@collection("exclude", 1)
def exclude(items: Items, other: Items) -> Items:
    keys = {comparing.key(each) for each in other}
    return [each for each in items if comparing.key(each) not in keys]


@collection("union", 1, returns=None)
def union(items: Items, other: Items) -> Items:
    return comparing.distinct(items + other)


@collection("combine", 1, 2, returns=None)
def combine(items: Items, other: Items, preserve_order: Items | None = None) -> Items:
    """Both collections, equal items kept; the order is always kept, whether asked for or not."""
    return items + other


@special("sort", 0, 20, returns="same", by_item=True)
def sort(compiler: Compiler, call: Call) -> Fn:
    """By one key after another; `desc` or a minus turns a key round. Items without a key come first."""
    source = compiler.source(call)
    keys = [_key(compiler, each) for each in call.arguments] or [(_this, 1)]

    def run(item: Item, frame: Frame) -> Items:
        def order(left: tuple[list[Any], Item], right: tuple[list[Any], Item]) -> int:
            return _order(left[0], right[0], keys)

        rows = [([key(each, frame) for key, _ in keys], each) for each in source(item, frame)]
        rows.sort(key=cmp_to_key(order))
        return [each for _, each in rows]

    return run


def _this(item: Item, frame: Frame) -> Item:
    return item


def _key(compiler: Compiler, node: Expression) -> tuple[Callable[[Item, Frame], Any], int]:
    turned = isinstance(node, Unary) and node.operator in ("-", "desc")
    key = compiler.scoped(node.operand if isinstance(node, Unary) and turned else node)
    return lambda item, frame: one(key(item, frame), "a key of sort"), -1 if turned else 1


def _order(left: list[Any], right: list[Any], keys: list[tuple[Callable[[Item, Frame], Any], int]]) -> int:
    for here, there, (_, direction) in zip(left, right, keys, strict=True):
        if here is None or there is None:
            order = (here is not None) - (there is not None)
        else:
            order = direction * (comparing.order(here, there) or 0)
        if order:
            return order
    return 0
