"""`carespine admin key`."""

from __future__ import annotations

import typer

from carespine.cli.options import DataOption
from carespine.kernel.errors import Misconfigured

group = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@group.callback()
def _group() -> None:
    """Keeps `rotate` a subcommand although it is the only one."""


@group.command(epilog="Example:  carespine admin key rotate")
def rotate(data: DataOption = None) -> None:
    """Sign access tokens with a new key from now on; running servers notice, and know the key before it still."""
    from carespine.security.keys import KeyRing
    from carespine.web import settings

    path = settings.load(data=data).data.absolute() / "keys" / "tokens.jwk"
    if not path.exists():
        raise Misconfigured(
            f"There is no key to be rotated in {path.parent}; name the data folder with --data."
        )
    typer.echo(f"Access tokens are signed with the key {KeyRing(path).rotate()} from now on.")
