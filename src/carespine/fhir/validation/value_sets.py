"""Value sets as tests of membership, made from their rules without writing out all members."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from carespine.fhir.validation.code_systems import CodeSystem

# (system or None for any, code) -> yes, no, not known
Test = Callable[[str | None, str], "bool | None"]
Rule = dict[str, Any]


class Terms(Protocol):
    """Where the rules of a value set find what they build on. None: not known."""

    def code_system(self, url: str) -> CodeSystem | None: ...

    def value_set(self, url: str) -> Test | None: ...


def compile_value_set(tree: dict[str, Any], terms: Terms) -> Test:
    """Whether a ValueSet resource holds a code: by its compose, else by its expansion.

    The test answers None where that cannot be told from what `terms` knows.
    """
    compose = tree.get("compose")
    if compose is None:
        return _expanded(tree.get("expansion"))
    includes = [_include(rule, terms) for rule in compose["include"]]
    excludes = [_include(rule, terms) for rule in compose.get("exclude", ())]

    def test(system: str | None, code: str) -> bool | None:
        inside = _any(includes, system, code)
        if not inside or not excludes:
            return inside
        outside = _any(excludes, system, code)
        return False if outside else None if outside is None else inside

    return test


def _any(tests: list[Test], system: str | None, code: str) -> bool | None:
    answer: bool | None = False
    for test in tests:
        found = test(system, code)
        if found:
            return True
        if found is None:
            answer = None
    return answer


def _include(rule: Rule, terms: Terms) -> Test:
    """All of what one include (or exclude) says must hold."""
    tests: list[Test] = []
    if "system" in rule:
        tests.append(_of_system(rule, terms))
    tests.extend(terms.value_set(url) or _unknown for url in rule.get("valueSet", ()))

    def test(system: str | None, code: str) -> bool | None:
        answer: bool | None = True
        for each in tests:
            found = each(system, code)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer

    return test if len(tests) != 1 else tests[0]


def _unknown(_system: str | None, _code: str) -> bool | None:
    return None


def _of_system(rule: Rule, terms: Terms) -> Test:
    url = rule["system"]
    if "concept" in rule:
        listed = frozenset(each["code"] for each in rule["concept"])
        return lambda system, code: system in (url, None) and code in listed
    known = terms.code_system(url)
    passes = _filters(rule.get("filter", []), known)

    def test(system: str | None, code: str) -> bool | None:
        if system not in (url, None):
            return False
        if known is None:
            # Without filters, being of the system is all that is asked; a bare code may be anything.
            return True if system is not None and not rule.get("filter") else None
        return bool(known.has(code)) and passes(code)

    return test


def _filters(rules: list[Rule], system: CodeSystem | None) -> Callable[[str], bool | None]:
    if system is None or not rules:
        return lambda code: True
    tests = [_FILTERS.get(rule["op"], _not_known)(rule, system) for rule in rules]

    def passes(code: str) -> bool | None:
        answers = [test(code) for test in tests]
        return False if False in answers else None if None in answers else True

    return passes


def _not_known(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: None


def _is_a(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: rule["value"] in system.ancestors(code)


def _is_not_a(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: rule["value"] not in system.ancestors(code)


def _descendent_of(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: code != rule["value"] and rule["value"] in system.ancestors(code)


def _generalizes(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: code in system.ancestors(rule["value"])


def _values(code: str, rule: Rule, system: CodeSystem) -> list[str]:
    name, concept = rule["property"], system.concepts.get(code, {})
    if name in ("concept", "code"):
        return [code]
    if name == "display":
        return [concept.get("display", "")]
    rows = (row for row in concept.get("property", ()) if row["code"] == name)
    return [_text(value) for row in rows for key, value in row.items() if key.startswith("value")]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value["code"] if isinstance(value, dict) else value)


def _equals(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: rule["value"] in _values(code, rule, system)


def _in(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    wanted = {each.strip() for each in rule["value"].split(",")}
    return lambda code: not wanted.isdisjoint(_values(code, rule, system))


def _not_in(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    inside = _in(rule, system)
    return lambda code: not inside(code)


def _exists(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    return lambda code: bool(_values(code, rule, system)) == (rule["value"] == "true")


def _regex(rule: Rule, system: CodeSystem) -> Callable[[str], bool | None]:
    try:
        matches = re.compile(rule["value"]).fullmatch
    except re.error:
        return lambda code: None
    return lambda code: any(matches(value) for value in _values(code, rule, system))


_FILTERS: dict[str, Callable[[Rule, CodeSystem], Callable[[str], bool | None]]] = {
    "is-a": _is_a,
    "is-not-a": _is_not_a,
    "descendent-of": _descendent_of,
    "generalizes": _generalizes,
    "=": _equals,
    "in": _in,
    "not-in": _not_in,
    "exists": _exists,
    "regex": _regex,
}


def _expanded(expansion: dict[str, Any] | None) -> Test:
    if expansion is None:
        return _unknown
    found: set[tuple[str | None, str]] = set()

    def walk(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if "code" in row and not row.get("abstract"):
                found.add((row.get("system"), row["code"]))
                found.add((None, row["code"]))
            walk(row.get("contains", []))

    walk(expansion.get("contains", []))
    return lambda system, code: (system, code) in found
