"""`carespine terminology`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carespine.cli.opened import on_platform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json, progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from carespine.web.platform import Platform

group = typer.Typer(no_args_is_help=True, help="Code systems that are loaded from release files.")
_LOAD = (
    "Examples:  carespine terminology load SnomedCT_Release.zip  |  carespine terminology load nhsbsa_dmd.zip  |  "
    "carespine terminology load Loinc_2.80.zip"
)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="terminology")


@group.command(epilog=_LOAD)
def load(
    release: Annotated[
        Path,
        typer.Argument(
            exists=True,
            help="SNOMED CT RF2 (Snapshot), dm+d XML or LOINC CSV, as zip or folder; or a CodeSystem (.json).",
        ),
    ],
    kind: Annotated[
        str | None, typer.Option(help="snomed, dmd, loinc or resource, where it is not recognised.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="The version, where the files do not tell it or tell another one.")
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a release as the latest of its code system, all of it or nothing; the same version is replaced."""
    from carespine.kernel.errors import Invalid
    from carespine.security.actor import system_job
    from carespine.spine import terminology_loading

    if kind not in (None, "snomed", "dmd", "loinc", "resource"):
        raise Invalid("--kind is snomed, dmd, loinc or resource.")

    async def work(platform: Platform) -> Any:
        with progress_bar("Reading", None) as bar:
            return await terminology_loading.load(
                platform.door,
                system_job("terminology"),
                release,
                kind=kind,
                version=version,
                progress=_Steps(bar),
            )

    counts = on_platform(data, database, work, is_first=True)
    if as_json:
        print_json(asdict(counts))
    else:
        verb = "Replaced" if counts.replaced else "Loaded"
        typer.echo(f"{verb} {counts.url} {counts.version}: {counts.concepts} concepts, {counts.sets} sets.")


@group.command(name="list", epilog="Example:  carespine terminology list --data .carespine")
def list_(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the releases that are loaded; R4's own content is always there and not listed."""
    from carespine.security.actor import system_job
    from carespine.spine import terminology_loading

    found = on_platform(
        data, database, lambda platform: terminology_loading.listed(platform.door, system_job("terminology"))
    )
    if as_json:
        print_json(found)
        return
    for row in found:
        latest = ", latest" if row["latest"] else ""
        typer.echo(f"{row['url']} {row['version']}: {row['size']} concepts{latest}")
    if not found:
        typer.echo("No release is loaded.")


@group.command(epilog="Example:  carespine terminology unload http://loinc.org 2.80")
def unload(
    url: Annotated[str, typer.Argument(help="The code system.")],
    version: Annotated[str, typer.Argument(help="Its version, as `list` shows it.")],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Remove a loaded release."""
    from carespine.security.actor import system_job
    from carespine.spine import terminology_loading

    job = system_job("terminology")
    on_platform(data, database, lambda platform: terminology_loading.unload(platform.door, job, url, version))
    typer.echo(f"Removed {url} {version}.")


class _Steps:
    """One line of progress for each thing that is read or written."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks = {"": bar.task_ids[0]}

    def __call__(self, label: str, count: int) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._bar.add_task(label, total=None)
        self._bar.advance(self._tasks[label], count)
