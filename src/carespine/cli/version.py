"""`carespine version`."""

from __future__ import annotations

import platform

import typer

from carespine import __version__
from carespine.cli.options import JsonOption, print_json


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  carespine version --json")(version)


def version(as_json: JsonOption = False) -> None:
    """Print the version of Carespine, of FHIR and of Python."""
    facts = {"carespine": __version__, "fhir": "4.0.1", "python": platform.python_version()}
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"Carespine {__version__}, FHIR R4 (4.0.1), Python {facts['python']}")
