"""Existence: empty, exists, all, allTrue and its kin, subsetOf, count, distinct, not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.fhir.fhirpath import comparing
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.functions_filtering import each_with_index
from carespine.fhir.fhirpath.model import Item, Items, system
from carespine.fhir.fhirpath.registry import Truth, collection, predicate, special_truth
from carespine.fhir.fhirpath.syntax import Variable

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call


@special_truth("empty")
def empty(compiler: Compiler, call: Call) -> Truth:
    source = compiler.source(call)
    return lambda item, frame: not source(item, frame)


@special_truth("exists", 0, 1, by_item=True)
def exists(compiler: Compiler, call: Call) -> Truth:
    source = compiler.source(call)
    if not call.arguments:
        return lambda item, frame: bool(source(item, frame))
    criteria = compiler.scoped_truth(call.arguments[0])
    passes = each_with_index(call.arguments[0], criteria)
    return lambda item, frame: any(passes(source(item, frame), frame))


@special_truth("all", 1, by_item=True)
def all_(compiler: Compiler, call: Call) -> Truth:
    source = compiler.source(call)
    criteria = compiler.scoped_truth(call.arguments[0])
    passes = each_with_index(call.arguments[0], criteria)
    return lambda item, frame: all(passes(source(item, frame), frame))


@special_truth("not")
def not_(compiler: Compiler, call: Call) -> Truth:
    truth = compiler.truth(call.source or Variable("this", call.position))

    def run(item: Item, frame: Frame) -> bool | None:
        answer = truth(item, frame)
        return None if answer is None else not answer

    return run


def _booleans(items: Items) -> list[bool]:
    found = [system(item) for item in items]
    if any(not isinstance(value, bool) for value in found):
        raise FhirPathEvaluationError("every item must be a Boolean")
    return found


@predicate("allTrue")
def all_true(items: Items) -> bool:
    return all(_booleans(items))


@predicate("anyTrue")
def any_true(items: Items) -> bool:
    return any(_booleans(items))


@predicate("allFalse")
def all_false(items: Items) -> bool:
    return not any(_booleans(items))


@predicate("anyFalse")
def any_false(items: Items) -> bool:
    return not all(_booleans(items))


@predicate("subsetOf", 1)
def subset_of(items: Items, other: Items) -> bool:
    return {comparing.key(each) for each in items} <= {comparing.key(each) for each in other}


@predicate("supersetOf", 1)
def superset_of(items: Items, other: Items) -> bool:
    return subset_of(other, items)


@collection("count", returns="Integer")
def count(items: Items) -> Items:
    return [len(items)]


@collection("distinct")
def distinct(items: Items) -> Items:
    return comparing.distinct(items)


@predicate("isDistinct")
def is_distinct(items: Items) -> bool:
    return len(comparing.distinct(items)) == len(items)
