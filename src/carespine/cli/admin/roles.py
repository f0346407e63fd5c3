"""`carespine admin role`."""

from __future__ import annotations

from typing import Annotated

import typer

from carespine.cli.admin.people import UserName
from carespine.cli.admin.running import perform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

group = typer.Typer(no_args_is_help=True, help="What people may do: the roles, and who has which.")


@group.command("list", epilog="Example:  carespine admin role list")
def list_(as_json: JsonOption = False) -> None:
    """List the roles, and what each may do."""
    from carespine.security import roles

    found = {role: roles.about(role) for role in sorted(roles.ROLES)}
    if as_json:
        print_json(found)
        return
    for role, words in found.items():
        typer.echo(f"{role}: {words}")


@group.command(epilog="Example:  carespine admin role give dr-elm nurse --organisation A10001")
def give(
    username: UserName,
    role: Annotated[str, typer.Argument(help="One of: carespine admin role list.")],
    organisation: Annotated[str | None, typer.Option(help="ODS code of where they have it.")] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Give a person another role in place of the one they have; their sessions end."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.give_role(session, username, role, organisation))
    typer.echo(f"{username} is {role} now.")
