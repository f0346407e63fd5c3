"""One command, `carespine`: each subcommand parses its words, calls one function, and prints the outcome.

Exit codes: 0 done, 1 refused or failed, 2 misuse.
"""

from __future__ import annotations

import sys

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


def main() -> None:
    """Run the command; an error becomes one sentence, and a hint, on standard error."""
    try:
        app()
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


def _say(message: str, hint: str | None) -> None:
    typer.secho(f"carespine: {message}", err=True, fg="red")
    if hint:
        typer.secho(hint, err=True)
