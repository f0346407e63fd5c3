"""What this domain asks of the rest of the house, as types; filled by the platform that web puts together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from carespine.kernel.clock import Clock
from carespine.kernel.events import Announcer
from carespine.security.actor import Actor
from carespine.security.bearer import Audit, Tokens
from carespine.security.session import Session

Progress = Callable[[int, int], None]
"""Called with the bytes of the file's content read so far and the records found so far."""


class Door(Protocol):
    """The one scoped door (carespine.security.door.Door)."""

    def enter(self, actor: Actor, *, purpose: str) -> AbstractAsyncContextManager[Session]: ...

    def glance(self, actor: Actor, *, purpose: str) -> AbstractAsyncContextManager[Session]: ...


class Settings(Protocol):
    """What the routes need to know of the configuration."""

    @property
    def open(self) -> bool:
        """Whether the server was started without sign-in."""
        ...

    @property
    def max_upload_mb(self) -> int:
        """The largest upload that is taken, in MiB."""
        ...


class Platform(Protocol):
    """What the routes take from the platform (carespine.web.platform.Platform)."""

    @property
    def door(self) -> Door: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def announcer(self) -> Announcer: ...

    @property
    def clock(self) -> Clock: ...
