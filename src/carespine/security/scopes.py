"""SMART scopes (App Launch 2.2, version 2 syntax): what they say, and whether one lies within others.

Version 1 scopes (`patient/Observation.read`) are accepted and mapped to what version 2 writes for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast
from urllib.parse import parse_qsl

from carespine.fhir import definitions

Context = Literal["patient", "user", "system"]
# Scopes that ask for something other than resources (SMART App Launch 2.2, "Scopes and launch context").
# `introspect` is ours: it lets a service ask about tokens that are not its own (RFC 7662).
FLAGS = frozenset(
    {
        "openid",
        "fhirUser",
        "profile",
        "offline_access",
        "online_access",
        "launch",
        "launch/patient",
        "introspect",
    }
)
_SCOPE = re.compile(
    r"(?P<context>system|user|patient)/(?P<type>\*|[A-Za-z]+)\.(?P<letters>c?r?u?d?s?|read|write|\*)"
    r"(?:\?(?P<query>[A-Za-z_][^\s]*))?"
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Scope:
    """A resource scope: `type` is * for every type; `query` narrows it to what a search with it would find."""

    context: Context
    type: str
    letters: str
    query: tuple[tuple[str, str], ...] = ()

    def covers(self, resource_type: str, letter: str) -> bool:
        """Whether it speaks of this interaction with this type; `query` may narrow that further."""
        return letter in self.letters and self.type in ("*", resource_type)

    def holds(self, other: Scope, letter: str) -> bool:
        """Whether all that `other` allows by one letter is allowed here too."""
        return (
            self.context == other.context
            and letter in self.letters
            and self.type in ("*", other.type)
            and set(self.query) <= set(other.query)
        )


@lru_cache(maxsize=4_096)
def read(text: str) -> Scope | None:
    """The resource scope that a text writes, or None. A restriction must be by parameters of the type."""
    found = _SCOPE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not found["letters"]:
        return None
    name = found["type"]
    if name != "*" and name not in definitions.resource_types():
        return None
    query = tuple(parse_qsl(found["query"] or "", keep_blank_values=True))
    if query and not _is_restriction(name, query):
        return None
    letters = _VERSION_1.get(found["letters"], found["letters"])
    return Scope(cast("Context", found["context"]), name, letters, query)


def _is_restriction(resource_type: str, query: tuple[tuple[str, str], ...]) -> bool:
    """One plain token parameter (category, code, status ...) of one type: what a row's own keys can answer."""
    if resource_type == "*" or len(query) != 1:
        return False
    known = definitions.search_parameters(resource_type)
    return all(value and name in known and known[name].type == "token" for name, value in query)


def resource_scopes(texts: Iterable[str]) -> list[Scope]:
    """The resource scopes among the texts."""
    return [found for found in map(read, texts) if found]


def is_known(text: str) -> bool:
    """Whether `text` is a scope that this server understands."""
    return text in FLAGS or read(text) is not None


def within(wanted: str, granted: Iterable[str]) -> bool:
    """Whether a wanted scope asks for nothing beyond the granted ones."""
    granted = frozenset(granted)
    if wanted in FLAGS:
        return wanted in granted
    scope = read(wanted)
    if scope is None:
        return False
    held = resource_scopes(granted)
    return all(any(each.holds(scope, letter) for each in held) for letter in scope.letters)
