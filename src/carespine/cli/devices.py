"""`carespine devices import`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json, progress_bar

if TYPE_CHECKING:
    from carespine.devices.models import ImportResult

group = typer.Typer(no_args_is_help=True, help="Wearables and home devices.")
_EPILOG = 'Example:  carespine devices import export.zip --patient "999 000 0115"'


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="devices")


@group.callback()
def _group() -> None:
    """Keeps `import` a subcommand although it is the only one."""


@group.command("import", epilog=_EPILOG)
def import_(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="An Apple Health export (zip or xml).")
    ],
    patient: Annotated[str, typer.Option(help="The patient's NHS number.")],
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a patient's readings: each is stored, known already, or rejected with a reason."""
    from carespine.devices.importing import import_file
    from carespine.web import settings
    from carespine.web.platform import Platform
    from carespine.web.serve import database as opened

    chosen = settings.load(data=data, database=database)

    async def run(url: str) -> ImportResult:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            with progress_bar("Reading", None) as bar:
                return await import_file(
                    platform.door,
                    file,
                    nhs_number=patient,
                    announcer=platform.announcer,
                    progress=lambda _position, read: bar.update(bar.task_ids[0], completed=read),
                )
        finally:
            await platform.close()

    with opened(chosen) as url:
        done = asyncio.run(run(url))
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(
        f"Read {done.read}: stored {done.stored}, duplicate {done.duplicate}, rejected {done.rejected}. "
        f"The import is {done.state}."
    )
    for reason in done.reasons:
        typer.echo(f"  rejected {reason.count}: {reason.sentence}")
    for notice in done.notices:
        typer.echo(f"  note: {notice}")
