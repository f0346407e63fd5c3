"""The closures of the operators that answer a truth value: comparisons, membership and three-valued logic."""

from __future__ import annotations

from collections.abc import Callable

from carespine.fhir.fhirpath import comparing
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, system
from carespine.fhir.fhirpath.registry import Fn, Truth


def _equal(left: Fn, right: Fn) -> Truth:
    return lambda item, frame: comparing.equal_collections(left(item, frame), right(item, frame))


def is_text(left: Fn, constant: str) -> Truth:
    """`left = 'constant'`, by far the most common comparison."""

    def run(item: Item, frame: Frame) -> bool | None:
        items = left(item, frame)
        if len(items) != 1:
            return False if items else None
        value = system(items[0])
        return None if value is None else type(value) is str and value == constant

    return run


def _equivalent(left: Fn, right: Fn) -> Truth:
    return lambda item, frame: comparing.equivalent_collections(left(item, frame), right(item, frame))


def _opposite(truth: Truth) -> Truth:
    def run(item: Item, frame: Frame) -> bool | None:
        answer = truth(item, frame)
        return None if answer is None else not answer

    return run


def _contained(left: Fn, right: Fn) -> Truth:
    def run(item: Item, frame: Frame) -> bool | None:
        one = left(item, frame)
        if not one:
            return None
        if len(one) > 1:
            raise FhirPathEvaluationError(f"one item can be looked for, not {len(one)}")
        wanted = comparing.key(one[0])
        return any(comparing.key(each) == wanted for each in right(item, frame))

    return run


def _ordered(left: Fn, right: Fn, holds: Callable[[int], bool]) -> Truth:

    def run(item: Item, frame: Frame) -> bool | None:
        one, other = left(item, frame), right(item, frame)
        if not one or not other:
            return None
        if len(one) > 1 or len(other) > 1:
            raise FhirPathEvaluationError("only single items can be compared by order")
        order = comparing.order(one[0], other[0])
        return None if order is None else holds(order)

    return run


def _and(left: Truth, right: Truth) -> Truth:
    def run(item: Item, frame: Frame) -> bool | None:
        one = left(item, frame)
        if one is False:
            return False
        other = right(item, frame)
        if other is False:
            return False
        return True if one and other else None

    return run


def _or(left: Truth, right: Truth) -> Truth:
    def run(item: Item, frame: Frame) -> bool | None:
        one = left(item, frame)
        if one:
            return True
        other = right(item, frame)
        if other:
            return True
        return False if one is False and other is False else None

    return run


def _xor(left: Truth, right: Truth) -> Truth:
    def run(item: Item, frame: Frame) -> bool | None:
        one, other = left(item, frame), right(item, frame)
        return None if one is None or other is None else one is not other

    return run


def _implies(left: Truth, right: Truth) -> Truth:
    def run(item: Item, frame: Frame) -> bool | None:
        one = left(item, frame)
        if one is False:
            return True
        other = right(item, frame)
        if one:
            return other
        return True if other else None

    return run


COMPARISONS: dict[str, Callable[[Fn, Fn], Truth]] = {
    "=": _equal,
    "!=": lambda left, right: _opposite(_equal(left, right)),
    "~": _equivalent,
    "!~": lambda left, right: _opposite(_equivalent(left, right)),
    "in": _contained,
    "contains": lambda left, right: _contained(right, left),
    "<": lambda left, right: _ordered(left, right, lambda order: order < 0),
    ">": lambda left, right: _ordered(left, right, lambda order: order > 0),
    "<=": lambda left, right: _ordered(left, right, lambda order: order <= 0),
    ">=": lambda left, right: _ordered(left, right, lambda order: order >= 0),
}

LOGIC = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
