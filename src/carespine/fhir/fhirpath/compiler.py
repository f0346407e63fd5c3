"""Turns a syntax tree into Python closures.

Every part becomes a function of (`$this`, frame). Parts whose truth alone is asked for are compiled to a function
that answers True, False or None at once, so that `a.exists() or b.exists()` never builds a collection of Booleans.
Collections that a closure answers are never changed by another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carespine.fhir.fhirpath import arithmetic, comparing
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathError, FhirPathEvaluationError, FhirPathTypeError
from carespine.fhir.fhirpath.model import Item, Items, is_type, system
from carespine.fhir.fhirpath.paths import member, path
from carespine.fhir.fhirpath.registry import FUNCTIONS, Fn, Function, Truth, as_items, as_truth
from carespine.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    External,
    Index,
    Literal,
    Member,
    TypeTest,
    Unary,
    Variable,
    mentions_call,
)
from carespine.fhir.fhirpath.types import test_of
from carespine.fhir.fhirpath.variables import external

_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
}


def this(item: Item, frame: Frame) -> Items:
    """`$this`."""
    return [] if item is None else [item]


def nothing(item: Item, frame: Frame) -> Items:
    """`{}`."""
    return []


def located(run: Callable[..., Any], position: int) -> Callable[..., Any]:
    """`run`, its errors pointing to `position` unless they already point further inside."""

    def guarded(item: Item, frame: Frame) -> Any:
        try:
            return run(item, frame)
        except FhirPathError as error:
            if error.position is None:
                error.position = position
            raise

    return guarded


class Compiler:
    """Compiles parts of one expression; functions get it to compile their arguments in their own way."""

    def items(self, node: Expression) -> Fn:
        """A closure for the collection that `node` means."""
        match node:
            case Literal(value=value):
                return _constant([value])
            case Empty():
                return nothing
            case Variable(name=name):
                return _VARIABLES[name]
            case External(name=name, position=position):
                return located(external(name), position)
            case Member():
                return self._member(node)
            case Call():
                return self._function(node).build(self, node)
            case Index():
                return self._index(node)
            case Unary():
                return self._unary(node)
            case TypeTest(operator="as"):
                return self._as(node)
            case TypeTest():
                return as_items(self._is(node))
            case Binary(operator="|"):
                return self._union(node)
            case Binary(operator=operator) if operator in arithmetic.BINARY or operator == "&":
                return self._arithmetic(node)
            case _:
                return as_items(self.truth(node))

    def truth(self, node: Expression) -> Truth:
        """A closure for the truth of `node` by the rules of singleton evaluation."""
        match node:
            case Call():
                function = self._function(node)
                if function.build_truth is not None:
                    return function.build_truth(self, node)
            case TypeTest(operator="is"):
                return self._is(node)
            case Binary(operator=operator, position=position):
                if operator in _LOGIC:
                    return _LOGIC[operator](self.scoped_truth(node.left), self.scoped_truth(node.right))
                compare = self._comparison(node)
                if compare is not None:
                    return located(compare, position)
            case _:
                pass
        return located(as_truth(self.items(node)), node.position)

    def source(self, call: Call) -> Fn:
        """A closure for the collection a function is called on."""
        return this if call.source is None else self.items(call.source)

    def eager(self, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
        """A closure that evaluates source and arguments and hands the collections to `function`."""
        source = self.source(call)
        arguments = [self.scoped(argument) for argument in call.arguments]
        if not arguments:
            return located(lambda item, frame: function(source(item, frame)), call.position)
        if len(arguments) == 1:
            only = arguments[0]
            return located(
                lambda item, frame: function(source(item, frame), only(item, frame)), call.position
            )
        return located(
            lambda item, frame: function(source(item, frame), *[each(item, frame) for each in arguments]),
            call.position,
        )

    def scoped(self, node: Expression) -> Fn:
        """Like `items`, the variables that `node` defines ending with it."""
        run = self.items(node)
        if not mentions_call(node, "defineVariable"):
            return run

        def within(item: Item, frame: Frame) -> Items:
            outer = frame.variables
            try:
                return run(item, frame)
            finally:
                frame.variables = outer

        return within

    def scoped_truth(self, node: Expression) -> Truth:
        """Like `truth`, the variables that `node` defines ending with it."""
        if not mentions_call(node, "defineVariable"):
            return self.truth(node)
        return located(as_truth(self.scoped(node)), node.position)

    def _function(self, call: Call) -> Function:
        function = FUNCTIONS.get(call.name)
        if function is None:
            raise FhirPathTypeError(f"there is no function {call.name}()", call.position)
        count = len(call.arguments)
        if not function.least <= count <= function.most:
            wanted = f"{function.least} to {function.most}" if function.least < function.most else function.least
            raise FhirPathTypeError(f"{call.name}() takes {wanted} arguments, not {count}", call.position)
        return function

    def _member(self, node: Member) -> Fn:
        names = []
        at: Expression | None = node
        while isinstance(at, Member):
            names.append(at.name)
            at = at.source
        names.reverse()
        if at is not None:
            return path(self.items(at), tuple(names))
        if names[0][0].isupper() and is_type(names[0]):
            return path(_of_type(names[0]), tuple(names[1:]))
        if len(names) == 1:
            return member(names[0])
        return path(None, tuple(names))

    def _index(self, node: Index) -> Fn:
        source, index = self.items(node.source), self.scoped(node.index)

        def run(item: Item, frame: Frame) -> Items:
            items, places = source(item, frame), index(item, frame)
            if not places:
                return []
            place = system(places[0])
            if len(places) > 1 or not isinstance(place, int):
                raise FhirPathEvaluationError("an index is one Integer")
            return items[place : place + 1] if place >= 0 else []

        return located(run, node.position)

    def _unary(self, node: Unary) -> Fn:
        if node.operator == "desc":
            raise FhirPathTypeError("asc and desc belong in sort()", node.position)
        operand = self.items(node.operand)
        sign = node.operator

        def run(item: Item, frame: Frame) -> Items:
            items = operand(item, frame)
            if not items:
                return []
            if len(items) > 1:
                raise FhirPathEvaluationError(f"{sign} takes one number, not {len(items)} items")
            value = arithmetic.negate(items[0])
            if value is None:
                return []
            return [value] if sign == "-" else [system(items[0])]

        return located(run, node.position)

    def _as(self, node: TypeTest) -> Fn:
        """`as` keeps the items of the type. R4's own search parameters apply it to collections, so it filters."""
        operand, test = self.items(node.operand), test_of(node.type)
        return lambda item, frame: [each for each in operand(item, frame) if test(each)]

    def _is(self, node: TypeTest) -> Truth:
        operand, test = self.items(node.operand), test_of(node.type)

        def run(item: Item, frame: Frame) -> bool | None:
            items = operand(item, frame)
            if len(items) > 1:
                raise FhirPathEvaluationError(f"is takes one item, not {len(items)}")
            return test(items[0]) if items else None

        return located(run, node.position)

    def _union(self, node: Binary) -> Fn:
        left, right = self.scoped(node.left), self.scoped(node.right)
        return lambda item, frame: comparing.distinct(left(item, frame) + right(item, frame))

    def _arithmetic(self, node: Binary) -> Fn:
        left, right = self.scoped(node.left), self.scoped(node.right)
        operator = node.operator

        def run(item: Item, frame: Frame) -> Items:
            one, other = left(item, frame), right(item, frame)
            if len(one) > 1 or len(other) > 1:
                raise FhirPathEvaluationError(f"{operator} takes one item on each side")
            if operator == "&":
                return [arithmetic.concatenate(one, other)]
            if not one or not other:
                return []
            value = arithmetic.apply(operator, one[0], other[0])
            return [] if value is None else [value]

        return located(run, node.position)

    def _comparison(self, node: Binary) -> Truth | None:
        left, right = self.scoped(node.left), self.scoped(node.right)
        match node.operator:
            case "=":
                constant = node.right.value if isinstance(node.right, Literal) else None
                return _is_text(left, constant) if isinstance(constant, str) else _equal(left, right)
            case "!=":
                return _opposite(_equal(left, right))
            case "~":
                return _equivalent(left, right)
            case "!~":
                return _opposite(_equivalent(left, right))
            case "in":
                return _contained(left, right)
            case "contains":
                return _contained(right, left)
            case operator if operator in _COMPARISONS:
                return _ordered(left, right, operator)
        return None


def _constant(items: Items) -> Fn:
    return lambda item, frame: items


def _of_type(name: str) -> Fn:
    """A type name at the start of a path: what is at hand, if it is of that type."""

    def run(item: Item, frame: Frame) -> Items:
        return [item] if type(item) is tuple and name in item[1].ancestors else []

    return run


def _equal(left: Fn, right: Fn) -> Truth:
    return lambda item, frame: comparing.equal_collections(left(item, frame), right(item, frame))


def _is_text(left: Fn, constant: str) -> Truth:
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


def _ordered(left: Fn, right: Fn, operator: str) -> Truth:
    holds = _COMPARISONS[operator]

    def run(item: Item, frame: Frame) -> bool | None:
        one, other = left(item, frame), right(item, frame)
        if not one or not other:
            return None
        if len(one) > 1 or len(other) > 1:
            raise FhirPathEvaluationError(f"{operator} takes one item on each side")
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


_LOGIC = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}

_VARIABLES: dict[str, Fn] = {
    "this": this,
    "index": lambda item, frame: [] if frame.index is None else [frame.index],
    "total": lambda item, frame: frame.total,
}
