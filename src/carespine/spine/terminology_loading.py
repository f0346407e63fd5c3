"""Loading releases of code systems: the verb behind `carespine terminology`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carespine.fhir.terminology import releases
from carespine.kernel.errors import NotFound
from carespine.security.actor import ADMINISTRATION
from carespine.storage.terminology import loading
from carespine.storage.terminology.loading import Counts

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.security.door import Door

Progress = Callable[[str, int], None]


async def load(
    door: Door, actor: Actor, path: Path, *, kind: str | None, version: str | None, progress: Progress
) -> Counts:
    """Read a release and store it as the latest of its code system, in one transaction; raises Invalid."""
    release = releases.read(path, kind=kind, version=version, progress=progress)
    async with door.enter(actor, purpose=ADMINISTRATION) as session:
        counts = await loading.load(session.tx, release, progress, now=session.clock())
        await session.audit(
            "U" if counts.replaced else "C", "terminology-load", what="CodeSystem", detail=_of(counts)
        )
    async with door.enter(actor, purpose=ADMINISTRATION) as session:
        await loading.settle(session.tx)
    return counts


async def listed(door: Door, actor: Actor) -> list[dict[str, Any]]:
    """The releases that are loaded."""
    async with door.glance(actor, purpose=ADMINISTRATION) as session:
        found = await loading.loaded(session.tx)
        await session.audit("R", "terminology-list", what="CodeSystem")
        return found


async def unload(door: Door, actor: Actor, url: str, version: str) -> None:
    """Remove a release; raises NotFound where it is not loaded."""
    async with door.enter(actor, purpose=ADMINISTRATION) as session:
        if not await loading.unload(session.tx, url, version):
            raise NotFound(f"{url} {version} is not loaded.")
        detail = {"url": url, "version": version}
        await session.audit("D", "terminology-unload", what="CodeSystem", detail=detail)


def _of(counts: Counts) -> dict[str, str]:
    return {"url": counts.url, "version": counts.version, "concepts": str(counts.concepts)}
