"""The table of functions, and the ways a function can be written.

`collection`  takes the collection before the dot and its arguments as collections, answers a collection
`predicate`   the same, answers True, False, or None for the empty collection
`scalar`      takes one System value and single System arguments; anything empty makes the answer empty
`text`        a scalar whose input and arguments are texts
`special`     builds its own closure from the syntax tree, for arguments that are evaluated item by item
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from carespine.fhir.fhirpath.comparing import describe
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items, system

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call

# `item` is `$this`: an item, or None where there is none.
Fn: TypeAlias = Callable[[Item, Frame], Items]
Truth: TypeAlias = Callable[[Item, Frame], "bool | None"]
Build: TypeAlias = "Callable[[Compiler, Call], Fn]"
BuildTruth: TypeAlias = "Callable[[Compiler, Call], Truth]"

SAME = "same"  # result type: that of the input
OF_ARGUMENT = "argument"  # result type: that of the first argument


@dataclass(frozen=True, slots=True)
class Function:
    """A function by name; `build_truth` is for those that answer a Boolean, `returns` for the checker."""

    name: str
    least: int
    most: int
    build: Build
    build_truth: BuildTruth | None = None
    returns: str | None = None
    ordered: bool = False
    by_item: bool = False


FUNCTIONS: dict[str, Function] = {}

_Any = TypeVar("_Any", bound=Callable[..., Any])


class Decorator(Protocol):
    """Registers a function and gives it back as it is."""

    def __call__(self, function: _Any, /) -> _Any: ...


def collection(
    name: str, least: int = 0, most: int | None = None, *, returns: str | None = SAME, ordered: bool = False
) -> Decorator:
    """Register `f(items, *arguments) -> items`; `ordered`: it means nothing on an unordered collection."""

    def register(function: _Any) -> _Any:
        def build(compiler: Compiler, call: Call) -> Fn:
            return compiler.eager(call, function)

        FUNCTIONS[name] = Function(name, least, _most(least, most), build, None, returns, ordered)
        return function

    return register


def predicate(name: str, least: int = 0, most: int | None = None) -> Decorator:
    """Register `f(items, *arguments) -> bool | None`."""

    def register(function: _Any) -> _Any:
        def build_truth(compiler: Compiler, call: Call) -> Truth:
            return compiler.eager(call, function)

        special_truth(name, least, most)(build_truth)
        return function

    return register


def special(
    name: str,
    least: int = 0,
    most: int | None = None,
    *,
    returns: str | None = None,
    by_item: bool = False,
    ordered: bool = False,
) -> Decorator:
    """Register `f(compiler, call) -> closure`; `by_item`: the arguments are evaluated on each item."""

    def register(build: _Any) -> _Any:
        FUNCTIONS[name] = Function(name, least, _most(least, most), build, None, returns, ordered, by_item)
        return build

    return register


def special_truth(name: str, least: int = 0, most: int | None = None, *, by_item: bool = False) -> Decorator:
    """Register `f(compiler, call) -> closure` whose closure answers True, False or None."""

    def register(build_truth: _Any) -> _Any:
        def build(compiler: Compiler, call: Call) -> Fn:
            return as_items(build_truth(compiler, call))

        FUNCTIONS[name] = Function(
            name, least, _most(least, most), build, build_truth, "Boolean", by_item=by_item
        )
        return build_truth

    return register


def scalar(name: str, least: int = 0, most: int | None = None, *, returns: str | None = SAME) -> Decorator:
    """Register `f(value, *arguments) -> value | None` on System values."""
    return _scalar(name, least, most, returns, _value)


def text(name: str, least: int = 0, most: int | None = None, *, returns: str | None = "String") -> Decorator:
    """Register `f(text, *arguments) -> value | list | None`."""
    return _scalar(name, least, most, returns, _text)


def _scalar(
    name: str, least: int, most: int | None, returns: str | None, read: Callable[[Item, str], Any]
) -> Decorator:
    def register(function: _Any) -> _Any:
        kinds = _argument_types(function)

        def on_items(items: Items, *arguments: Items) -> Items:
            item = one(items, name)
            value = None if item is None else read(item, name)
            given = [argument(each, name) for each in arguments]
            if value is None or None in given:
                return []
            for each, kind in zip(given, kinds, strict=False):
                if kind is not None and type(each) is not kind:
                    raise FhirPathEvaluationError(f"{name}() takes {_WORDS[kind]} here, not {describe(each)}")
            result = function(value, *given)
            if result is None:
                return []
            return result if type(result) is list else [result]

        collection(name, least, most, returns=returns)(on_items)
        return function

    return register


_WORDS: dict[type, str] = {str: "a String", int: "an Integer"}


def _argument_types(function: Callable[..., Any]) -> list[type | None]:
    """The System types that the parameters after the first are annotated with."""
    wanted = {"str": str, "int": int, "int | None": int}
    return [wanted.get(str(each.annotation)) for each in signature(function).parameters.values()][1:]


def _most(least: int, most: int | None) -> int:
    return least if most is None else most


def one(items: Items, name: str) -> Item | None:
    """The only item, or None of an empty collection; FhirPathEvaluationError for more."""
    if len(items) > 1:
        raise FhirPathEvaluationError(f"{name}() takes one item, not {len(items)}")
    return items[0] if items else None


def argument(items: Items, name: str) -> Any:
    """An argument that must be a single System value; None if it is empty."""
    item = one(items, f"an argument of {name}")
    return None if item is None else system(item)


def _value(item: Item, name: str) -> Any:
    return system(item)


def _text(item: Item, name: str) -> str | None:
    """The text of a String; dates and times of a resource count by how they are written there."""
    value = item[0] if type(item) is tuple and item[1].primitive else system(item)
    if value is None or type(value) is str:
        return value
    raise FhirPathEvaluationError(f"{name}() takes a text, not {describe(item)}")


def as_items(truth: Truth) -> Fn:
    """A closure for the collection of a truth value: empty for None."""

    def run(item: Item, frame: Frame) -> Items:
        answer = truth(item, frame)
        return [] if answer is None else [answer]

    return run


def as_truth(items: Fn) -> Truth:
    """A closure for the truth of a collection: a Boolean is itself, any other single item is true."""

    def run(item: Item, frame: Frame) -> bool | None:
        found = items(item, frame)
        return truth_of(found) if found else None

    return run


def truth_of(items: Items) -> bool | None:
    """Source: FHIRPath N1, section 4.5, Singleton Evaluation of Collections."""
    if len(items) != 1:
        if not items:
            return None
        raise FhirPathEvaluationError(f"a single Boolean is expected, not {len(items)} items")
    value = items[0]
    if type(value) is tuple:
        value = value[0]
        return value if type(value) is bool or value is None else True
    return value if type(value) is bool else True
