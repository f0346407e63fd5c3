"""One command, `carespine`: each subcommand parses its words, calls one function, and prints the outcome.

Exit codes: 0 done, 1 refused or failed, 2 misuse.
"""

from __future__ import annotations

import sys
from typing import Any

import typer

from carespine.cli import (
    admin,
    audit,
    backup,
    certificate,
    demo,
    devices,
    doctor,
    load,
    package,
    reindex,
    serve,
    space,
    standards,
    terminology,
    validate,
    version,
    view,
)
from carespine.kernel.errors import CarespineError, Misconfigured

app = typer.Typer(
    name="carespine",
    help="Carespine: open standards as executable checks, a shared FHIR R4 record, and the services that pass.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # errors and help as plain lines, which programs and screen readers take as they are
    context_settings={"help_option_names": ["-h", "--help"]},
)
serve.register(app)
reindex.register(app)
space.register(app)
demo.register(app)
load.register(app)
validate.register(app)
package.register(app)
terminology.register(app)
view.register(app)
standards.register(app)
certificate.register(app)
devices.register(app)
audit.register(app)
backup.register(app)
admin.register(app)
doctor.register(app)
version.register(app)


# Typer exports the kinds of misuse, not their family.
_Misuse: Any = typer.BadParameter.__base__
_NO_NUMBER = "Input should be a valid integer, unable to parse string as an integer"


def main() -> None:
    """Run the command; an error becomes one sentence, and a hint, on standard error."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except _Misuse as error:
        _say_misuse(error)
        sys.exit(2)
    except typer.Abort:  # Ctrl-C, or the end of what was to be typed
        sys.exit(130)
    except Misconfigured as error:
        _say(error.message, f"See {error.page}." if error.page else None)
        sys.exit(2)
    except CarespineError as error:
        _say(error.message, None)
        sys.exit(1)
    except OSError as error:
        _say(f"{error.filename or 'The system'}: {error.strerror or error}.", None)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _say_misuse(error: Any) -> None:
    where = error.ctx.command_path if error.ctx else app.info.name
    said = error.format_message().replace(_NO_NUMBER, "it is a whole number")
    if error.ctx is not None and said == error.ctx.get_help():  # no words at all: the help is the answer
        typer.echo(said, err=True)
    else:
        _say(said if said.endswith((".", "?", ")")) else f"{said}.", f"See {where} --help.")


def _say(message: str, hint: str | None) -> None:
    typer.secho(f"carespine: {message}", err=True, fg="red")
    if hint:
        typer.secho(hint, err=True)
