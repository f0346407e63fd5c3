"""`carespine certificate verify`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from carespine.cli.options import DataOption, JsonOption, print_json
from carespine.kernel.errors import Misconfigured

group = typer.Typer(no_args_is_help=True, help="Certificates: what a passed run is worth, signed.")
_EPILOG = (
    "Examples:  carespine certificate verify steady-band.jws --trust jwks.json  |  "
    "carespine certificate verify steady-band.jws --trust jwks.json --at 2027-01-31"
)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="certificate")


@group.callback()
def _group() -> None:
    """Keeps `verify` a subcommand although it is the only one."""


@group.command(epilog=_EPILOG)
def verify(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The certificate: a JWS as text.")
    ],
    trust: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="JWKS of the certifiers you trust; else this server's own key."
        ),
    ] = None,
    status: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A signed status list, to see suspensions too."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The moment that counts, ISO 8601.", show_default="now")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a certificate offline, with public keys alone."""
    from carespine.standards import certificates

    text = file.read_text(errors="replace").strip()
    found = certificates.verify(
        text, _trusted(trust, data), _moment(at), status=status.read_text().strip() if status else None
    )
    if as_json:
        print_json(
            {
                "ok": found.ok,
                "reasons": list(found.reasons),
                "notes": list(found.notes),
                "claims": dict(found.claims),
            }
        )
    elif found.ok:
        claims = found.claims
        expires = datetime.fromtimestamp(claims["exp"], UTC).date()
        typer.echo(
            f"Valid: {claims['product']} {claims['version']} of {claims['supplier']}, "
            f"{claims['profile']}, level {claims['level']}, until {expires}."
        )
        for note in found.notes:
            typer.echo(f"Note: {note}.")
    else:
        typer.secho(f"Not valid: {'; '.join(found.reasons)}.", err=True, fg="red")
    if not found.ok:
        raise typer.Exit(1)


def _trusted(trust: Path | None, data: Path | None) -> dict[str, Any]:
    if trust is None:
        from carespine.security.keys import load_or_create
        from carespine.standards.keys import SigningKey
        from carespine.web import settings

        path = settings.load(data=data).data / "keys" / "certificates.jwk"
        if not path.exists():
            raise Misconfigured("Say whom you trust with --trust JWKS: there is no key of a server here.")
        return SigningKey.of(load_or_create(path)).jwks
    try:
        tree = json.loads(trust.read_text())
    except ValueError as error:  # of its encoding, or of its text
        raise Misconfigured(f"{trust} is not JSON; expected a JWKS.") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("keys"), list):
        raise Misconfigured(f'{trust} is not a JWKS; expected {{"keys": [...]}}.')
    return tree


def _moment(at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise Misconfigured(
            f"--at {at!r} is not a date or time; write 2027-01-31 or 2027-01-31T12:00Z."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
