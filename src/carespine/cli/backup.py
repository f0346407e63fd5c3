"""`carespine backup` and `carespine restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

_BACKUP = (
    "Examples:  carespine backup /srv/backups  |  carespine backup before-upgrade.backup --data .carespine"
)
_RESTORE = "Example:  carespine restore before-upgrade.backup --data restored"


def register(app: typer.Typer) -> None:
    app.command(epilog=_BACKUP)(backup)
    app.command(epilog=_RESTORE)(restore)


def backup(
    target: Annotated[Path, typer.Argument(help="A new file, or a folder for one named after the time.")],
    data: DataOption = None,
    database: DatabaseOption = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the server's keys out; keep them elsewhere.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write all rows of one moment, and the server's keys, to one file, while the server runs on.

    The file can be read by its owner only. Who holds it holds every record and the keys: keep it encrypted.
    """
    from carespine.kernel import clock
    from carespine.web import settings
    from carespine.web.backups import back_up

    chosen = settings.load(data=data, database=database)
    path, manifest = back_up(chosen, target, now=clock.now(), with_keys=not without_keys)
    rows = sum(table.rows for table in manifest.tables.values())
    if as_json:
        files = sorted(manifest.files)
        print_json({"file": path, "tables": len(manifest.tables), "rows": rows, "files": files})
        return
    typer.echo(
        f"{path}: {rows} rows of {len(manifest.tables)} tables, {path.stat().st_size / 2**20:.1f} MiB, "
        f"as of {manifest.made}."
    )
    if without_keys:
        typer.echo("Without the keys: keep the folders keys and secrets of the data folder with it.")
    elif manifest.files:
        typer.echo(
            f"With {', '.join(sorted(manifest.files))}: whoever reads this file can sign as this server."
        )
    typer.echo("Not in it: carespine.toml, the environment, the log of the database.")


def restore(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A file that backup has written.")
    ],
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty database from a backup, all of it or nothing, and verify the audit trail.

    A schema that has grown since is brought up to date. Exits 1 if the trail is not as it was sealed.
    """
    from carespine.web import settings
    from carespine.web.backups import restore as run

    restored = run(settings.load(data=data, database=database), file)
    rows = sum(table.rows for table in restored.manifest.tables.values())
    trail = restored.trail
    if as_json:
        print_json(
            {"rows": rows, "made": restored.manifest.made, "events": trail.events, "faults": trail.faults}
        )
    else:
        typer.echo(f"Restored {rows} rows as of {restored.manifest.made}.")
        state = "intact" if not trail.faults else "NOT intact"
        typer.echo(f"The audit trail is {state}: {trail.events} events under {trail.seals} seals.")
        for fault in trail.faults:
            typer.secho(f"  {fault}", err=True, fg="red")
    if trail.faults:
        raise typer.Exit(1)
