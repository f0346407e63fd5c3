"""How many rows PostgreSQL expects under a condition: what it knows of common keys, asked without running anything.

Only how a search is run depends on an estimate, never what it finds; so an estimate may be a minute old, and may come
from another database of this process.
"""

from __future__ import annotations

import time
from math import isqrt
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Hashable

    from carespine.storage.database import Connection

_KEPT_S, _KEPT = 60.0, 4096
# Ours: the least number of rows that are worth leaving the index of keys for.
_LEAST = 300


class Remembered:
    """Values that are taken to hold for a minute."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, int]] = {}

    def get(self, about: Hashable) -> int | None:
        until, value = self._kept.get(about, (0.0, 0))
        return value if until > time.monotonic() else None

    def put(self, about: Hashable, value: int) -> None:
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[about] = (time.monotonic() + _KEPT_S, value)


_estimates = Remembered()


async def rows(connection: Connection, condition: str, *values: Any) -> int:
    """The rows of `resource r` that are expected under a condition; list arguments may be given as tuples."""
    known = _estimates.get((condition, values))
    if known is not None:
        return known
    text = await connection.fetchval(
        f"explain (format json) select 1 from resource r where {condition}",  # noqa: S608
        *(list(value) if isinstance(value, tuple) else value for value in values),
    )
    found = int(msgspec.json.decode(text)[0]["Plan"]["Plan Rows"])
    _estimates.put((condition, values), found)
    return found


def is_rare(matches: int, of_type: int, *, page: int) -> bool:
    """Whether to take all matches from the index of keys and sort them, or to walk the type until a page is full.

    Walking meets a match every `of_type / matches` rows, so that the two cost about the same where the matches are
    the root of page times type.
    """
    return matches <= max(_LEAST, isqrt(page * of_type))
