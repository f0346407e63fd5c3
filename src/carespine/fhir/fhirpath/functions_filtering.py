"""Filtering, projection and the other functions that evaluate an argument on each item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import TYPE_CHECKING, Any

from carespine.fhir.fhirpath import comparing
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError, FhirPathTypeError
from carespine.fhir.fhirpath.model import Item, Items
from carespine.fhir.fhirpath.registry import Fn, Truth, special, special_truth
from carespine.fhir.fhirpath.syntax import Expression, TypeName, Variable, as_type_name, mentions_variable
from carespine.fhir.fhirpath.types import filter_of, test_of

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call

# A projection that always finds something new would never end; no tree of FHIR comes near this.
_MOST_REPEATED = 1_000_000


def each_with_index(
    argument: Expression, run: Callable[[Item, Frame], Any]
) -> Callable[[Items, Frame], Iterator[Any]]:
    """`run` on every item; `$index` is only kept where the argument mentions it."""
    if not mentions_variable(argument, "index"):
        return lambda items, frame: (run(each, frame) for each in items)

    def with_index(items: Items, frame: Frame) -> Iterator[Any]:
        outer = frame.index
        try:
            for place, each in enumerate(items):
                frame.index = place
                yield run(each, frame)
        finally:
            frame.index = outer

    return with_index


@special("where", 1, returns="same", by_item=True)
def where(compiler: Compiler, call: Call) -> Fn:
    source, criteria = compiler.source(call), compiler.scoped_truth(call.arguments[0])
    if not mentions_variable(call.arguments[0], "index"):
        return lambda item, frame: [each for each in source(item, frame) if criteria(each, frame)]
    passes = each_with_index(call.arguments[0], criteria)

    def run(item: Item, frame: Frame) -> Items:
        items = source(item, frame)
        return [each for each, kept in zip(items, passes(items, frame), strict=True) if kept]

    return run


@special("select", 1, returns="argument", by_item=True)
def select(compiler: Compiler, call: Call) -> Fn:
    source, projection = compiler.source(call), compiler.scoped(call.arguments[0])
    project = each_with_index(call.arguments[0], projection)

    def run(item: Item, frame: Frame) -> Items:
        return [found for each in project(source(item, frame), frame) for found in each]

    return run


@special("repeat", 1, by_item=True)
def repeat(compiler: Compiler, call: Call) -> Fn:
    """Items are taken once each, by equality: a projection that comes back to where it was ends there."""
    source, projection = compiler.source(call), compiler.scoped(call.arguments[0])

    def run(item: Item, frame: Frame) -> Items:
        found: dict[Any, Item] = {}
        level = source(item, frame)
        while level:
            fresh = []
            for each in [new for one in level for new in projection(one, frame)]:
                key = comparing.key(each)
                if key not in found:
                    found[key] = each
                    fresh.append(each)
            level = _finite(fresh, found, call)
        return list(found.values())

    return run


@special("repeatAll", 1, by_item=True)
def repeat_all(compiler: Compiler, call: Call) -> Fn:
    """Like repeat, equal items kept."""
    source, projection = compiler.source(call), compiler.scoped(call.arguments[0])

    def run(item: Item, frame: Frame) -> Items:
        found: Items = []
        level = source(item, frame)
        while level:
            level = [new for each in level for new in projection(each, frame)]
            found += _finite(level, found, call)
        return found

    return run


def _finite(level: Items, found: Sized, call: Call) -> Items:
    if len(found) > _MOST_REPEATED:
        raise FhirPathEvaluationError(f"{call.name}() does not come to an end", call.position)
    return level


def _type_argument(call: Call) -> TypeName:
    name = as_type_name(call.arguments[0])
    if name is None:
        raise FhirPathTypeError(f"{call.name}() takes the name of a type", call.position)
    return name


@special("ofType", 1)
def of_type(compiler: Compiler, call: Call) -> Fn:
    source, test = compiler.source(call), filter_of(_type_argument(call))
    return lambda item, frame: [each for each in source(item, frame) if test(each)]


@special("as", 1)
def as_(compiler: Compiler, call: Call) -> Fn:
    """Filters, like the operator: R4's invariant dom-3 calls it on a collection. The checker refuses that."""
    return of_type(compiler, call)


@special_truth("is", 1)
def is_(compiler: Compiler, call: Call) -> Truth:
    operand = call.source or Variable("this", call.position)
    return compiler.type_test(operand, test_of(_type_argument(call)), call.position)


@special("iif", 2, 3, by_item=True)
def iif(compiler: Compiler, call: Call) -> Fn:
    """Only the branch that is chosen is evaluated."""
    source = compiler.source(call)
    criteria = compiler.scoped_truth(call.arguments[0])
    then, *rest = [compiler.scoped(argument) for argument in call.arguments[1:]]

    def run(item: Item, frame: Frame) -> Items:
        items = source(item, frame)
        if len(items) > 1:
            raise FhirPathEvaluationError(f"iif() takes one item, not {len(items)}", call.position)
        here = items[0] if items else None
        if criteria(here, frame):
            return then(here, frame)
        return rest[0](here, frame) if rest else []

    return run


@special("coalesce", 1, 20, returns="argument")
def coalesce(compiler: Compiler, call: Call) -> Fn:
    """The first argument that is not empty."""
    arguments = [compiler.scoped(argument) for argument in call.arguments]

    def run(item: Item, frame: Frame) -> Items:
        return next((found for each in arguments if (found := each(item, frame))), [])

    return run


@special("aggregate", 1, 2, by_item=True)
def aggregate(compiler: Compiler, call: Call) -> Fn:
    source = compiler.source(call)
    step, *start = [compiler.scoped(argument) for argument in call.arguments]
    step_with_index = each_with_index(call.arguments[0], step)

    def run(item: Item, frame: Frame) -> Items:
        items = source(item, frame)
        outer, frame.total = frame.total, start[0](item, frame) if start else []
        try:
            for total in step_with_index(items, frame):
                frame.total = total
            return frame.total
        finally:
            frame.total = outer

    return run
