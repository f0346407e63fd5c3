"""Streaming to Carespine: a minute of readings at a time, each sent until it is acknowledged, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from wearable.outgoing import Outgoing

# What a band measures: the heart every second, steps by the minute.
_SECONDS, _DEVICE = 60, {"app": "Steady Band", "name": "Band", "maker": "Steady Band Ltd", "kind": "watch"}
# Not the last word of the platform: it is away, restarting, or asks for patience.
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class Stream:
    """One person's stretch of time. `done` counts minutes acknowledged, `refused` is the platform's last word."""

    outgoing: Outgoing
    nhs_number: str
    start: datetime
    minutes: int
    pace_seconds: float = 0.0
    done: int = 0
    tries: int = 0
    refused: str | None = None
    counts: dict[str, int] = field(
        default_factory=lambda: {"read": 0, "stored": 0, "duplicate": 0, "rejected": 0}
    )

    async def run(self) -> None:
        """Send every minute in order. The key of a minute is always the same, so that a repetition is recognised."""
        for minute in range(self.minutes):
            answer = await self._until_answered(minute)
            if not answer.is_success:
                self.refused = f"{answer.status_code}: {answer.text[:500]}"
                return
            for name in self.counts:
                self.counts[name] += int(answer.json()[name])
            self.done += 1
            await asyncio.sleep(self.pace_seconds)

    async def _until_answered(self, minute: int) -> httpx.Response:
        body = {"samples": list(self.samples(minute))}
        key = f"{self.nhs_number}-{self.start:%Y%m%dT%H%M}-{minute}"
        while True:
            self.tries += 1
            try:
                answer = await self.outgoing.send_batch(self.nhs_number, body, key)
                if answer.status_code not in _TRY_AGAIN:
                    return answer
                pause = float(answer.headers.get("retry-after", _PAUSE_SECONDS))
            except httpx.HTTPError:
                pause = _PAUSE_SECONDS
            await asyncio.sleep(pause)

    def samples(self, minute: int) -> Iterator[dict[str, Any]]:
        """What the band measured in this minute."""
        first = self.start + timedelta(minutes=minute)
        for second in range(_SECONDS):
            at = (first + timedelta(seconds=second)).isoformat()
            beat = 60 + (minute + second) % 40
            yield {"metric": "heart-rate", "value": beat, "unit": "/min", "start": at, "device": _DEVICE}
        end = (first + timedelta(minutes=1)).isoformat()
        yield {
            "metric": "steps", "value": 10 + minute % 7, "unit": "{steps}", "start": first.isoformat(), "end": end,
            "device": _DEVICE,
        }  # fmt: skip

    def status(self) -> dict[str, Any]:
        """How far it is."""
        return {
            "minutes": self.minutes,
            "done": self.done,
            "tries": self.tries,
            "refused": self.refused,
            "counts": self.counts,
        }
