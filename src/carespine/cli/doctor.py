"""`carespine doctor`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json


def register(app: typer.Typer) -> None:
    app.command(epilog="Examples:  carespine doctor  |  carespine doctor --json")(doctor)


def doctor(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Look for what is unsafe in the settings, the keys, the accounts and the clients; exits 1 if anything is."""
    from carespine.web import doctor as examination
    from carespine.web import settings
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    demand_data(chosen)

    async def run(url: str) -> list[examination.Finding]:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            return await examination.examine(platform)
        finally:
            await platform.close()

    with opened(chosen) as url:
        found = asyncio.run(run(url))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        colours = {"ok": "green", "warning": "yellow", "unsafe": "red"}
        for finding in found:
            typer.secho(f"{finding.level:<8}", fg=colours[finding.level], nl=False)
            typer.echo(f" {finding.sentence}")
    if any(finding.level == "unsafe" for finding in found):
        raise typer.Exit(1)
