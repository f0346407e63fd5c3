"""What a Subscription asks for, with the extensions of the R5 Backport IG 1.1; or why it cannot be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from carespine.fhir.search import Criterion, Query, index, keys_for, must_be_missing, parse
from carespine.fhir.subscriptions.topics import Topic, topics
from carespine.kernel.errors import Invalid, Unprocessable

EXTENSION = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
CHANNELS = ("rest-hook", "websocket")
CONTENTS = ("empty", "id-only", "full-resource")
_JSON = ("application/fhir+json", "application/json", "")
# Ours: what is taken where the Subscription says nothing, and at most.
_COUNT, _MOST_COUNT, _TIMEOUT_S, _MOST_TIMEOUT_S, _LEAST_HEARTBEAT_S = 100, 1_000, 30, 60, 1
# What a header's value becomes where it is shown; sent back, it stands for the value that is known.
MASK = "(not shown)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A subscription in force. `filters` are searches such as Encounter?patient=1; times in seconds, 0 for none."""

    topic: str
    channel: str
    endpoint: str | None
    content: str
    filters: tuple[str, ...]
    headers: tuple[str, ...]
    max_count: int
    heartbeat_s: int
    timeout_s: int
    end: str | None


def names_topic(tree: dict[str, Any]) -> bool:
    """Whether `criteria` is the URL of a topic; else it is a search, as plain R4 has it, which is not offered."""
    return "://" in tree["criteria"].partition("?")[0] or tree["criteria"].startswith("urn:")


def asked(tree: dict[str, Any]) -> Asked:
    """Read a Subscription; raises Unprocessable with what is wrong with it."""
    channel = tree["channel"]
    topic = _topic(tree)
    kind = channel["type"]
    if kind not in CHANNELS:
        raise _refusal("channel.type", f"The channel {kind} is not offered; {' and '.join(CHANNELS)} are.")
    payload = str(channel.get("payload", "")).partition(";")[0].strip()
    if payload not in _JSON:
        raise _refusal("channel.payload", "Notifications are sent as application/fhir+json.")
    filters = tuple(_extensions(tree.get("_criteria"), "backport-filter-criteria"))
    for text in filters:
        _demand_filter(text, topic)
    return Asked(
        topic.url,
        kind,
        _endpoint(kind, channel.get("endpoint")),
        _content(channel),
        filters,
        tuple(_headers(channel)),
        _number(channel, "backport-max-count", _COUNT, 1, _MOST_COUNT),
        _number(channel, "backport-heartbeat-period", 0, _LEAST_HEARTBEAT_S, 86_400),
        _number(channel, "backport-timeout", _TIMEOUT_S, 1, _MOST_TIMEOUT_S),
        tree.get("end"),
    )


def matches(filters: tuple[str, ...], resource_type: str, tree: Any) -> bool:
    """Whether a resource passes: the filters of its type all hold; where others have filters only, it is out."""
    own = [text for text in filters if text.partition("?")[0] == resource_type]
    if not own:
        return not filters
    carried = index(tree).keys
    return all(_holds(criterion, carried) for text in own for criterion in _criteria(text))


def _holds(criterion: Criterion, carried: set[int]) -> bool:
    found = bool((keys_for(criterion) or frozenset()) & carried)
    return not found if criterion.modifier == "not" or must_be_missing(criterion) else found


def _criteria(text: str) -> list[Criterion]:
    return [clause for clause in query_of(text).clauses if isinstance(clause, Criterion)]


def query_of(text: str) -> Query:
    """A filter as a search of its type."""
    kind, _, criteria = text.partition("?")
    return parse(kind, parse_qsl(criteria, keep_blank_values=True))


def _topic(tree: dict[str, Any]) -> Topic:
    url = str(tree.get("criteria", "")).partition("|")[0]
    found = topics().get(url)
    if found is None:
        raise _refusal("criteria", f"criteria is the URL of a topic; there are {', '.join(topics())}.")
    return found


def _demand_filter(text: str, topic: Topic) -> None:
    kind, mark, _ = text.partition("?")
    if not mark or kind not in topic.types:
        raise _refusal(
            "criteria",
            f"A filter is a search of a type of the topic, such as Type?name=value; not {text[:80]!r}.",
        )
    try:
        query = query_of(text)
    except Invalid as error:
        raise _refusal("criteria", error.message) from error
    for clause in query.clauses:
        if not isinstance(clause, Criterion) or keys_for(clause) is None:
            raise _refusal("criteria", f"A filter asks whether a value is equal; {text[:80]!r} asks more.")
        if not topic.filterable(clause.parameter.code):
            allowed = ", ".join(sorted(topic.filters))
            raise _refusal(
                "criteria", f"This topic can be filtered by {allowed}; not by {clause.parameter.code}."
            )
    if query.includes or query.revincludes or query.sort:
        raise _refusal("criteria", "A filter has no includes and no order.")


def _endpoint(kind: str, endpoint: str | None) -> str | None:
    if kind != "rest-hook":
        return None
    parts = urlsplit(endpoint or "")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise _refusal("channel.endpoint", "A rest-hook needs an endpoint that begins with https://.")
    return endpoint


def _content(channel: dict[str, Any]) -> str:
    found = _extensions(channel.get("_payload"), "backport-payload-content")
    content = str(found[0]) if found else "empty"
    if content not in CONTENTS:
        raise _refusal(
            "channel.payload", f"The content is one of {', '.join(CONTENTS)}; not {content[:40]!r}."
        )
    return content


def _headers(channel: dict[str, Any]) -> list[str]:
    headers = channel.get("header", [])
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip() or not (name + value).isascii() or not (name + value).isprintable():
            raise _refusal("channel.header", "A header is written Name: value, in ASCII.")
    return list(headers)


def _number(channel: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    found = _extensions(channel, name)
    if not found:
        return default
    if not isinstance(found[0], int) or (found[0] and found[0] < least):
        raise _refusal("channel.extension", f"{name} is a whole number from {least}.")
    return min(found[0], most)


def _extensions(element: Any, name: str) -> list[Any]:
    """The values of an element's extensions of this name."""
    wanted = EXTENSION + name
    rows = (element or {}).get("extension", ())
    return [
        value
        for row in rows
        if row.get("url") == wanted
        for key, value in row.items()
        if key.startswith("value")
    ]


def _refusal(element: str, message: str) -> Unprocessable:
    return Unprocessable(message, expression=f"Subscription.{element}")
