"""What an app asks for, in words that the person who decides can read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from carespine.security import scopes
from carespine.security.scopes import Scope

_FLAGS = {
    "openid": "know that it is you who signed in",
    "fhirUser": "know which record in the directory is yours",
    "profile": "know your name",
    "offline_access": "come back without you, for up to 90 days",
    "online_access": "stay connected for up to 12 hours",
    "launch": "open with the patient you were looking at",
    "launch/patient": "know whose record was chosen",
}
# What the app cannot do without, or what says nothing about data: not a choice of its own.
_NO_CHOICE = frozenset({"openid", "fhirUser", "profile", "launch", "launch/patient"})
_VERBS = (("r", "see"), ("c", "add"), ("u", "change"), ("d", "delete"))
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that an app asks for. `value` is the scope; one that is no `choice` comes with the others."""

    value: str
    words: str
    choice: bool


def wishes(asked: tuple[str, ...]) -> list[Wish]:
    """What is asked, in order."""
    return [Wish(text, words(text), text not in _NO_CHOICE) for text in asked]


def words(text: str) -> str:
    """One scope in words: `see and change Observations of the patient, only where category is laboratory`."""
    scope = scopes.read(text)
    if scope is None:
        return _FLAGS.get(text, text)
    return f"{_verbs(scope)} {_things(scope)} {_whose(scope)}{_where(scope)}"


def _verbs(scope: Scope) -> str:
    letters = scope.letters.replace("s", "r")
    found = [verb for letter, verb in _VERBS if letter in letters]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def _things(scope: Scope) -> str:
    if scope.type == "*":
        return "everything"
    return _CAMEL.sub(" ", scope.type).lower()


def _whose(scope: Scope) -> str:
    return "in this record" if scope.context == "patient" else "that you yourself can reach"


def _where(scope: Scope) -> str:
    return "".join(f", only where {name} is {value.rpartition('|')[2]}" for name, value in scope.query)
