"""`carespine reindex`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json, progress_bar
from carespine.kernel.errors import Unavailable

_LOOK_S = 0.1


def register(app: typer.Typer) -> None:
    app.command(epilog="Examples:  carespine reindex  |  carespine reindex Observation Patient")(reindex)


def reindex(
    types: Annotated[
        list[str] | None, typer.Argument(help="Resource types; without any, those of new search parameters.")
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index what is stored by the search parameters of now, also beside a running server; resumable."""
    from carespine.security.actor import ADMINISTRATION, system_job
    from carespine.spine.fhir_api.operations import reindex as operation
    from carespine.storage import jobs
    from carespine.storage.bell import Bell
    from carespine.web import settings, workers
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    demand_data(chosen)

    async def run(url: str) -> dict[str, Any]:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            async with platform.door.enter(system_job("reindex"), purpose=ADMINISTRATION) as session:
                job = await operation.ask(session, types or [], url="carespine")
            working = asyncio.create_task(workers.runner(platform, Bell(platform.database)).run())
            with progress_bar("Indexing resources", None) as bar:
                while True:
                    async with platform.database.connection() as connection:
                        row = await jobs.find(connection, job)
                    if row is None or row.state == "failed":
                        raise Unavailable((row and row.failure) or "The job was cancelled.")
                    total, done = row.progress.get("total"), row.progress.get("resources", 0)
                    bar.update(bar.task_ids[0], total=total, completed=done)
                    if row.state == "complete":
                        break
                    await asyncio.sleep(_LOOK_S)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return row.progress
        finally:
            await platform.close()

    with opened(chosen) as url:
        progress = asyncio.run(run(url))
    ready = [each["code"] for each in progress["parameters"]]
    if as_json:
        print_json({"resources": progress["resources"], "types": progress["types"], "ready": ready})
    else:
        known = f" Ready to be searched by: {', '.join(ready)}." if ready else ""
        typer.echo(f"Indexed {progress['resources']} resources of {len(progress['types'])} types.{known}")
