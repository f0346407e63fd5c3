"""`carespine admin proxy`."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from carespine.cli.admin.people import UserName
from carespine.cli.admin.running import perform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json
from carespine.kernel.errors import Invalid

group = typer.Typer(no_args_is_help=True, help="Carers: who may read the record of whom, until when.")
PatientId = Annotated[str, typer.Argument(help="The logical id of the Patient.")]


@group.command(epilog="Example:  carespine admin proxy give jo 123 --until 2027-03-31 --type Appointment")
def give(
    username: UserName,
    patient_id: PatientId,
    until: Annotated[str, typer.Option(help="The day it ends, such as 2027-03-31.")],
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="A resource type; several times; all without it.")
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Let a carer (a person with the role carer) read a record until a day."""
    from carespine.security import proxies

    try:
        ends = datetime.fromisoformat(until).replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid(f"--until {until!r} is not a day; write 2027-03-31.") from error
    proxy = proxies.Proxy(
        username, patient_id, tuple(type_ or ["*"]), datetime.now(UTC), ends, getpass.getuser()
    )
    perform(data, database, lambda session: proxies.give(session, proxy))
    typer.echo(f"{username} may read Patient/{patient_id} until {until}.")


@group.command(epilog="Example:  carespine admin proxy end jo 123")
def end(
    username: UserName, patient_id: PatientId, data: DataOption = None, database: DatabaseOption = None
) -> None:
    """End a carer's access now."""
    from carespine.security import proxies

    perform(data, database, lambda session: proxies.end(session, username, patient_id))
    typer.echo(f"{username} no longer reads Patient/{patient_id}.")


@group.command("list", epilog="Example:  carespine admin proxy list --json")
def list_(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List who reads the record of whom."""
    from carespine.security import proxies

    found = perform(data, database, proxies.every)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        typer.echo(
            f"{each.username}  Patient/{each.patient_id}  {', '.join(each.types)}  until {each.ends.date()}"
        )
    if not found:
        typer.echo("Nobody reads the record of another.")
