"""`carespine space` and `carespine retention`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

_KIB = 1024


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  carespine space --json")(space)
    app.command(epilog="Example:  carespine retention --history-days 3650")(retention)


def space(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """What the record takes on disk, by resource type: current versions, history, index."""
    from carespine.security.actor import ADMINISTRATION, system_job
    from carespine.storage.space import Space
    from carespine.web import settings
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    demand_data(chosen)

    async def run(url: str) -> Space:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            async with platform.door.enter(system_job("space"), purpose=ADMINISTRATION) as session:
                return await session.space()
        finally:
            await platform.close()

    with opened(chosen) as url:
        found = asyncio.run(run(url))
    if as_json:
        print_json({**asdict(found), "total": found.total})
        return
    typer.echo(f"{'type':<28}{'resources':>12}{'current':>14}{'versions':>12}{'history':>14}{'index':>14}")
    for each in found.types:
        sizes = [each.current_bytes, each.history_bytes, each.index_bytes]
        current, history, index = (f"{size / _KIB:,.0f} KiB" for size in sizes)
        typer.echo(
            f"{each.type:<28}{each.current:>12,}{current:>14}{each.versions:>12,}{history:>14}{index:>14}"
        )
    typer.echo(f"All tables with their indexes: {found.total / _KIB / _KIB:,.1f} MiB.")


def retention(
    history_days: Annotated[
        int | None, typer.Option(min=1, help="Days after which a version that was replaced is removed.")
    ] = None,
    deleted_days: Annotated[
        int | None,
        typer.Option(min=1, help="Days after which a deleted resource is removed with its versions."),
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove for good what a policy does not keep; without options, what the settings say."""
    from carespine.kernel.clock import now
    from carespine.kernel.errors import Invalid
    from carespine.spine.retention import Policy, Removed, keep_to
    from carespine.web import settings, workers
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    demand_data(chosen)
    policy = (
        workers.policy(chosen) if history_days is deleted_days is None else Policy(history_days, deleted_days)
    )
    if policy.history_days is None and policy.deleted_days is None:
        raise Invalid("The policy keeps everything: name --history-days or --deleted-days, or set them.")

    async def run(url: str) -> Removed:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            return await keep_to(platform.door, policy, now=now())
        finally:
            await platform.close()

    with opened(chosen) as url:
        removed = asyncio.run(run(url))
    if as_json:
        print_json(asdict(removed))
    else:
        typer.echo(
            f"Removed {removed.versions} superseded versions and {removed.resources} deleted resources."
        )
