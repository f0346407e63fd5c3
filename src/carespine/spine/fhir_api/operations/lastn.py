"""Observation/$lastn: the latest observations of each code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from carespine.fhir import json_text
from carespine.fhir.search import parse
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs
from carespine.storage.search.pages import MOST_COUNT

if TYPE_CHECKING:
    from carespine.fhir.search import Query
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored

_OF_WHOM, _OF_WHAT = frozenset({"patient", "subject"}), frozenset({"category", "code"})
_SETTINGS = frozenset({"_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total"})
# Ours: observations that one call goes over; beyond it a narrower question is asked for.
_MOST_PAGES = 50


async def lastn(session: Session, exchange: Exchange) -> Answer:
    """GET or POST Observation/$lastn?patient=...&code=...|category=...[&max=n] and other criteria of the type.

    The `max` (1) latest of each code, by their `date`; those without a date count as the oldest. Two codes are
    the same where they share a coding, or where both have none and the same text.
    """
    pairs = inputs.given(exchange)
    most = inputs.number(pairs, "max", 1, MOST_COUNT)
    latest = _Latest(most)
    query = _query(pairs)
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await session.search_stored(query, cursor=cursor)
        for item in page.matches:
            latest.see(item)
        cursor = page.next
        if cursor is None:
            break
    else:
        raise Invalid(f"There are more than {_MOST_PAGES * MOST_COUNT} observations; narrow them by date.")
    found = [item for group in latest.groups for item in group]
    entries = [answer.search_entry(exchange.base, item, item.body, "match") for item in found]
    address = f"{exchange.base}/{'/'.join(exchange.parts)}?{urlencode(pairs)}"
    body = answer.bundle("searchset", entries, total=len(found), links=[("self", address)])
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


def _query(pairs: list[tuple[str, str]]) -> Query:
    criteria = [(name, value) for name, value in pairs if name != "max"]
    names = {name.partition(":")[0].partition(".")[0] for name, _ in criteria}
    if not names & _OF_WHOM or not names & _OF_WHAT:
        raise Invalid("$lastn needs a patient or subject, and a code or category.")
    if settings := sorted(names & _SETTINGS):
        raise Invalid(f"$lastn has its own order and size; it does not take {', '.join(settings)}.")
    query = parse("Observation", [*criteria, ("_sort", "-date")])
    return replace(query, count=MOST_COUNT, total="none")


class _Latest:
    """The first `most` observations of each code, from observations that come latest first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._group_of: dict[Any, list[Stored]] = {}
        self.groups: list[list[Stored]] = []

    def see(self, item: Stored) -> None:
        names = _names(json_text.read(item.body)["code"])
        group = next((self._group_of[name] for name in names if name in self._group_of), None)
        if group is None:
            self.groups.append(group := [])
        for name in names:
            self._group_of.setdefault(name, group)
        if len(group) < self._most:
            group.append(item)


def _names(code: dict[str, Any]) -> list[Any]:
    """What a code is known by: each of its codings, else its text."""
    names: list[Any] = [(one.get("system"), one["code"]) for one in code.get("coding", ()) if "code" in one]
    return names or [code.get("text")]
