"""`carespine admin organisation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carespine.cli.admin.running import perform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

if TYPE_CHECKING:
    from carespine.security.session import Session

group = typer.Typer(no_args_is_help=True, help="Organisations that people and clients act for.")
OdsCode = Annotated[str, typer.Argument(help="The organisation's ODS code.")]


@group.command(epilog="Example:  carespine admin organisation add A10001 --name 'Elm Surgery'")
def add(
    ods: OdsCode,
    name: Annotated[str, typer.Option(help="Its name.")],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Record an organisation (a FHIR Organization)."""
    from carespine.security import administration

    made = perform(
        data, database, lambda session: administration.add_organisation(session, ods, name), is_first=True
    )
    typer.echo(f"{name} ({ods}) is Organization/{made}.")


@group.command("list", epilog="Example:  carespine admin organisation list --json")
def list_(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the organisations that have an ODS code."""
    from carespine.fhir import json_text

    async def every(session: Session) -> list[dict[str, Any]]:
        rows = await session.tx.fetch("select id, ods from organisation_index order by ods")
        found = []
        for row in rows:
            stored = await session.read_stored("Organization", row["id"])
            tree = json_text.read(stored.body)
            entry = {"ods": row["ods"], "id": row["id"], "name": tree.get("name", "")}
            found.append({**entry, "active": tree.get("active", True)})
        return found

    rows = perform(data, database, every)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "active" if row["active"] else "NOT ACTIVE"
        typer.echo(f"{row['ods']}  {state}  Organization/{row['id']}  {row['name']}")
    if not rows:
        typer.echo("There are no organisations yet.")


@group.command(epilog="Example:  carespine admin organisation disable A10001")
def disable(ods: OdsCode, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Mark an organisation as not active, and stop all of its people."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.activate_organisation(session, ods, active=False))
    typer.echo(f"The organisation {ods} and its people are disabled.")


@group.command(epilog="Example:  carespine admin organisation enable A10001")
def enable(ods: OdsCode, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Mark an organisation as active again, and let its people sign in."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.activate_organisation(session, ods, active=True))
    typer.echo(f"The organisation {ods} and its people are enabled.")
