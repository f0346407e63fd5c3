"""`carespine admin client`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from carespine.cli.admin.running import perform
from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json
from carespine.kernel.errors import Invalid

group = typer.Typer(no_args_is_help=True, help="Apps and services that ask for tokens.")
_ADD = (
    "Examples:  carespine admin client add nightly-export --name 'Nightly export' --jwks public.json "
    "--scope 'system/*.rs'  |  carespine admin client add charts --name Charts --method none "
    "--redirect-uri https://charts.example/callback --scope 'launch/patient openid fhirUser patient/*.rs'"
)
ClientId = Annotated[str, typer.Argument(help="The client's id.")]


@group.command(epilog=_ADD)
def add(  # noqa: PLR0917 -- typer names the options after the parameters
    client_id: ClientId,
    name: Annotated[str, typer.Option(help="What people read on the consent screen and in the audit trail.")],
    scope: Annotated[str, typer.Option(help="SMART scopes it may ask for, separated by spaces.")],
    jwks: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Its public keys, a JWKS file (private_key_jwt)."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="How it proves itself: private_key_jwt, client_secret_basic or none.")
    ] = "private_key_jwt",
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where people are sent back to; may be given several times.")
    ] = None,
    launch_uri: Annotated[
        str | None, typer.Option(help="Where it is opened from within a patient's record (SMART EHR launch).")
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(help="ODS code of the organisation it acts for.")
    ] = None,
    certified: Annotated[
        bool, typer.Option("--certified", help="It gets no token without a certificate in force.")
    ] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a client. A secret, where it has one, is made here and printed once."""
    from carespine.security import administration, clients

    if method not in get_args(clients.Method):
        raise Invalid(f"--method is one of {', '.join(get_args(clients.Method))}.")
    chosen = cast("clients.Method", method)
    if method == "private_key_jwt" and jwks is None:
        raise Invalid("A client that signs its assertions needs --jwks FILE with its public keys.")
    client = clients.Client(
        client_id,
        name,
        organisation,
        _jwks(jwks),
        frozenset(scope.split()),
        certified,
        enabled=True,
        redirect_uris=tuple(redirect_uri or ()),
        method=chosen,
        launch_uri=launch_uri,
    )
    secret = perform(
        data, database, lambda session: administration.add_client(session, client), is_first=True
    )
    if as_json:
        print_json({"client_id": client_id, **({"client_secret": secret} if secret else {})})
        return
    typer.echo(f"The client {client_id} is registered.")
    if secret:
        typer.echo(f"Its secret, shown this once: {secret}")


@group.command("list", epilog="Example:  carespine admin client list --json")
def list_(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the clients."""
    from carespine.security import clients

    found = perform(data, database, lambda session: clients.every(session.tx))
    rows = [
        {
            "client_id": each.client_id,
            "name": each.name,
            "organisation": each.organisation,
            "method": each.method,
            "scopes": sorted(each.scopes),
            "redirect_uris": list(each.redirect_uris),
            "certified": each.certified,
            "enabled": each.enabled,
        }
        for each in found
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "enabled" if row["enabled"] else "DISABLED"
        scopes = " ".join(map(str, cast("list[str]", row["scopes"])))
        typer.echo(f"{row['client_id']}  {state}  {row['method']}  {row['name']}  {scopes}")
    if not rows:
        typer.echo("There are no clients.")


@group.command(epilog="Example:  carespine admin client disable nightly-export")
def disable(client_id: ClientId, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Stop a client at its next request. Its tokens stay dead when it is enabled again."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.disable_client(session, client_id))
    typer.echo(f"The client {client_id} is disabled.")


@group.command(epilog="Example:  carespine admin client enable nightly-export")
def enable(client_id: ClientId, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Let a client ask for tokens again."""
    from carespine.security import administration

    perform(data, database, lambda session: administration.enable_client(session, client_id))
    typer.echo(f"The client {client_id} is enabled.")


def _jwks(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {"keys": []}
    try:
        tree = json.loads(path.read_text())
    except ValueError as error:
        raise Invalid(f"{path} is not JSON; expected a JWKS.") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("keys"), list):
        raise Invalid(f'{path} is not a JWKS; expected {{"keys": [...]}}.')
    return tree
