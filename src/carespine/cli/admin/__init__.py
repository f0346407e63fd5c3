"""`carespine admin`: clients, people, roles and organisations, without a browser."""

from __future__ import annotations

import typer

from carespine.cli.admin import clients, keys, organisations, people, proxies, roles

group = typer.Typer(
    no_args_is_help=True,
    help="Clients, people, roles and organisations. Works beside a running server, on the same --data or --database.",
)
group.add_typer(clients.group, name="client")
group.add_typer(people.group, name="person")
group.add_typer(roles.group, name="role")
group.add_typer(organisations.group, name="organisation")
group.add_typer(proxies.group, name="proxy")
group.add_typer(keys.group, name="key")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="admin")
