"""Notifications: history Bundles that begin with the subscription's status, as R4 can say it (R5 Backport IG 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from carespine.fhir.subscriptions.asked import EXTENSION
from carespine.kernel.clock import fhir_instant
from carespine.kernel.ids import new_id

_text = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Event:
    """An event. `body` None where the content is not wanted or was deleted; not `shown`: the subscriber may not (or
    no longer) know of it, so that only its number and moment are told."""

    number: int
    at: datetime
    type: str
    id: str
    version: int
    deleted: bool
    shown: bool = True
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class About:
    """The subscription that is notified; `address` is its URL."""

    address: str
    topic: str
    status: str
    content: str
    events: int
    error: str | None = None


def status(about: About, kind: str, events: Sequence[Event] = ()) -> dict[str, Any]:
    """The SubscriptionStatus as Parameters. `kind`: handshake, heartbeat, event-notification, query-status, ..."""
    parameters: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": about.address}},
        {"name": "topic", "valueCanonical": about.topic},
        {"name": "status", "valueCode": about.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(about.events)},
    ]
    parameters += [_event(about, event) for event in events]
    if about.error:
        parameters.append({"name": "error", "valueCodeableConcept": {"text": about.error}})
    return {
        "resourceType": "Parameters",
        "id": new_id(),
        "meta": {"profile": [f"{EXTENSION}backport-subscription-status-r4"]},
        "parameter": parameters,
    }


def bundle(about: About, base: str, kind: str, events: Sequence[Event], *, now: datetime) -> bytes:
    """A notification as JSON."""
    first = {
        "fullUrl": f"urn:uuid:{new_id()}",
        "resource": status(about, kind, events),
        "request": {"method": "GET", "url": f"{about.address}/$status"},
        "response": {"status": "200"},
    }
    head = {
        "resourceType": "Bundle",
        "id": new_id(),
        "meta": {"profile": [f"{EXTENSION}backport-subscription-notification-r4"]},
        "type": "history",
        "timestamp": fhir_instant(now),
    }
    entries = [_text(first)]
    if about.content == "full-resource":
        entries += [_entry(base, event) for event in _last_of_each(events) if event.shown]
    return _text(head)[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def _event(about: About, event: Event) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": fhir_instant(event.at)},
    ]
    if about.content != "empty" and event.shown:
        parts.append({"name": "focus", "valueReference": {"reference": f"{event.type}/{event.id}"}})
    return {"name": "notification-event", "part": parts}


def _last_of_each(events: Sequence[Event]) -> list[Event]:
    """A Bundle holds each version once."""
    return list({(event.type, event.id, event.version): event for event in events}.values())


def _entry(base: str, event: Event) -> bytes:
    method = "DELETE" if event.deleted else "POST" if event.version == 1 else "PUT"
    name = f"{event.type}/{event.id}"
    about = {
        "request": {"method": method, "url": event.type if method == "POST" else name},
        "response": {"status": {"DELETE": "204", "POST": "201", "PUT": "200"}[method]},
    }
    head = b'{"fullUrl":' + _text(f"{base}/{name}")
    inner = b',"resource":' + event.body if event.body else b""
    return head + inner + b"," + _text(about)[1:]
