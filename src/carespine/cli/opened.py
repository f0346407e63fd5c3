"""Work on an open platform, as the commands that store or list things do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from carespine.web.platform import Platform

T = TypeVar("T")


def on_platform(
    data: Path | None,
    database: str | None,
    work: Callable[[Platform], Awaitable[T]],
    *,
    is_first: bool = False,
) -> T:
    """Do the work on the platform of this folder or database.

    `is_first` for what a deployment may begin with; else Misconfigured is raised where there is no data yet.
    """
    from carespine.web import settings
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    if not is_first:
        demand_data(chosen)

    async def within(url: str) -> T:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            return await work(platform)
        finally:
            await platform.close()

    with opened(chosen) as url:
        return asyncio.run(within(url))
