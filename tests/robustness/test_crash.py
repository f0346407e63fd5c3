"""Nothing that was acknowledged is lost when the server or its database is killed (tools/crash_harness.py)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import crash_harness


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(is_long: bool) -> None:
    """A few kills here; a minute of them with CARESPINE_LONG=1, 200 by `make crash ARGS="--kills 200"`."""
    kills, seconds = (10**6, 60.0) if is_long else (2, 30.0)
    targets = crash_harness.TARGETS if is_long else ("database", "everything")
    found = asyncio.run(crash_harness.run(kills=kills, seconds=seconds, seed=1, targets=targets))
    assert sum(found["kills"].values()) >= 1
    assert found["acknowledged writes verified"] > 0
    assert found["audit faults"] == []
    assert found["exit code of the last stop"] == 0


def test_the_harness_finds_a_loss() -> None:
    """The check can fail: a ledger that was told more than there is makes it raise."""
    import httpx

    def nothing(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404)

    async def look() -> None:
        ledger = crash_harness.Ledger("x", counted={1: 1}, tried=1)
        transport = httpx.MockTransport(nothing)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            await crash_harness.verify(http, ledger)

    with pytest.raises(crash_harness.Lost, match="version 1"):
        asyncio.run(look())
