"""`carespine serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from carespine.cli.options import DatabaseOption, DataOption

_EPILOG = (
    "Examples:  carespine serve  |  carespine serve --open --port 8080  |  "
    "carespine serve --database postgresql://carespine@db/carespine --workers 4"
)


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8600")] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Number of server processes.", show_default="one a processor, four at most"),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Public address, if it is not http://HOST:PORT.")
    ] = None,
    open_access: Annotated[
        bool, typer.Option("--open", help="FHIR without sign-in, on a loopback address, for trying tools.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False,
) -> None:
    """Start the server: pages at /, FHIR R4 at /fhir, tokens at /oauth/token."""
    from carespine.web import logs, settings
    from carespine.web.serve import serve as run

    chosen = settings.load(
        host=host,
        port=port,
        data=data,
        database=database,
        workers=workers,
        base_url=base_url,
        open=open_access or None,
        demo=demo or None,
    )
    logs.configure(chosen.log_level)

    def ready(address: str) -> None:
        typer.echo(f"Carespine is ready: {address}  (FHIR R4: {address}/fhir)")
        if chosen.open:
            typer.secho(
                "OPEN ACCESS: anyone on this machine can read and change every record. Synthetic data only.",
                fg="red",
                bold=True,
            )

    run(chosen, on_ready=ready)
