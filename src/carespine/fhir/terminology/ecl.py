"""SNOMED CT's Expression Constraint Language: the part that reference sets and value sets need.

    constraint  = refined (("AND" | ",") refined)* | refined ("OR" refined)* | refined "MINUS" refined
    refined     = part (":" attribute (("AND" | "," | "OR") attribute)*)?
    attribute   = part ("=" | "!=") part | "R" part "=" part
    part        = operator? "^"? (code ("|" term "|")? | "*" | "(" constraint ")") ("{{" "term" "=" text "}}")*
    operator    = "<" | "<<" | "<!" | "<<!" | ">" | ">>" | ">!" | ">>!"

Groups, cardinalities, dots and concrete values are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from carespine.fhir.terminology import masks, words
from carespine.fhir.terminology.models import Mask, Ords
from carespine.fhir.terminology.system import (
    BELOW,
    CHILD,
    MARK,
    PROPERTY,
    REFSET,
    ROOT,
    STEM,
    WORD,
    System,
    value_of,
)
from carespine.fhir.terminology.system import property_name as name_of
from carespine.kernel.errors import Issue, Unprocessable

_LONGEST, _DEEPEST = 5_000, 40
# Ours: concepts that one operator goes on from; each is a row of the database.
_MOST_AT_ONCE = 10_000
_SYMBOL = re.compile(
    r"\s*(?:/\*.*?\*/\s*)*(?:(?P<code>[0-9]{6,18})(?:\s*\|[^|]*\|)?|(?P<word>AND|OR|MINUS|R(?=\s*[<>^(0-9])|term)\b"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\")|(?P<mark><<!|>>!|<!|>!|<<|>>|<|>|\{\{|\}\}|!=|[\^*():,=.{}\[\]#]))",
    re.IGNORECASE | re.DOTALL,
)
_REFUSED = {
    "{": "attribute groups",
    "[": "cardinalities",
    ".": "dotted attributes",
    "#": "concrete values",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Concepts by themselves: `focus` is a code, "*" or a constraint in brackets."""

    operator: str
    member_of: bool
    focus: str | Node
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """Concepts with a relationship of a kind in `name` to one in `value`; reversed: those so related to."""

    name: Node
    value: Node
    equal: bool
    reverse: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """Two constraints, by AND, OR or MINUS. Under a refinement the right side narrows the left (AND)."""

    operator: str
    left: Node
    right: Node


Node = Part | Attribute | Joined


async def matching(system: System, expression: str) -> Mask:
    """The concepts that an expression constrains to; Unprocessable where it cannot be read."""
    return await _evaluate(system, parse(expression))


@lru_cache(maxsize=512)
def parse(expression: str) -> Node:
    """The constraint as a tree."""
    if len(expression) > _LONGEST:
        raise Unprocessable(f"The expression constraint is longer than {_LONGEST} characters.")
    reader = _Reader(expression)
    node = reader.constraint(0)
    if reader.symbol:
        raise reader.fault("the end, or AND, OR, MINUS or ':'")
    return node


