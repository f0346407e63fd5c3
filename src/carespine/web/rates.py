"""How often one address may try to sign in or ask for tokens: beyond that it is told to come back later."""

from __future__ import annotations

from collections import OrderedDict

from carespine.kernel.clock import Clock
from carespine.kernel.errors import TooMany

# Ours: far above what an app with tokens of five minutes or a busy practice behind one address needs.
PER_MINUTE = 1_200
_MOST_KEYS = 50_000


class Rates:
    """A bucket for each key that fills again within a minute. Of one process: with several, each counts for itself."""

    def __init__(self, clock: Clock, *, per_minute: int = PER_MINUTE) -> None:
        self._clock, self._per_minute = clock, per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def demand(self, key: str) -> None:
        """Count one try; raises TooMany, with Retry-After, where the bucket is empty."""
        if self._take(key, 1) < 1:
            raise TooMany("Too many tries from here; wait a minute.", headers={"Retry-After": "60"})

    def check(self, key: str) -> None:
        """Raise TooMany where the bucket is empty, and count nothing: for what counts only when it fails."""
        if self._take(key, 0) < 1:
            raise TooMany("Too many tries that failed; wait a minute.", headers={"Retry-After": "60"})

    def count(self, key: str) -> None:
        """Count one try that failed."""
        self._take(key, 1)

    def _take(self, key: str, number: int) -> float:
        """What was left in the bucket before `number` is taken out of it."""
        now = self._clock().timestamp()
        left, at = self._buckets.pop(key, (float(self._per_minute), now))
        left = min(self._per_minute, left + max(0.0, now - at) * self._per_minute / 60)
        self._buckets[key] = (max(left - number, 0.0), now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return left
