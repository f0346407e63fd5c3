"""Words for `_text` and `_content`: those of a resource, and what a query asks of them.

A query is words that must all be there, with `and`, `or`, `not` and brackets: `(bone or liver) and metastases`.
Source: FHIR R4 search.html#content, whose example that is; the grammar is the server's to choose.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from carespine.fhir.definitions import SearchParameter
from carespine.fhir.search import normal
from carespine.fhir.search.criteria import AllOf, AnyOf, Clause, Criterion, Not, StringValue

_TAG = re.compile(r"<[^>]*>")
_TOKEN = re.compile(r'\s*(?:(?P<bracket>[()])|"(?P<quoted>[^"]*)"|(?P<word>[^\s()"]+))')
# Ours: brackets within brackets; deeper ones are no question of a person.
_DEEPEST = 20


def of_text(text: str) -> frozenset[str]:
    """The words of a text as they compare: without case, accents and punctuation."""
    return frozenset(normal.text(text).split())


def of_narrative(div: str) -> frozenset[str]:
    """The words of a narrative's XHTML, without its tags."""
    return of_text(html.unescape(_TAG.sub(" ", div)))


def of_resource(tree: Any) -> frozenset[str]:
    """The words of all texts in a tree, wherever they stand; names of elements are none."""
    return frozenset().union(*map(_of_string, _strings(tree)))


def _of_string(text: str) -> frozenset[str]:
    return of_narrative(text) if text.startswith("<") else of_text(text)


def _strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _strings(value)


def parse(resource_type: str, parameter: SearchParameter, text: str) -> Clause:
    """The clause of a query's text; ValueError where it has no words, or brackets that do not fit."""
    reader = _Reader(resource_type, parameter, text)
    found = reader.either(0)
    if reader.next is not None:
        raise ValueError(f"expected nothing after {reader.read[:60]!r}")
    return found


class _Reader:
    def __init__(self, resource_type: str, parameter: SearchParameter, text: str) -> None:
        self._resource_type, self._parameter, self._text = resource_type, parameter, text
        self._at = 0
        self.next: re.Match[str] | None = None
        self._advance()

    @property
    def read(self) -> str:
        """What was read before the next token."""
        return self._text[: self.next.start()] if self.next else self._text

    def _advance(self) -> None:
        self.next = _TOKEN.match(self._text, self._at)
        if self.next is not None:
            self._at = self.next.end()
        elif self._text[self._at :].strip():
            raise ValueError("expected a closing quotation mark")

    def _is(self, word: str) -> bool:
        found = self.next
        if found is None or found["quoted"] is not None:
            return False
        return (found["bracket"] or found["word"]).lower() == word

    def either(self, depth: int) -> Clause:
        if depth > _DEEPEST:
            raise ValueError(f"expected at most {_DEEPEST} brackets within one another")
        parts = [self._all(depth)]
        while self._is("or"):
            self._advance()
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else AnyOf(self._resource_type, tuple(parts))

    def _all(self, depth: int) -> Clause:
        parts = [self._one(depth)]
        while self.next is not None and not self._is("or") and not self._is(")"):
            if self._is("and"):
                self._advance()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else AllOf(self._resource_type, tuple(parts))

    def _one(self, depth: int) -> Clause:
        if self._is("not"):
            self._advance()
            return Not(self._resource_type, self._one(depth))
        if self._is("("):
            self._advance()
            inside = self.either(depth + 1)
            if not self._is(")"):
                raise ValueError("expected a closing bracket")
            self._advance()
            return inside
        found = self.next
        if found is None or found["bracket"]:
            raise ValueError("expected a word")
        self._advance()
        words = sorted(of_text(found["quoted"] if found["quoted"] is not None else found["word"]))
        if not words:
            raise ValueError("expected a word")
        criteria = [self._word(word) for word in words]
        return criteria[0] if len(criteria) == 1 else AllOf(self._resource_type, tuple(criteria))

    def _word(self, word: str) -> Criterion:
        value = StringValue(word, word)
        return Criterion(self._resource_type, self._parameter, None, (value,), self._parameter.code)
