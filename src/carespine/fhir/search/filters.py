"""`_filter`: R4's filter expressions as clauses.

    given eq "Ada" and (birthdate ge 1980 or not (subject.name co "x"))

Source: FHIR R4 search_filter.html, grammar and table of operators. An expression is read first and then said of a
resource type: within brackets it is said of each type that a reference may point to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from carespine.fhir.definitions import SearchParameter
from carespine.fhir.search import normal
from carespine.fhir.search.criteria import AllOf, AnyOf, Clause, Criterion, DateValue, Not, StringValue

# Ours: brackets within brackets, and links of a path.
_DEEPEST, _LONGEST = 20, 5
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORD = re.compile(r"[a-z]+(?=[\s(])")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_BARE = re.compile(r'[^\s()\[\]"]+')
_ORDER = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
# What R4's operators mean for a type of parameter: those that there is a meaning for.
OPERATORS: dict[str, tuple[str, ...]] = {
    "number": (*_ORDER, "pr"),
    "date": (*_ORDER, "po", "pr"),
    "quantity": (*_ORDER, "pr"),
    "string": ("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "pr"),
    "uri": ("eq", "ne", "co", "sw", "ew", "ss", "sb", "pr"),
    "token": ("eq", "ne", "co", "ss", "sb", "in", "pr"),
    "reference": ("eq", "ne", "re", "pr"),
    "composite": ("eq", "pr"),
    "special": ("eq",),
}
_ALL = frozenset(operator for operators in OPERATORS.values() for operator in operators)
# Of texts: the operator, and the modifier that stands for it in a Criterion.
_OF_TEXT: dict[str, str | None] = {
    "eq": "whole",
    "co": "contains",
    "sw": None,
    "ew": "ends",
    "ne": "differs",
    "gt": "gt",
    "lt": "lt",
    "ge": "ge",
    "le": "le",
}
_OF_TOKEN = {"co": "text", "ss": "below", "sb": "above", "in": "in"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator value`; each link of the path is a name and what its target must satisfy."""

    path: tuple[tuple[str, Expression | None], ...]
    operator: str
    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Logical:
    """All (`and`) or any (`or`) of the parts; `not` has one."""

    word: str
    parts: tuple[Expression, ...]


Expression = Comparison | Logical
# How a clause is made of a name and a value as they stand in a query; how a link is followed to its targets.
Make = Callable[[str, str, str], Clause]
Follow = Callable[[str, str, Callable[[str], Clause]], Clause]


