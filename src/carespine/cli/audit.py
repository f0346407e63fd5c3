"""`carespine audit verify` and `carespine audit head`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json
from carespine.kernel.errors import Misconfigured

group = typer.Typer(no_args_is_help=True, help="The audit trail.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="audit")


@group.command(epilog="Example:  carespine audit verify --data .carespine")
def verify(
    head: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="A head kept elsewhere: shows what was cut off since."
        ),
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the sealed chain of audit events; exits 1 if any was altered, removed, added or reordered."""
    from carespine.security import audit_seal
    from carespine.security.keys import public_set
    from carespine.web import settings
    from carespine.web.platform import Platform
    from carespine.web.serve import database as opened

    chosen = settings.load(data=data, database=database)

    if chosen.database is None and not (chosen.data / "keys" / "audit.jwk").exists():
        raise Misconfigured(f"There is no Carespine data in {chosen.data}; name its folder with --data.")

    async def run(url: str) -> audit_seal.Verification:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            async with platform.database.transaction() as tx:
                await audit_seal.seal(tx, platform.keys.audit, platform.clock)
            async with platform.database.connection() as connection:
                keys = public_set(platform.keys.audit)
                found = await audit_seal.verify(connection, keys)
                cut = await audit_seal.missing(connection, head.read_text(), keys) if head else None
                return replace(found, faults=(*found.faults, cut)) if cut else found
        finally:
            await platform.close()

    with opened(chosen) as url:
        found = asyncio.run(run(url))
    if as_json:
        print_json(asdict(found))
    else:
        state = "intact" if not found.faults else "NOT intact"
        typer.echo(
            f"The audit trail is {state}: {found.events} events under {found.seals} seals, "
            f"{found.unsealed} not sealed yet, head {found.head[:16]}."
        )
        for fault in found.faults:
            typer.secho(f"  {fault}", err=True, fg="red")
    if found.faults:
        raise typer.Exit(1)


@group.command(epilog="Example:  carespine audit head > /media/safe/audit-2026-11-27.jws")
def head(data: DataOption = None, database: DatabaseOption = None) -> None:
    """Print the newest seal, signed. Keep it elsewhere: `audit verify --head` then shows what was cut off since."""
    from carespine.security import audit_seal
    from carespine.web import settings
    from carespine.web.platform import Platform
    from carespine.web.serve import database as opened

    chosen = settings.load(data=data, database=database)

    async def run(url: str) -> str:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            async with platform.database.transaction() as tx:
                await audit_seal.seal(tx, platform.keys.audit, platform.clock)
            async with platform.database.connection() as connection:
                return await audit_seal.head(connection, platform.keys.audit, platform.clock)
        finally:
            await platform.close()

    with opened(chosen) as url:
        typer.echo(asyncio.run(run(url)))
