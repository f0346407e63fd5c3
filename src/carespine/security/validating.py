"""What the door asks of a validation, which is filled from outside: it needs more than this layer knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from carespine.kernel.errors import Issue


class Validator(Protocol):
    """Validates by what the server holds, through the session of who asks."""

    async def demand(self, session: Any, trees: Sequence[dict[str, Any]]) -> None:
        """Raise Unprocessable where a resource that is to be written breaks what its type is held to."""
        ...

    async def issues(self, session: Any, tree: dict[str, Any], profiles: Sequence[str] = ()) -> list[Issue]:
        """Everything found in a resource."""
        ...
