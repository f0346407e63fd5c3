"""How fast one client may send samples: a bucket that fills steadily, in each server process."""

from __future__ import annotations

import math
from dataclasses import dataclass

from carespine.kernel.clock import Clock

# Ours: twice the 25,000 samples a second that the server must take in all; a burst of twenty full batches.
SAMPLES_A_SECOND, BURST = 50_000, 200_000
_MOST_CLIENTS = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Pace:
    """Counts the samples of each client."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, client: str, samples: int) -> int:
        """Take so many samples out of the client's bucket: 0, or the whole seconds to wait before trying again."""
        now = self._clock().timestamp()
        bucket = self._buckets.get(client)
        if bucket is None:
            if len(self._buckets) >= _MOST_CLIENTS:
                self._buckets.clear()
            bucket = self._buckets[client] = _Bucket(BURST, now)
        bucket.left = min(BURST, bucket.left + (now - bucket.at) * SAMPLES_A_SECOND)
        bucket.at = now
        if samples > bucket.left:
            return max(1, math.ceil((samples - bucket.left) / SAMPLES_A_SECOND))
        bucket.left -= samples
        return 0
