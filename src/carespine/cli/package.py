"""`carespine package`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carespine.cli.opened import on_platform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

if TYPE_CHECKING:
    pass

group = typer.Typer(
    no_args_is_help=True, help="FHIR packages: profiles, extensions and value sets of a guide."
)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="package")


@group.command(epilog="Example:  carespine package add fhir.r4.ukcore.stu3.tgz")
def add(
    file: Annotated[
        Path, typer.Argument(exists=True, help="The package: .tgz, folder, or a file of definitions.")
    ],
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a package, in the place of an earlier version of it; its definitions count at once."""
    from carespine.fhir import packages as reading
    from carespine.security.actor import system_job
    from carespine.spine import packages

    package = reading.read(file)
    done = on_platform(
        data,
        database,
        lambda platform: packages.add(platform.door, system_job("package"), package),
        is_first=True,
    )
    if as_json:
        print_json(asdict(done))
        return
    for note in done.notes:
        typer.secho(f"carespine: {note}", err=True, fg="yellow")
    typer.echo(
        f"Added {done.name} {done.version}: {done.stored} definitions stored, {done.unchanged} unchanged, "
        f"{done.removed} of the earlier version deleted."
    )


@group.command(name="list", epilog="Example:  carespine package list --data .carespine")
def list_(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the packages that were added; R4 itself is always there and not listed."""
    from carespine.security.actor import system_job
    from carespine.spine import packages

    found = on_platform(
        data, database, lambda platform: packages.listed(platform.door, system_job("package"))
    )
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        typer.echo(
            f"{each.name} {each.version}: {len(each.resources)} definitions, added {each.added:%Y-%m-%d}."
        )
    if not found:
        typer.echo("No package was added.")


@group.command(epilog="Example:  carespine package remove fhir.r4.ukcore.stu3")
def remove(
    name: Annotated[str, typer.Argument(help="The name, as `list` shows it.")],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Remove a package: what it brought is deleted from the record."""
    from carespine.security.actor import system_job
    from carespine.spine import packages

    gone = on_platform(
        data, database, lambda platform: packages.remove(platform.door, system_job("package"), name)
    )
    typer.echo(f"Removed {name}: {gone} definitions deleted.")
