"""$status, $events and $get-ws-binding-token of Subscriptions (R5 Backport IG 1.1)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec
from carespine.fhir.subscriptions import notification
from carespine.fhir.subscriptions.asked import CONTENTS
from carespine.fhir.subscriptions.notification import About, Event
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Conflict, Invalid, NotFound
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs
from carespine.storage import subscriptions as stored

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.subscriptions import SubscriptionRow

# Ours: how long a binding token can be used, and events of one answer.
TOKEN_LIFE_S, _MOST_EVENTS = 60, 1_000
SOCKET = "/subscriptions/websocket"


async def status(session: Session, exchange: Exchange) -> Answer:
    """GET or POST Subscription/id/$status, or Subscription/$status with `id` and `status`."""
    pairs = inputs.given(exchange)
    inputs.demand_known(pairs, frozenset({"id", "status"}))
    if len(exchange.parts) == 3:
        rows = [await _row(session, exchange.parts[1])]
    else:
        ids = [value for name, value in pairs if name == "id"]
        rows = [await _row(session, each) for each in ids] if ids else await _own(session)
    states = {value for name, value in pairs if name == "status"}
    entries = [
        b'{"fullUrl":"urn:uuid:'
        + tree["id"].encode()
        + b'","resource":'
        + codec.encode(tree)
        + b',"search":{"mode":"match"}}'
        for row in rows
        if not states or row.state in states
        for tree in [notification.status(_about(exchange, row), "query-status")]
    ]
    body = answer.bundle("searchset", entries, total=len(entries))
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


async def events(session: Session, exchange: Exchange) -> Answer:
    """GET or POST Subscription/id/$events with eventsSinceNumber, eventsUntilNumber (both included) and content."""
    pairs = inputs.given(exchange)
    inputs.demand_known(pairs, frozenset({"eventsSinceNumber", "eventsUntilNumber", "content"}))
    row = await _row(session, exchange.parts[1])
    content = inputs.once(pairs, "content") or row.spec["content"]
    if content not in CONTENTS:
        raise Invalid(f"content is one of {', '.join(CONTENTS)}; not {content[:40]!r}.")
    first = inputs.number(pairs, "eventsSinceNumber", 1, 2**62)
    last = inputs.number(pairs, "eventsUntilNumber", max(row.events, 1), 2**62)
    found = await _events(session, row, first, last, content)
    about = _about(exchange, row, content=content)
    body = notification.bundle(about, exchange.base, "query-event", found, now=session.clock())
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


async def binding_token(session: Session, exchange: Exchange) -> Answer:
    """GET or POST Subscription/id/$get-ws-binding-token: a token to bind a websocket with, within a minute."""
    inputs.demand_known(inputs.given(exchange), frozenset({"ids"}))
    row = await _row(session, exchange.parts[1])
    if row.channel != "websocket":
        raise Conflict("This subscription is notified by rest-hook, not by websocket.")
    if row.state == "off":
        raise Conflict("This subscription is off.")
    token = token_urlsafe(32)
    await stored.bind(session.tx, digest(token), row.id, seconds=TOKEN_LIFE_S)
    expires = fhir_instant(session.clock() + timedelta(seconds=TOKEN_LIFE_S))
    address = exchange.base.removesuffix("/fhir").replace("http", "ws", 1) + SOCKET
    parameters = [
        {"name": "token", "valueString": token},
        {"name": "expiration", "valueDateTime": expires},
        {"name": "subscription", "valueString": row.id},
        {"name": "websocket-url", "valueUrl": address},
    ]
    return Answer(200, codec.encode({"resourceType": "Parameters", "parameter": parameters}))


def digest(token: str) -> bytes:
    """What is kept of a token: a stolen table binds nothing."""
    return hashlib.sha256(token.encode()).digest()


async def _row(session: Session, resource_id: str) -> SubscriptionRow:
    """A subscription that the visit may read; raises NotFound as for what is not there."""
    await session.read_stored("Subscription", resource_id)
    row = await stored.find(session.tx, resource_id)
    if row is None:
        raise NotFound(f"There is no subscription to a topic as Subscription/{resource_id}.")
    return row


async def _own(session: Session) -> list[SubscriptionRow]:
    everything = await stored.every(session.tx)
    if session.actor.kind in ("open", "system"):
        return everything
    return [row for row in everything if row.owner == session.actor.id]


def _about(exchange: Exchange, row: SubscriptionRow, *, content: str | None = None) -> About:
    address = f"{exchange.base}/Subscription/{row.id}"
    return About(address, row.topic, row.state, content or row.spec["content"], row.events, row.failure)


async def _events(session: Session, row: SubscriptionRow, first: int, last: int, content: str) -> list[Event]:
    """As far as the asker may see them now."""
    rows = await stored.events(session.tx, row.id, first, last, _MOST_EVENTS)
    versions = [(each.type, each.id, each.version) for each in rows]
    bodies: dict[Any, bytes] = await session.hear(row, versions, [each.patient for each in rows])
    return [
        Event(
            each.number,
            each.at,
            each.type,
            each.id,
            each.version,
            each.deleted,
            version in bodies,
            (bodies.get(version) or None) if content == "full-resource" else None,
        )
        for each, version in zip(rows, versions, strict=True)
    ]
