"""`carespine devices import`, `inspect`, `report`, `erase` and `formats`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carespine.cli.opened import on_platform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json, progress_bar
from carespine.kernel.errors import Invalid, Misconfigured

if TYPE_CHECKING:
    from carespine.devices.adapters.contract import Adapter
    from carespine.devices.models import ImportResult
    from carespine.devices.preview import Preview

# How the local time of readings is known, in words that say what to do.
_CLOCKS = {
    "ambiguous": "not stated (--zone names where the person lived)",
    "stated": "stated",
    "named-zone": "by the zone that the file names",
    "place-of-export": "of the place where the file was made",
    "given-by-sender": "by --zone",
}

group = typer.Typer(no_args_is_help=True, help="Wearables, home devices and diet apps.")
_EPILOG = 'Example:  carespine devices import export.zip --patient "999 000 0115"'
_EPILOG_REPORT = (
    "Example:  carespine devices report export.zip clarity.csv --born 1957 --zone Europe/London --json"
)
MappingOption = Annotated[
    Path | None,
    typer.Option(
        "--mapping", exists=True, dir_okay=False, help="A mapping file for CSV files of no known format."
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(
        "--zone", help="The time zone the person lived in, for files that do not say: Europe/London."
    ),
]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="devices")


@group.command("import", epilog=_EPILOG)
def import_(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A file of readings; see `devices formats`.")
    ],
    patient: Annotated[str, typer.Option(help="The patient's NHS number.")],
    zone: ZoneOption = None,
    mapping: MappingOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a patient's readings: each is stored, known already, or rejected with a reason."""
    from carespine.devices.importing import import_file

    where, further = _zone(zone), _mapped(mapping)

    async def run(platform: Any) -> ImportResult:
        with progress_bar("Reading", None) as bar:
            return await import_file(
                platform.door,
                file,
                nhs_number=patient,
                zone=where,
                further=further,
                announcer=platform.announcer,
                progress=lambda _position, read: bar.update(bar.task_ids[0], completed=read),
            )

    done = on_platform(data, database, run)
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


