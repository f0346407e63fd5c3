"""Seeded chance whose every draw is the same on each machine and Python version.

Only `Random.random()` is used, whose sequence Python guarantees for a seed; no logarithm or sine of the C
library comes near a drawn value, and nothing depends on the order of a hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """One stream of chance, named; streams with different names are independent of each other."""

    __slots__ = ("_roll",)

    def __init__(self, *names: object) -> None:
        # A text seed goes through SHA-512, never through hash(); this is synthetic data, not a secret.
        self._roll = Random("/".join(str(name) for name in names)).random  # noqa: S311

    def roll(self) -> float:
        """A number from 0 up to but not including 1."""
        return self._roll()

    def chance(self, probability: float) -> bool:
        return self._roll() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._roll() * (high - low + 1))

    def uniform(self, low: float, high: float) -> float:
        return low + self._roll() * (high - low)

    def normal(self, mean: float, deviation: float) -> float:
        """Bell-shaped around `mean`, never beyond 3.5 deviations: the sum of four uniform draws."""
        total = self._roll() + self._roll() + self._roll() + self._roll()
        return mean + (total - 2.0) * 1.7320508 * deviation

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self._roll() * len(items))]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """One of the items, each as likely as its weight says."""
        mark = self._roll() * sum(weight for _, weight in items)
        for item, weight in items:
            mark -= weight
            if mark < 0:
                return item
        return items[-1][0]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        left = list(items)
        for last in range(len(left) - 1, 0, -1):
            other = self.between(0, last)
            left[last], left[other] = left[other], left[last]
        return left

    def draw(self, items: Sequence[tuple[T, float]], count: int) -> list[T]:
        """`count` different items, one after another, each as likely as its weight among those left."""
        left = [(item, weight) for item, weight in items if weight > 0]
        drawn: list[T] = []
        while left and len(drawn) < count:
            mark = self._roll() * sum(weight for _, weight in left)
            place = 0
            for place, (_, weight) in enumerate(left):  # noqa: B007 - the place is used after the loop
                mark -= weight
                if mark < 0:
                    break
            drawn.append(left.pop(place)[0])
        return drawn
