"""R4's code systems as far as validation asks: which codes there are, under which, by what names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from carespine.fhir.fhirpath import ucum

# RFC 6838, section 4.2 (restricted names), with parameters as in RFC 2045.
_MIME = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+*-]{1,127}(?:\s*;.*)?", re.ASCII)
# RFC 5646, section 2.1: language, script, region, variants, extensions; or private use.
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wy-z\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?"
    r"|x(?:-[a-z\d]{1,8})+",
    re.ASCII | re.IGNORECASE,
)
_CURRENCY = re.compile("[A-Z]{3}", re.ASCII)
# FHIR R4, CapabilityStatement.format: "xml | json | ttl | mime type", bound to the MIME types as required.
_FORMATS = frozenset({"xml", "json", "ttl"})
# Systems whose codes follow a grammar. A code that keeps it is taken as right: R4 lists none of them.
_GRAMMARS: Mapping[str, Callable[[str], bool]] = {
    "urn:ietf:bcp:13": lambda code: code in _FORMATS or _MIME.fullmatch(code) is not None,
    "urn:ietf:bcp:47": lambda code: _LANGUAGE.fullmatch(code) is not None,
    "urn:iso:std:iso:4217": lambda code: _CURRENCY.fullmatch(code) is not None,
    ucum.SYSTEM: lambda code: ucum.unit(code) is not None,
}


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """The concepts of a complete code system. `parents`: code to the codes directly above it; `lowered`: its
    codes in lower case, where case means nothing."""

    url: str
    concepts: Mapping[str, dict[str, Any]]
    parents: Mapping[str, frozenset[str]]
    lowered: frozenset[str] | None = None
    grammar: Callable[[str], bool] | None = None
    _ancestors: dict[str, frozenset[str]] = field(default_factory=dict)

    def has(self, code: str) -> bool | None:
        """Whether the system has the code."""
        if self.grammar is not None:
            return self.grammar(code)
        return code in self.concepts or (self.lowered is not None and code.lower() in self.lowered)

    def displays(self, code: str) -> Collection[str] | None:
        """The names of a code, the preferred one first; None where the system gives none."""
        concept = self.concepts.get(code)
        if concept is None or "display" not in concept:
            return None
        return (concept["display"], *(each["value"] for each in concept.get("designation", ())))

    def ancestors(self, code: str) -> frozenset[str]:
        """The code and all above it."""
        known = self._ancestors.get(code)
        if known is None:
            self._ancestors[code] = frozenset({code})  # a circle ends here
            above = (self.ancestors(parent) for parent in self.parents.get(code, ()))
            known = self._ancestors[code] = frozenset({code}).union(*above)
        return known


def of_grammar(url: str) -> CodeSystem | None:
    """The code system of a URL whose codes follow a grammar; None for all others."""
    grammar = _GRAMMARS.get(url)
    return None if grammar is None else CodeSystem(url, {}, {}, grammar=grammar)


def compile_code_system(tree: dict[str, Any]) -> CodeSystem | None:
    """The concepts of a CodeSystem resource, flattened; None where it does not list all of them."""
    if tree.get("content") != "complete" or "concept" not in tree:
        return None
    concepts: dict[str, dict[str, Any]] = {}
    parents: dict[str, set[str]] = {}

    def walk(rows: list[dict[str, Any]], above: str | None) -> None:
        for concept in rows:
            code = concept["code"]
            concepts[code] = concept
            own = parents.setdefault(code, set())
            if above is not None:
                own.add(above)
            for prop in concept.get("property", ()):
                if prop["code"] in ("subsumedBy", "parent") and "valueCode" in prop:
                    own.add(prop["valueCode"])
                elif prop["code"] == "child" and "valueCode" in prop:
                    parents.setdefault(prop["valueCode"], set()).add(code)
            walk(concept.get("concept", []), code)

    walk(tree.get("concept", []), None)
    above = {code: frozenset(own) for code, own in parents.items()}
    lowered = frozenset(code.lower() for code in concepts) if tree.get("caseSensitive") is False else None
    return CodeSystem(tree["url"], concepts, above, lowered)
