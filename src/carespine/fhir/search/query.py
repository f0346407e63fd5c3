"""`parse`: the parameters of a search become a Query; what is unknown or malformed is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.search import clauses
from carespine.fhir.search.criteria import Clause, Include, Query, SortKey
from carespine.kernel.errors import Invalid, Issue

TOTALS = ("none", "estimate", "accurate")
SUMMARIES = ("true", "text", "data", "count", "false")
# Ours: an `_include` repeated more often than this is no question of a person or a program that means well.
MAX_INCLUDES = 50
# FHIR R4 search.html#iterate; `recurse` is its name in STU3 and is still sent.
_ITERATE = ("iterate", "recurse")
# FHIR R4 search.html#contained, and the one value of each that asks for what is done.
_CONTAINED = {"_contained": "false", "_containedType": "container"}


def parse(
    resource_type: str, pairs: Sequence[tuple[str, str]], *, lenient: bool = False, base_url: str = ""
) -> Query:
    """The query that `pairs` (decoded names and values, in order) ask of a resource type.

    Raises Invalid with one issue for each parameter that is unknown or malformed; with `lenient` those are
    left out and named in `Query.ignored`. `base_url` is this server's FHIR base, for absolute references to
    it. `_format`, `_pretty` and paging are the caller's: take them out first.
    """
    if resource_type not in definitions.resource_types():
        raise Invalid(f"{resource_type!r} is not a resource type of R4.")
    reading = _Reading(resource_type, base_url)
    for name, value in pairs:
        reading.read(name, value)
    if reading.refusals and not lenient:
        issues = [Issue("invalid", message, f"http.{name}") for name, message in reading.refusals]
        raise Invalid(" ".join(dict.fromkeys(message for _, message in reading.refusals)), issues=issues)
    ignored = tuple(dict.fromkeys(name for name, _ in reading.refusals))
    return reading.query(ignored, tuple(reading.kept))


@dataclass(slots=True)
class _Reading:
    resource_type: str
    base_url: str
    clauses: list[Clause] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    def query(self, ignored: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> Query:
        return Query(
            resource_type=self.resource_type,
            clauses=tuple(self.clauses),
            includes=tuple(self.includes),
            revincludes=tuple(self.revincludes),
            ignored=ignored,
            pairs=pairs,
            **self.settings,
        )

    def read(self, name: str, value: str) -> None:
        """Take in one pair; what is wrong with it is kept as a refusal."""
        try:
            self._read(name, value)
        except ValueError as error:
            self.refusals.append((name, str(error)))
        else:
            self.kept.append((name, value))

    def _read(self, name: str, value: str) -> None:
        code, _, modifier = name.partition(":")
        if code in _SETTINGS and not modifier:
            key, read = _SETTINGS[code]
            if key in self.settings:
                raise ValueError(f"The search parameter {code!r} is given twice; expected it once.")
            self.settings[key] = read(self.resource_type, value)
        elif code in {"_include", "_revinclude"}:
            found = _include(self.resource_type, name, value)
            self._add_include(self.includes if code == "_include" else self.revincludes, found)
        elif code in _CONTAINED:
            if name not in _CONTAINED or value != _CONTAINED[code]:
                raise ValueError(
                    f"The search parameter {code!r} cannot be {value!r}: contained resources are not searched, so that "
                    f"only {_CONTAINED[code]} is supported."
                )
        else:
            self.clauses.append(clauses.clause(self.resource_type, name, value, base_url=self.base_url))

    def _add_include(self, to: list[Include], found: Include) -> None:
        if len(to) >= MAX_INCLUDES:
            raise ValueError(f"The search has too many includes: at most {MAX_INCLUDES} are followed.")
        if found not in to:
            to.append(found)


def _include(resource_type: str, name: str, value: str) -> Include:
    code, colon, modifier = name.partition(":")
    if colon and modifier not in _ITERATE:
        raise ValueError(f"The search parameter {code!r} has no modifier :{modifier}; it has :iterate.")
    iterate = bool(colon)
    if value == "*":
        return Include("*" if code == "_revinclude" else resource_type, "*", None, iterate)
    source, *rest = value.split(":")
    if source not in definitions.resource_types() or len(rest) not in {1, 2} or not rest[0]:
        raise ValueError(
            f"The search parameter {name!r} cannot be {value!r}: expected Type:parameter[:Type]."
        )
    if code == "_include" and not iterate and source != resource_type:
        raise ValueError(
            f"The search parameter {name!r} cannot be {value!r}: the search is of {resource_type}."
        )
    target = rest[1] if len(rest) == 2 else None
    if rest[0] != "*":
        _require_reference(
            name, value, source, rest[0], target or (resource_type if code == "_revinclude" else None)
        )
    return Include(source, rest[0], target, iterate)


def _require_reference(name: str, value: str, source: str, code: str, target: str | None) -> None:
    found = clauses.parameter(source, code)
    if found.type != "reference":
        raise ValueError(
            f"The search parameter {name!r} cannot be {value!r}: {source}.{code} is no reference."
        )
    if target is not None and target not in definitions.resource_types():
        raise ValueError(
            f"The search parameter {name!r} cannot be {value!r}: R4 has no resource type {target!r}."
        )


# Ours: each key is one more column to find and to order by.
_MOST_SORT_KEYS = 8


def _sort(resource_type: str, text: str) -> tuple[SortKey, ...]:
    found: dict[str, SortKey] = {}  # a key that comes again changes nothing
    for part in text.split(","):
        code = part.removeprefix("-")
        if code in found:
            continue
        if len(found) == _MOST_SORT_KEYS:
            raise ValueError(f"The search parameter '_sort' names more than {_MOST_SORT_KEYS} keys.")
        chosen = clauses.parameter(resource_type, code)
        if chosen.type in {"composite", "special"} or code in definitions.UNINDEXED_PARAMETERS:
            raise ValueError(
                f"The search parameter '_sort' cannot be {part!r}: {chosen.type} parameters have no order."
            )
        found[code] = SortKey(chosen, descending=part.startswith("-"))
    return tuple(found.values())


def _count(_resource_type: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(f"The search parameter '_count' cannot be {text!r}: expected a whole number from 0.")
    return int(text)


def _one_of(code: str, allowed: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(_resource_type: str, text: str) -> str:
        if text not in allowed:
            raise ValueError(
                f"The search parameter {code!r} cannot be {text!r}: expected {', '.join(allowed)}."
            )
        return text

    return read


def _elements(resource_type: str, text: str) -> tuple[str, ...]:
    known = definitions.type_definition(resource_type).elements
    names = tuple(name.strip().removeprefix(f"{resource_type}.") for name in text.split(","))
    for name in names:
        owner, dot, _ = name.partition(".")
        if name not in known and not (dot and owner in definitions.resource_types()):
            raise ValueError(
                f"The search parameter '_elements' cannot be {text!r}: {resource_type} has no {name!r}."
            )
    return names


_SETTINGS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "_sort": ("sort", _sort),
    "_count": ("count", _count),
    "_total": ("total", _one_of("_total", TOTALS)),
    "_summary": ("summary", _one_of("_summary", SUMMARIES)),
    "_elements": ("elements", _elements),
}
