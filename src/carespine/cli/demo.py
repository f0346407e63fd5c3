"""`carespine demo`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carespine.cli.options import progress_bar

if TYPE_CHECKING:
    from carespine.demo.stage import Stage

_EPILOG = "Examples:  carespine demo  |  carespine demo --check"


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(demo)


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Play it without a person, verify each step, then stop.")
    ] = False,
    data: Annotated[
        Path,
        typer.Option(file_okay=False, help="Folder for the demonstration; an earlier one in it is replaced."),
    ] = Path(".carespine/demo"),
    port: Annotated[
        int | None,
        typer.Option(help="Port; by default 8600, and any free one for --check.", show_default=False),
    ] = None,
) -> None:
    """Play the story: from a wearable to the GP, through the standards."""
    from carespine.demo.story import perform

    # Asked to end, the demonstration takes its processes with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    chosen = port if port is not None else (0 if check else 8600)
    done = perform(
        data,
        port=chosen,
        checking=check,
        say=typer.echo,
        show_progress=progress_bar,
        stay=(lambda _stage: None) if check else _stay,
    )
    if check:
        typer.echo("All steps passed." if done else "The story stopped at a step that failed.")
    if not done:
        raise typer.Exit(1)


def _stay(stage: Stage) -> None:
    typer.echo(
        f"\nThe server stays up: {stage.server.address}   Sign in at {stage.server.address}/sign-in as"
    )
    for account in stage.sign_ins.values():
        typer.echo(f"  {account.user_name:<10} {account.password}   {account.who}: sees {account.sees}")
    typer.echo("Synthetic people only; not for clinical use. Ctrl-C ends the demonstration.")
    threading.Event().wait()