class _Reader:
    """Reads one symbol ahead."""

    def __init__(self, text: str) -> None:
        self._text, self._end = text, 0
        self._start = 0
        self.kind, self.symbol = "", ""
        self.step()

    def step(self) -> str:
        """The symbol that was ahead; reads the next."""
        before = self.symbol
        self._start = self._end
        if not self._text[self._end :].strip():
            self.kind = self.symbol = ""
            return before
        found = _SYMBOL.match(self._text, self._end)
        if not found:
            self.kind = self.symbol = "?"
            raise self.fault("a concept, an operator or a bracket")
        self._end = found.end()
        self.kind = found.lastgroup or ""
        self.symbol = found[self.kind].upper() if self.kind == "word" else found[self.kind]
        return before

    def fault(self, expected: str) -> Unprocessable:
        if self.symbol in _REFUSED:
            return Unprocessable(
                f"Expression constraints with {_REFUSED[self.symbol]} are not supported here."
            )
        place = len(self._text[: self._start].rstrip()) + 1
        return Unprocessable(
            f"The expression constraint cannot be read at character {place}: expected {expected}."
        )

    def take(self, symbol: str) -> None:
        if self.symbol != symbol:
            raise self.fault(repr(symbol))
        self.step()

    def constraint(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise Unprocessable("The expression constraint is nested too deeply.")
        node = self.refined(depth)
        first = ""
        while self.symbol in ("AND", "OR", "MINUS", ","):
            operator = "AND" if self.symbol == "," else self.symbol
            if first and (operator != first or operator == "MINUS"):
                raise Unprocessable("An expression constraint that mixes AND, OR and MINUS needs brackets.")
            first = operator
            self.step()
            node = Joined(operator, node, self.refined(depth))
        return node

    def refined(self, depth: int) -> Node:
        node: Node = self.part(depth)
        if self.symbol != ":":
            return node
        self.step()
        return Joined("AND", node, self.attributes(depth))

    def attributes(self, depth: int) -> Node:
        node = self.attribute(depth)
        first = ""
        while self.symbol in ("AND", "OR", ","):
            operator = "AND" if self.symbol == "," else self.symbol
            if first and operator != first:
                raise Unprocessable("A refinement that mixes AND and OR needs brackets.")
            first = operator
            self.step()
            node = Joined(operator, node, self.attribute(depth))
        return node

    def attribute(self, depth: int) -> Node:
        if self.symbol == "(" and self._opens_attributes():
            self.step()
            node = self.attributes(depth + 1)
            self.take(")")
            return node
        reverse = self.symbol == "R"
        if reverse:
            self.step()
        name = self.part(depth)
        if self.symbol not in ("=", "!="):
            raise self.fault("'=' or '!='")
        equal = self.step() == "="
        return Attribute(name, self.part(depth), equal, reverse)

    def _opens_attributes(self) -> bool:
        """Whether a bracket holds attributes, and not the names of one."""
        depth = 0
        for place in range(self._end - 1, len(self._text)):
            character = self._text[place]
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return not self._text[place + 1 :].lstrip().startswith(("=", "!="))
        return False

    def part(self, depth: int) -> Part:
        operator = self.step() if self.symbol in _HIERARCHY else ""
        member_of = self.symbol == "^"
        if member_of:
            self.step()
        focus: str | Node
        if self.symbol == "(":
            self.step()
            focus = self.constraint(depth + 1)
            self.take(")")
        elif self.kind == "code" or self.symbol == "*":
            focus = self.step()
        else:
            raise self.fault("a concept, '*' or '('")
        terms: list[str] = []
        while self.symbol == "{{":
            self.step()
            self.take("TERM")
            self.take("=")
            if self.kind != "text":
                raise self.fault("a text in quotes")
            terms.append(self.step()[1:-1])
            self.take("}}")
        return Part(operator, member_of, focus, tuple(terms))


async def _evaluate(system: System, node: Node) -> Mask:
    if isinstance(node, Joined):
        left, right = await _evaluate(system, node.left), await _evaluate(system, node.right)
        return {"AND": left & right, "OR": left | right, "MINUS": left & ~right}[node.operator]
    if isinstance(node, Attribute):
        return await _related(system, node)
    return await _concepts(system, node)


async def _concepts(system: System, part: Part) -> Mask:
    if part.focus == "*" and not part.member_of:
        mask = await _every(system, part.operator)
    else:
        mask = await _focus(system, part.focus)
        if part.member_of:
            every = part.focus == "*"
            found = await (system.sets_from(REFSET, "") if every else _sets(system, REFSET, mask))
            mask = masks.of(system.size, *found.values())
        if part.operator:
            mask = await _HIERARCHY[part.operator](system, mask)
    for term in part.terms:
        for word in words.words(term):
            short = len(word) <= words.LONGEST_STEM
            found = await system.sets(STEM, [word]) if short else await system.sets_from(WORD, word)
            mask &= masks.of(system.size, *found.values())
    return mask


async def _every(system: System, operator: str) -> Mask:
    """An operator on all concepts: those below some concept are all but the roots."""
    mask = masks.every(system.size)
    if operator in ("<", "<!"):
        return ~masks.of(system.size, *(await system.sets(MARK, [ROOT])).values())
    return await _HIERARCHY[operator](system, mask) if operator in (">", ">!") else mask


async def _focus(system: System, focus: str | Node) -> Mask:
    if not isinstance(focus, str):
        return await _evaluate(system, focus)
    if focus == "*":
        return masks.every(system.size)
    found = await system.locate([focus])
    if not found:
        raise Unprocessable(f"The expression constraint names {focus}, which this release does not have.")
    return masks.of(system.size, masks.array(found.values()))


def _places(mask: Mask) -> list[int]:
    """The places of concepts that are looked at one by one; too many of them are refused."""
    if (count := int(mask.sum())) > _MOST_AT_ONCE:
        message = (
            f"The expression constraint goes on from {count} concepts; an operator, attribute or reference set can be "
            f"taken of {_MOST_AT_ONCE} at most."
        )
        raise Unprocessable(message, issues=[Issue("too-costly", message)])
    return [int(place) for place in masks.ords(mask)]


async def _codes(system: System, mask: Mask) -> list[str]:
    return [concept.code for concept in await system.concepts(_places(mask))]


async def _sets(system: System, kind: str, mask: Mask) -> dict[str, Ords]:
    return await system.sets(kind, await _codes(system, mask))


async def _below(system: System, mask: Mask) -> Mask:
    return masks.of(system.size, *(await _sets(system, BELOW, mask)).values())


async def _children(system: System, mask: Mask) -> Mask:
    return masks.of(system.size, *(await _sets(system, CHILD, mask)).values())


async def _above(system: System, mask: Mask) -> Mask:
    return masks.of(system.size, *await system.ancestors_of(_places(mask)))


async def _parents(system: System, mask: Mask) -> Mask:
    found = await system.concepts(_places(mask))
    codes = sorted({code for concept in found for code in concept.parents})
    return masks.of(system.size, masks.array((await system.locate(codes)).values()))


def _or_itself(step: Callable[[System, Mask], Awaitable[Mask]]) -> Callable[[System, Mask], Awaitable[Mask]]:
    async def both(system: System, mask: Mask) -> Mask:
        return mask | await step(system, mask)

    return both


_HIERARCHY: dict[str, Callable[[System, Mask], Awaitable[Mask]]] = {
    "<": _below,
    "<<": _or_itself(_below),
    "<!": _children,
    "<<!": _or_itself(_children),
    ">": _above,
    ">>": _or_itself(_above),
    ">!": _parents,
    ">>!": _or_itself(_parents),
}


async def _related(system: System, attribute: Attribute) -> Mask:
    """Concepts that have the attribute with a value in the set (`!=`: with a value outside it)."""
    names = await _codes(system, await _evaluate(system, attribute.name))
    values = await _evaluate(system, attribute.value)
    wanted = values if attribute.equal else ~values
    found = masks.none(system.size)
    for name in names:
        pairs = await system.sets_from(PROPERTY, name_of(name, ""))
        targets = await system.locate([value_of(key) for key in pairs])
        for key, sources in pairs.items():
            target = targets.get(value_of(key))
            if target is None:
                continue
            if attribute.reverse:
                found[target] |= bool(wanted[sources].any())
            elif wanted[target]:
                found[sources] = True
    return found