def read(text: str) -> Expression:
    """The expression of a text; ValueError with what was expected and where."""
    reader = _Reader(text)
    found = reader.expression(0)
    if reader.at < len(text):
        raise reader.expected("and, or, or the end")
    return found


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0

    def expected(self, what: str) -> ValueError:
        return ValueError(f"expected {what} at {self.text[self.at : self.at + 20]!r}")

    def take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def skip(self) -> None:
        self.take(_SPACE)

    def sign(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def word(self, *words: str) -> str | None:
        match = _WORD.match(self.text, self.at)
        if match is None or match.group() not in words:
            return None
        self.at = match.end()
        return match.group()

    def expression(self, depth: int) -> Expression:
        """`and` binds closer than `or`."""
        if depth > _DEEPEST:
            raise ValueError(f"expected at most {_DEEPEST} brackets within one another")
        ways = [self.conjunction(depth)]
        while self.word("or"):
            ways.append(self.conjunction(depth))
        return ways[0] if len(ways) == 1 else Logical("or", tuple(ways))

    def conjunction(self, depth: int) -> Expression:
        parts = [self.single(depth)]
        while self.word("and"):
            parts.append(self.single(depth))
        return parts[0] if len(parts) == 1 else Logical("and", tuple(parts))

    def single(self, depth: int) -> Expression:
        self.skip()
        start = self.at
        negated = self.word("not") is not None
        if negated:
            self.skip()
        if self.sign("("):
            inside = self.expression(depth + 1)
            if not self.sign(")"):
                raise self.expected("a closing bracket")
            self.skip()
            return Logical("not", (inside,)) if negated else inside
        self.at = start
        return self.comparison(depth)

    def comparison(self, depth: int) -> Expression:
        path = [self.link(depth)]
        while self.sign("."):
            path.append(self.link(depth))
        if len(path) > _LONGEST:
            raise ValueError(f"expected at most {_LONGEST} names in a path")
        if path[-1][1] is not None:
            raise self.expected("a dot and a name after the bracket")
        self.skip()
        operator = self.word(*_ALL)
        if operator is None:
            raise self.expected(f"one of {', '.join(sorted(_ALL))}")
        self.skip()
        quoted = self.take(_TEXT)
        bare = self.take(_BARE) if quoted is None else None
        if quoted is None and bare is None:
            raise self.expected("a value")
        self.skip()
        return Comparison(tuple(path), operator, bare or _unquoted(quoted or ""), quoted is not None)

    def link(self, depth: int) -> tuple[str, Expression | None]:
        name = self.take(_NAME)
        if name is None:
            raise self.expected("the name of a search parameter")
        if not self.sign("["):
            return name, None
        inside = self.expression(depth + 1)
        if not self.sign("]"):
            raise self.expected("a closing bracket ]")
        return name, inside


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise ValueError(f"expected a text with the escapes of JSON, not {text[:40]}") from error


@dataclass(frozen=True, slots=True)
class Saying:
    """How expressions become clauses: with the search parameters of the types, and their chains."""

    parameter: Callable[[str, str], SearchParameter]
    make: Make
    follow: Follow

    def clause(self, resource_type: str, expression: Expression) -> Clause:
        """What the expression says of a resource type; ValueError where it says nothing."""
        if isinstance(expression, Comparison):
            return self._path(resource_type, expression, expression.path)
        parts = tuple(self.clause(resource_type, part) for part in expression.parts)
        match expression.word:
            case "not":
                return Not(resource_type, parts[0])
            case "and":
                return AllOf(resource_type, parts)
            case _:
                return AnyOf(resource_type, parts)

    def _path(
        self, resource_type: str, comparison: Comparison, path: tuple[tuple[str, Expression | None], ...]
    ) -> Clause:
        (name, inside), *rest = path
        if not rest:
            return self._compare(resource_type, name, comparison)

        def of_target(target: str) -> Clause:
            further = self._path(target, comparison, tuple(rest))
            return further if inside is None else AllOf(target, (self.clause(target, inside), further))

        return self.follow(resource_type, name, of_target)

    def _compare(self, resource_type: str, name: str, comparison: Comparison) -> Clause:
        found, operator, value = self.parameter(resource_type, name), comparison.operator, comparison.value
        if operator not in OPERATORS[found.type]:
            names = ", ".join(OPERATORS[found.type])
            raise ValueError(
                f"{name} is a {found.type} parameter, which is compared by {names}, not by {operator}"
            )
        if operator == "pr":
            if value not in ("true", "false"):
                raise ValueError("expected true or false after pr")
            return self.make(resource_type, f"{name}:missing", "false" if value == "true" else "true")
        if found.code == "phonetic" and operator != "eq":
            raise ValueError("phonetic is compared by eq and pr only")
        if (
            found.type in ("string", "uri")
            and found.code != "phonetic"
            and (found.type, operator) != ("uri", "eq")
        ):
            return self._of_text(resource_type, found, operator, value)
        text = (
            value.replace("\\", "\\\\").replace(",", "\\,")
            if comparison.quoted
            else value.replace(",", "\\,")
        )
        if operator == "ne" and found.type in ("token", "reference"):
            present = self.make(resource_type, f"{name}:missing", "false")
            return AllOf(resource_type, (present, Not(resource_type, self.make(resource_type, name, text))))
        if operator in _OF_TOKEN:
            return self.make(resource_type, f"{name}:{_OF_TOKEN[operator]}", text)
        if operator == "po":
            return _overlapping(self.make(resource_type, name, text))
        if found.type in ("number", "date", "quantity"):
            return self.make(resource_type, name, f"{operator}{text}")
        return self.make(resource_type, name, text)

    def _of_text(self, resource_type: str, found: SearchParameter, operator: str, value: str) -> Clause:
        if operator in ("ss", "sb"):
            modifier = "below" if operator == "ss" else "above"
            return self.make(resource_type, f"{found.code}:{modifier}", value.replace(",", "\\,"))
        comparable = normal.text(value) if found.type == "string" else value
        asked_by = _OF_TEXT[operator] or ("starts" if found.type == "uri" else None)
        asked = StringValue(value, comparable)
        return Criterion(resource_type, found, asked_by, (asked,), found.code)


def _overlapping(clause: Clause) -> Clause:
    """`po`: the periods overlap, which no prefix says."""
    if not isinstance(clause, Criterion):
        return clause
    values = (
        replace(value, prefix="po") if isinstance(value, DateValue) else value for value in clause.values
    )
    return replace(clause, values=tuple(values))
