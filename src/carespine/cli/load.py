"""`carespine load`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json, progress_bar

if TYPE_CHECKING:
    from carespine.spine.load_helpers import Helpers

_GZIPPED = 8  # how much smaller FHIR becomes, about
_EPILOG = "Examples:  carespine load patients.ndjson.gz  |  carespine load --json bundle.json more.ndjson"


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(load)


def load(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="Bundles (.json), NDJSON, or gzip of either."),
    ],
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load FHIR R4 resources; unchanged ones are left alone, faulty ones are reported with their place."""
    # Before anything else is imported: what comes after it starts threads, which a fork must not meet.
    helpers = _helpers(files)
    from carespine.security.actor import system_job
    from carespine.spine.loading import Loaded, load_files
    from carespine.web import databases, opening, settings

    async def run(url: str) -> Loaded:
        if helpers is not None:
            helpers.url, helpers.validation = url, chosen.validation_levels
        async with opening.door(chosen, url) as door:
            with progress_bar("Loading resources", None) as bar:
                return await load_files(
                    door,
                    system_job("load"),
                    files,
                    lambda count: bar.advance(bar.task_ids[0], count),
                    helpers=helpers,
                )

    try:
        chosen = settings.load(data=data, database=database)
        with databases.database(chosen) as url:
            loaded = asyncio.run(run(url))
    finally:
        if helpers is not None:
            helpers.end()
    if as_json:
        print_json(
            {
                "read": loaded.read,
                "stored": loaded.stored,
                "unchanged": loaded.unchanged,
                "refused": loaded.refused,
            }
        )
    else:
        typer.echo(
            f"Read {loaded.read}: stored {loaded.stored}, unchanged {loaded.unchanged}, "
            f"refused {len(loaded.refused)}."
        )
        for reason in loaded.refused[:20]:
            typer.secho(f"  refused: {reason}", err=True, fg="red")
        if len(loaded.refused) > 20:
            typer.secho(f"  and {len(loaded.refused) - 20} more; --json lists all", err=True)
    if loaded.refused:
        raise typer.Exit(1)


def _helpers(files: list[Path]) -> Helpers | None:
    """Processes to share the lines with, where there are enough of them and more than one core."""
    from carespine.spine import load_helpers

    size = sum(path.stat().st_size * (_GZIPPED if path.suffix == ".gz" else 1) for path in files)
    count = load_helpers.worth()
    return load_helpers.Helpers.fork(count) if count > 1 and size >= load_helpers.WORTH_HELP_BYTES else None
