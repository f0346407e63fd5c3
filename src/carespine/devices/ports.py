"""What this domain asks of the rest of the house, as types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.requests import Request

from carespine.kernel.clock import Clock
from carespine.kernel.events import Announcer
from carespine.security.actor import Actor
from carespine.security.session import Session

Progress = Callable[[int, int], None]
"""Called with the bytes of the file's XML read so far and the readings found so far."""

Authenticate = Callable[[Request], Awaitable[Actor]]
"""Who is asking, from the request's token; raises Unauthenticated or Forbidden."""


class Door(Protocol):
    """The one scoped door (carespine.security.door.Door)."""

    def enter(self, actor: Actor, *, purpose: str) -> AbstractAsyncContextManager[Session]: ...

    def glance(self, actor: Actor, *, purpose: str) -> AbstractAsyncContextManager[Session]: ...


class Platform(Protocol):
    """What the routes take from the platform."""

    @property
    def door(self) -> Door: ...

    @property
    def announcer(self) -> Announcer: ...

    @property
    def clock(self) -> Clock: ...

    async def authenticate(self, request: Request) -> Actor: ...
