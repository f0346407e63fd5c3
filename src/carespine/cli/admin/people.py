"""`carespine admin person`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from carespine.cli.admin.running import password as ask_password
from carespine.cli.admin.running import perform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

group = typer.Typer(no_args_is_help=True, help="People who may sign in.")
_ADD = (
    "Examples:  carespine admin person add ann --name 'Ann Abel' --role administrator  |  "
    "carespine admin person add dr-elm --name 'Dr Elm' --role 'general practitioner' --organisation A10001 "
    "--reference Practitioner/elm --password-stdin < password.txt"
)
UserName = Annotated[str, typer.Argument(help="The name the person signs in with.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Take the password from the first line of standard input.")
]


@group.command(epilog=_ADD)
def add(
    username: UserName,
    name: Annotated[str, typer.Option(help="The person's name, as others read it.")],
    role: Annotated[str, typer.Option(help="See: carespine admin role list.")],
    organisation: Annotated[str | None, typer.Option(help="ODS code of where they work.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Their FHIR resource, such as Practitioner/123 or Patient/123.")
    ] = None,
    password_stdin: FromStdin = False,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Make an account. The password is asked for, or read from standard input; never given as an argument."""
    from carespine.security import administration, roles
    from carespine.security.accounts import Account

    own = reference or f"Person/{username}"
    account = Account(username, name, roles.kind_of(role), role, organisation, own)
    given = ask_password(password_stdin)
    perform(data, database, lambda session: administration.add_person(session, account, given), is_first=True)
    typer.echo(f"{name} can sign in as {username}.")


@group.command("list", epilog="Example:  carespine admin person list")
def list_(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the people who have an account."""
    from carespine.security import administration

    found = perform(data, database, administration.people)
    if as_json:
        print_json([asdict(person) for person in found])
        return
    for person in found:
        state = "enabled" if person.enabled else "DISABLED"
        typer.echo(f"{person.username}  {state}  {person.role}  {person.organisation or '-'}  {person.name}")
    if not found:
        typer.echo("There are no people yet: carespine admin person add NAME --role administrator ...")


@group.command(epilog="Example:  carespine admin person password ann")
def password(
    username: UserName,
    password_stdin: FromStdin = False,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Set a new password; the person's sessions end, and a lock is lifted."""
    from carespine.security import administration

    given = ask_password(password_stdin)
    perform(data, database, lambda session: administration.set_password(session, username, given))
    typer.echo(f"The password of {username} is changed.")


@group.command(epilog="Example:  carespine admin person disable ann")
def disable(username: UserName, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Stop a person: their sessions end now, and they cannot sign in."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.enable_person(session, username, enabled=False))
    typer.echo(f"{username} is disabled.")


@group.command(epilog="Example:  carespine admin person enable ann")
def enable(username: UserName, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Let a person sign in again."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.enable_person(session, username, enabled=True))
    typer.echo(f"{username} is enabled.")


@group.command("forget-second-factor", epilog="Example:  carespine admin person forget-second-factor ann")
def forget_second_factor(
    username: UserName, data: DataOption = None, database: DatabaseOption = None
) -> None:
    """Take the second factor off an account, for a lost telephone: the next sign-in offers a new key."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.forget_second_factor(session, username))
    typer.echo(f"{username} will be offered a new key at the next sign-in.")
