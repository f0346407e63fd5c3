"""`carespine view`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carespine.cli.options import DatabaseOption, DataOption, progress_bar

if TYPE_CHECKING:
    from carespine.spine.views.parts import Made

group = typer.Typer(no_args_is_help=True, help="Tables of resources: ViewDefinitions of SQL on FHIR v2.")
_FORMS = {".ndjson": "ndjson", ".csv": "csv", ".parquet": "parquet", ".json": "json"}
_RUN = (
    "Examples:  carespine view run heart-rates.json --output heart-rates.parquet  |  "
    "carespine view run patients.json --input patients.ndjson.gz --output patients.csv"
)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="view")


@group.command(epilog=_RUN)
def run(
    definition: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A ViewDefinition (.json).")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            exists=True,
            dir_okay=False,
            help="Bundles, NDJSON, or gzip of either, instead of what is stored.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The file: .csv, .ndjson, .json or .parquet; NDJSON to standard output without it."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes side by side.")] = os.cpu_count() or 1,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Make the table that a ViewDefinition defines, from what is stored or from files."""
    from carespine.kernel.errors import Invalid

    form = _FORMS.get(output.suffix.lower()) if output else "ndjson"
    if form is None:
        raise Invalid(f"A table is written to a file ending in {', '.join(_FORMS)}.")
    tree = _definition(definition)
    if files:
        made = _from_files(tree, files, output, form)
    else:
        made = _from_stored(tree, output, form, jobs if form != "json" else 1, data, database)
    typer.echo(f"{made.rows} rows from {made.resources} resources.", err=True)


@group.command(epilog="Example:  carespine view check heart-rates.json")
def check(
    definition: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A ViewDefinition (.json).")
    ],
) -> None:
    """Say what is wrong with a ViewDefinition, or which columns it has."""
    from carespine.fhir import sql_on_fhir
    from carespine.kernel.errors import Unprocessable

    try:
        view = sql_on_fhir.read(_definition(definition))
    except Unprocessable as error:
        for issue in error.issues:
            typer.secho(f"{issue.expression}: {issue.diagnostics}", err=True, fg="red")
        raise typer.Exit(1) from error
    typer.echo(f"{view.name}: a table of {view.resource} with {', '.join(c.name for c in view.columns)}.")


def _definition(path: Path) -> Any:
    """What the file holds; raises Misconfigured where that is no JSON."""
    from carespine.fhir import json_text
    from carespine.kernel.errors import Invalid, Misconfigured

    try:
        return json_text.read(path.read_bytes())
    except Invalid as error:
        raise Misconfigured(f"{path.name} is no ViewDefinition: it is not JSON.") from error


def _from_files(tree: Any, files: list[Path], output: Path | None, form: str) -> Made:
    from carespine.kernel.errors import CarespineError
    from carespine.spine.views import running

    with progress_bar("Resources", None) as bar:

        def advance(count: int) -> None:
            bar.advance(bar.task_ids[0], count)

        if output is None:
            made = running.over_files(tree, files, sys.stdout.buffer, form, advance)
            sys.stdout.buffer.flush()
            return made
        try:
            with output.open("wb") as out:
                return running.over_files(tree, files, out, form, advance)
        except CarespineError:
            output.unlink()  # half a table could be taken for a whole one
            raise


def _from_stored(
    tree: Any, output: Path | None, form: str, jobs: int, data: Path | None, database: str | None
) -> Made:
    import tempfile

    from carespine.security.actor import system_job
    from carespine.spine.views import running
    from carespine.web import settings
    from carespine.web.platform import Platform
    from carespine.web.serve import database as opened

    chosen = settings.load(data=data, database=database)

    async def work(url: str, out: Path) -> Made:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            return await running.over_stored(
                platform.door, system_job("view"), tree, url, out, form, jobs=jobs
            )
        finally:
            await platform.close()

    with opened(chosen) as url, tempfile.TemporaryDirectory() as folder:
        if output is not None:
            return asyncio.run(work(url, output.absolute()))
        out = Path(folder) / "table"
        made = asyncio.run(work(url, out))
        sys.stdout.buffer.write(out.read_bytes())
        sys.stdout.buffer.flush()
        return made
