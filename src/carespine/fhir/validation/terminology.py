"""Whether codes exist and belong to value sets: the question that bindings ask, and the built-in answer to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from carespine.fhir import conformance
from carespine.fhir.validation.code_systems import CodeSystem, compile_code_system, of_grammar
from carespine.fhir.validation.value_sets import Test, compile_value_set

# Ours: answers kept, some megabytes at most.
_REMEMBERED = 65536

# (kind, canonical URL) -> the resource
Find = Callable[[str, str], "dict[str, Any] | None"]


class Terminology(Protocol):
    """What validation asks of a terminology. None always stands for: not known here."""

    def validate_code(self, system: str | None, code: str, value_set: str | None = None) -> bool | None:
        """Whether a code is in a value set, or without one whether its system has it. `system` None: any."""
        ...

    def displays(self, system: str, code: str) -> Collection[str] | None:
        """All the names that a display may give, the preferred one first; None where they are not known."""
        ...


class BuiltInTerminology:
    """The code systems and value sets that `find` gives, and systems whose codes follow a grammar.

    Value sets are tested by their rules and never written out. What is compiled is kept.
    """

    def __init__(self, find: Find = conformance.read) -> None:
        self._find = find
        self._systems: dict[str, CodeSystem | None] = {}
        self._sets: dict[str, Test | None] = {}
        self._answers: dict[tuple[str | None, str, str | None], bool | None] = {}

    def validate_code(self, system: str | None, code: str, value_set: str | None = None) -> bool | None:
        """As the protocol says."""
        key = (system, code, value_set)
        try:
            return self._answers[key]
        except KeyError:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[key] = self._ask(system, code, value_set)
            return answer

    def displays(self, system: str, code: str) -> Collection[str] | None:
        """As the protocol says."""
        found = self.code_system(system)
        return None if found is None else found.displays(code)

    def code_system(self, url: str) -> CodeSystem | None:
        """The code system of a canonical URL; None where not all its codes are known."""
        if url not in self._systems:
            tree = None if of_grammar(url) else self._find("CodeSystem", url)
            self._systems[url] = of_grammar(url) if tree is None else compile_code_system(tree)
        return self._systems[url]

    def value_set(self, url: str) -> Test | None:
        """The test of the value set of a canonical URL; None where it is not known."""
        if url not in self._sets:
            self._sets[url] = None  # a value set that leans on itself finds nothing
            tree = self._find("ValueSet", url)
            self._sets[url] = None if tree is None else compile_value_set(tree, self)
        return self._sets[url]

    def _ask(self, system: str | None, code: str, value_set: str | None) -> bool | None:
        if value_set is not None:
            test = self.value_set(value_set)
            return None if test is None else test(system, code)
        known = None if system is None else self.code_system(system)
        return None if known is None else known.has(code)


R4 = BuiltInTerminology()
