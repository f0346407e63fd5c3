"""The topics that are offered, read from topics.toml, and whether a change is an event of one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from carespine.fhir import definitions, fhirpath

BASE = "https://carespine.example/fhir/SubscriptionTopic/"
_EVERY = "*"
# Of these the server itself makes new versions as it works for subscribers: news of them would never end.
_NEVER = frozenset({"Subscription"})


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: which changes of which types are events, and what subscribers may filter by."""

    name: str
    title: str
    types: frozenset[str]
    interactions: frozenset[str]
    current: str | None
    previous: str | None
    filters: frozenset[str]

    @property
    def url(self) -> str:
        return BASE + self.name

    def filterable(self, code: str) -> bool:
        return _EVERY in self.filters or code in self.filters

    def triggered(self, interaction: str, current: Any, previous: Any) -> bool:
        """Whether a change is an event: `current` and `previous` are trees, None where there is none."""
        if interaction not in self.interactions:
            return False
        if self.current and (current is None or not fhirpath.compile(self.current).holds(current)):
            return False
        return not self.previous or previous is None or bool(fhirpath.compile(self.previous).holds(previous))


@cache
def topics() -> dict[str, Topic]:
    """By canonical URL."""
    text = (files("carespine.fhir.subscriptions") / "topics.toml").read_text(encoding="utf-8")
    found = [_topic(row) for row in tomllib.loads(text)["topic"]]
    return {topic.url: topic for topic in found}


def _topic(row: dict[str, Any]) -> Topic:
    names = definitions.resource_types() if row["types"] == [_EVERY] else row["types"]
    return Topic(
        row["name"],
        row["title"],
        frozenset(names) - _NEVER,
        frozenset(row["on"]),
        row.get("current"),
        row.get("previous"),
        frozenset(row["filters"]),
    )
