"""Things kept while there is room: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A mapping that holds at most `room` of weight; what alone is heavier is not kept."""

    def __init__(self, room: int) -> None:
        self._room, self._weight = room, 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: T, *, weight: int = 1) -> None:
        self.drop(key)
        if weight > self._room:
            return
        self._items[key] = (value, weight)
        self._weight += weight
        while self._weight > self._room:
            _, (_, gone) = self._items.popitem(last=False)
            self._weight -= gone

    def drop(self, key: Hashable) -> None:
        found = self._items.pop(key, None)
        if found is not None:
            self._weight -= found[1]
