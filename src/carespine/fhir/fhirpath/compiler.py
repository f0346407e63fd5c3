"""Turns a syntax tree into Python closures.

Every part becomes a function of (`$this`, frame). Parts whose truth alone is asked for are compiled to a
function that answers True, False or None at once, so that `a.exists() or b.exists()` never builds a
collection of Booleans. Collections that a closure answers are never changed by another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carespine.fhir.fhirpath import arithmetic, comparing
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathError, FhirPathEvaluationError, FhirPathTypeError
from carespine.fhir.fhirpath.model import Item, Items, is_type, system
from carespine.fhir.fhirpath.operators import COMPARISONS, LOGIC, is_text
from carespine.fhir.fhirpath.paths import member, path
from carespine.fhir.fhirpath.references import is_of_type
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
from carespine.fhir.fhirpath.types import Test, filter_of, test_of
from carespine.fhir.fhirpath.variables import external


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

    def __init__(self) -> None:
        self._builders: dict[type, Callable[[Any], Fn]] = {
            Literal: _literal,
            Empty: lambda node: nothing,
            Variable: lambda node: _VARIABLES[node.name],
            External: lambda node: located(external(node.name), node.position),
            Member: self._member,
            Call: lambda node: self._function(node).build(self, node),
            Index: self._index,
            Unary: self._unary,
            TypeTest: self._type,
            Binary: self._binary,
        }

    def items(self, node: Expression) -> Fn:
        """A closure for the collection that `node` means."""
        build: Callable[[Any], Fn] = self._builders[type(node)]
        return build(node)

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
                if operator in LOGIC:
                    return LOGIC[operator](self.scoped_truth(node.left), self.scoped_truth(node.right))
                if operator in COMPARISONS:
                    return located(self._comparison(node), position)
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
            wanted = (
                f"{function.least} to {function.most}" if function.least < function.most else function.least
            )
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
        return path(this, tuple(names))

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

    def _type(self, node: TypeTest) -> Fn:
        """`as` filters, since R4's own search parameters apply it to collections."""
        if node.operator == "is":
            return as_items(self._is(node))
        operand, test = self.items(node.operand), filter_of(node.type)
        return lambda item, frame: [each for each in operand(item, frame) if test(each)]

    def _is(self, node: TypeTest) -> Truth:
        return self.type_test(node.operand, test_of(node.type), node.position)

    def type_test(self, operand: Expression, test: Test, position: int) -> Truth:
        """A closure for `operand is type`; of what a reference points to, the type alone is looked up."""
        of_reference = isinstance(operand, Call) and operand.name == "resolve"
        source = self.source(operand) if isinstance(operand, Call) and of_reference else self.items(operand)

        def run(item: Item, frame: Frame) -> bool | None:
            items = source(item, frame)
            if len(items) > 1:
                raise FhirPathEvaluationError(f"is takes one item, not {len(items)}")
            if not items:
                return None
            return is_of_type(items[0], frame, test) if of_reference else test(items[0])

        return located(run, position)

    def _binary(self, node: Binary) -> Fn:
        if node.operator == "|":
            return self._union(node)
        if node.operator in arithmetic.BINARY or node.operator == "&":
            return self._arithmetic(node)
        return as_items(self.truth(node))

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

    def _comparison(self, node: Binary) -> Truth:
        left, right = self.scoped(node.left), self.scoped(node.right)
        if node.operator == "=" and isinstance(node.right, Literal) and isinstance(node.right.value, str):
            return is_text(left, node.right.value)
        return COMPARISONS[node.operator](left, right)


def _literal(node: Literal) -> Fn:
    items = [node.value]
    return lambda item, frame: items


def _of_type(name: str) -> Fn:
    """A type name at the start of a path: what is at hand, if it is of that type."""

    def run(item: Item, frame: Frame) -> Items:
        return [item] if type(item) is tuple and name in item[1].ancestors else []

    return run


_VARIABLES: dict[str, Fn] = {
    "this": this,
    "index": lambda item, frame: [] if frame.index is None else [frame.index],
    "total": lambda item, frame: frame.total,
}
