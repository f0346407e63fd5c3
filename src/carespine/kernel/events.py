"""Past-tense facts that one part announces and another hears, inside the transaction that made them true.

Domains do not import each other: `web/wiring.py` subscribes one to another's events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[[Any, Any], Awaitable[None]]


@dataclass(slots=True)
class Announcer:
    """Delivers each event to its subscribers in order; a subscriber that fails fails the whole verb."""

    _handlers: dict[type, list[Handler]] = field(default_factory=lambda: defaultdict(list))

    def subscribe(self, event: type, handler: Handler) -> None:
        """Have `handler(session, event)` called for each announced instance of `event`."""
        self._handlers[event].append(handler)

    async def announce(self, session: Any, event: object) -> None:
        """Tell every subscriber, within the caller's transaction (`session`)."""
        for handler in self._handlers.get(type(event), ()):
            await handler(session, event)