@group.command("inspect", epilog="Example:  carespine devices inspect export.zip")
def inspect(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of readings.")],
    zone: ZoneOption = None,
    mapping: MappingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a file is and what it holds, before anything is stored."""
    from carespine.devices.inspecting import inspect as look
    from carespine.devices.words import counted
    from carespine.kernel.clock import now

    told = look(file, now=now(), zone=_zone(zone), further=_mapped(mapping))
    is_whole = not (told["refused"] or told["damage"])
    if as_json:
        print_json(told)
        raise typer.Exit(0 if is_whole else 1)
    typer.echo(f"{told['name']}: {told['title']}.")
    typer.echo(
        f"{counted(told['records'], 'record')}: {counted(told['readings'], 'reading')}, "
        f"{told['rejected']} rejected."
    )
    for held in told["metrics"]:
        units = ", ".join(held["units"])
        typer.echo(
            f"  {held['title']}: {held['readings']} in {units}, {held['first']} to {held['last']}, "
            f"{held['lowest']:g} to {held['highest']:g} {held['canonicalUnit']}"
        )
        typer.echo(f"    from {'; '.join(held['sources'])}; local time: {_clocks(held['offsets'])}")
    for reason in told["reasons"]:
        typer.echo(f"  rejected {reason['count']}: {reason['sentence']}")
    for line in (told["refused"], told["damage"], *told["notices"]):
        if line:
            typer.echo(f"  note: {line}")
    if not is_whole:
        raise typer.Exit(1)


@group.command("report", epilog=_EPILOG_REPORT)
def report(
    files: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, dir_okay=False, help="Files of readings of one person."),
    ] = None,
    *,
    patient: Annotated[
        str | None,
        typer.Option(help="Instead of files: the NHS number of a patient whose readings are stored."),
    ] = None,
    born: Annotated[
        int | None, typer.Option(min=1880, max=2200, help="The year of birth, for targets that go by age.")
    ] = None,
    zone: ZoneOption = None,
    mapping: MappingOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    pdf: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the summary as one printable page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the GP would see, without storing anything: days, sources, counts, and every protocol."""
    from carespine.devices.preview import of_files
    from carespine.devices.report_json import tree
    from carespine.kernel.clock import now

    if bool(files) == bool(patient):
        raise typer.BadParameter("Name files, or a patient with --patient; one of the two.")
    if files:
        year = None if born is None else date(born, 7, 1)
        made = asyncio.run(of_files(files, born=year, zone=_zone(zone), now=now(), further=_mapped(mapping)))
    else:
        made = _stored(patient or "", data, database)
    if pdf is not None:
        from carespine.devices.sheet import write

        write(made, pdf)
    if as_json:
        print_json(tree(made))
    else:
        _say(made)
    if made.files and all(file.state == "refused" for file in made.files):
        raise typer.Exit(1)


@group.command(
    "erase", epilog='Example:  carespine devices erase --patient "999 000 0115" --consent 01HZX --yes'
)
def erase(
    patient: Annotated[str, typer.Option(help="The patient's NHS number.")],
    consent: Annotated[str, typer.Option(help="The id of the Consent that is at an end.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase for good what the app of an ended sharing had sent, at the patient's request."""
    from carespine.devices.on_request import erase_on_request

    if not yes:
        typer.confirm("These readings cannot be brought back. Erase them?", abort=True)
    done = on_platform(
        data,
        database,
        lambda platform: erase_on_request(platform.door, nhs_number=patient, consent_id=consent),
    )
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(done.sentence)
    typer.echo("Earlier versions in the record go with the next run of the server's jobs.")


@group.command("formats", epilog="Example:  carespine devices formats --json")
def formats(as_json: JsonOption = False) -> None:
    """List the formats that can be read."""
    from carespine.devices.adapters import ALL

    rows = [{"adapter": one.manifest.key, "title": one.manifest.title} for one in ALL]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['adapter']:<20} {row['title']}")


def _clocks(offsets: dict[str, int]) -> str:
    return ", ".join(_CLOCKS.get(name, name) for name in offsets)


def _stored(patient: str, data: Path | None, database: str | None) -> Preview:
    from carespine.devices.stored_report import of_patient

    return on_platform(data, database, lambda platform: of_patient(platform.door, patient))


def _mapped(mapping: Path | None) -> tuple[Adapter, ...]:
    from carespine.devices.adapters.generic_csv.adapter import GenericCsv
    from carespine.devices.adapters.generic_csv.mapping import load

    if mapping is None:
        return ()
    try:
        return (GenericCsv(load(mapping.read_text(encoding="utf-8"), mapping.name)),)
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{mapping.name} is no mapping file: it is not text in UTF-8.") from error
    except Invalid as error:
        raise Misconfigured(error.message) from error


def _zone(zone: str | None) -> str | None:
    """The zone, if there is such a one; raises Misconfigured."""
    from carespine.devices.preview import checked_zone

    try:
        return checked_zone(zone)
    except Invalid as error:
        raise Misconfigured(error.message) from error


def _say(made: Preview) -> None:
    from carespine.devices.words import counted

    for file in made.files:
        typer.echo(
            f"{file.name} ({file.title or 'not recognised'}), {file.state}: read {file.read}, would be "
            f"stored {file.stored}, duplicate {file.duplicate}, rejected {file.rejected}."
        )
        for reason in file.reasons:
            typer.echo(f"  rejected {reason.count}: {reason.sentence}")
        for line in (file.refused, *file.notices):
            if line:
                typer.echo(f"  note: {line}")
    days = {view.found.day for view in made.days}
    values = counted(len(made.days), "value")
    typer.echo(f"{counted(len(days), 'local day')}, {values}. With --json: each with its sources.")
    for result in made.results:
        typer.echo(f"{result.title}: {result.verdict}")
        for sentence in (result.urgent, *result.missing):
            if sentence:
                typer.echo(f"  {sentence}")
