"""The public face: compile an expression once, evaluate it on any number of trees."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from carespine.fhir.fhirpath import (
    functions_boundaries,
    functions_conversion,
    functions_dates,
    functions_existence,
    functions_fhir,
    functions_filtering,
    functions_keys,
    functions_math,
    functions_strings,
    functions_subsetting,
    functions_tree,
    functions_utility,
)
from carespine.fhir.fhirpath.checker import result_types
from carespine.fhir.fhirpath.compiler import Compiler
from carespine.fhir.fhirpath.environment import EMPTY, Environment, Frame
from carespine.fhir.fhirpath.errors import FhirPathError, FhirPathEvaluationError, FhirPathSyntaxError
from carespine.fhir.fhirpath.model import Items, Node, root
from carespine.fhir.fhirpath.parser import parse
from carespine.fhir.fhirpath.registry import Truth
from carespine.fhir.fhirpath.results import TypedValue, plain, typed

# Importing these modules is what fills the table of functions.
FUNCTION_MODULES = (
    functions_boundaries,
    functions_conversion,
    functions_dates,
    functions_existence,
    functions_fhir,
    functions_filtering,
    functions_keys,
    functions_math,
    functions_strings,
    functions_subsetting,
    functions_tree,
    functions_utility,
)

_COMPILED = 4096

Variables = Environment | Mapping[str, Any] | None


class Compiled:
    """An expression ready to run. It keeps nothing of what it ran on, so threads may share it."""

    __slots__ = ("_run", "_truth", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            self._run = Compiler().items(parse(source))
        except FhirPathError as error:
            raise error.within(source) from None
        except RecursionError:
            raise FhirPathSyntaxError("the expression is too long or too deeply nested", 0, source) from None
        self._truth: Truth | None = None

    def __call__(self, resource: Any, environment: Variables = None) -> list[Any]:
        """The results as plain values; see `evaluate`."""
        return plain(self._items(resource, environment, None))

    def typed(
        self, resource: Any, environment: Variables = None, *, type_name: str | None = None
    ) -> list[TypedValue]:
        """The results with their types. `type_name` is the type of a tree that is not a resource."""
        return typed(self._items(resource, environment, type_name))

    def on(self, node: Node, environment: Environment) -> Items:
        """The items for a node that another expression found: nodes (see `model`) and System values."""
        try:
            return self._run(node, Frame(node, environment))
        except FhirPathError as error:
            raise error.within(self.source) from None
        except (RecursionError, ArithmeticError) as error:
            raise self._beyond(error) from None

    def holds(self, tree: Any, environment: Variables = None, *, type_name: str | None = None) -> bool | None:
        """The truth of the expression for a tree, as for an invariant; None if it has no answer.

        `type_name` is the type of a tree that is not a resource (`Period`, `Patient.contact`); the resource
        around it is then the environment's `resource`.
        """
        node = root(tree, type_name)
        try:
            if self._truth is None:
                self._truth = Compiler().truth(parse(self.source))
            return self._truth(node, Frame(node, _environment(environment)))
        except FhirPathError as error:
            raise error.within(self.source) from None
        except (RecursionError, ArithmeticError) as error:
            raise self._beyond(error) from None

    def check(self, type_name: str) -> frozenset[str] | None:
        """The types that the expression can answer for a tree of `type_name`; None if that is open.

        Raises FhirPathTypeError where it names elements or types that cannot be there: evaluation would
        only find nothing.
        """
        try:
            return result_types(parse(self.source), type_name)
        except FhirPathError as error:
            raise error.within(self.source) from None
        except RecursionError as error:
            raise self._beyond(error) from None

    def _items(self, tree: Any, environment: Variables, type_name: str | None) -> Items:
        node = root(tree, type_name)
        try:
            return self._run(node, Frame(node, _environment(environment)))
        except FhirPathError as error:
            raise error.within(self.source) from None
        except (RecursionError, ArithmeticError) as error:
            raise self._beyond(error) from None

    def _beyond(self, error: Exception) -> FhirPathEvaluationError:
        """The refusal for what goes beyond the interpreter's stack or the numbers' range."""
        detail = (
            "is nested too deeply" if isinstance(error, RecursionError) else "met a number that is too large"
        )
        return FhirPathEvaluationError(f"the evaluation {detail}", 0, self.source)


def _environment(given: Variables) -> Environment:
    if given is None:
        return EMPTY
    return given if isinstance(given, Environment) else Environment(variables=given)


@lru_cache(maxsize=_COMPILED)
def compile(expression: str) -> Compiled:
    """The expression ready to run, kept for the next time; FhirPathError with a position if it is wrong."""
    return Compiled(expression)


def evaluate(resource: Any, expression: str, environment: Variables = None) -> list[Any]:
    """The results of an expression on a FHIR tree (dicts, lists, Decimal for numbers with a fraction).

    Nodes of the tree come as their JSON values (never copied), System values as str, bool, int, Decimal, or
    the types of `temporal` and `values`. Primitives that have extensions but no value are left out.
    `environment` is an Environment, or a mapping of variables. Raises FhirPathError.
    """
    return compile(expression)(resource, environment)
