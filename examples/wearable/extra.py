"""What another kind of service adds to this one: more FHIR actions, what it says of them, and plain routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.routing import Route

from wearable.capability import Declared
from wearable.fhir import Answer
from wearable.store import Client

Action = Callable[[Request, Client], Awaitable[Answer]]


@dataclass(slots=True)
class Extra:
    """Actions as (method, path below /fhir, audited as, action); `declared` by resource type."""

    actions: list[tuple[str, str, str, Action]] = field(default_factory=list)
    declared: dict[str, Declared] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)

    def __add__(self, other: Extra) -> Extra:
        return Extra(self.actions + other.actions, self.declared | other.declared, self.routes + other.routes)
