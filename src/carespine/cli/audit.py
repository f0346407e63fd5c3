"""`carespine audit verify`, `head`, `export` and `retention`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json

if TYPE_CHECKING:
    from carespine.web.platform import Platform

T = TypeVar("T")
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
    from carespine.security import audit_heads, audit_seal
    from carespine.security.keys import public_set
    from carespine.web import settings

    chosen = settings.load(data=data, database=database)

    async def look(platform: Platform) -> tuple[audit_seal.Verification, int]:
        await _seal(platform)
        async with platform.database.connection() as connection:
            keys = public_set(platform.keys.audit)
            found = await audit_seal.verify(connection, keys)
            heads, wrong = await audit_heads.faults(connection, keys, chosen.data)
            cut = await audit_seal.missing(connection, head.read_text(), keys) if head else None
            faults = (*found.faults, *wrong, *([cut] if cut else []))
            return replace(found, faults=faults), heads

    found, heads = _run(data, database, look)
    if as_json:
        print_json({**asdict(found), "heads": heads})
    else:
        state = "intact" if not found.faults else "NOT intact"
        typer.echo(
            f"The audit trail is {state}: {found.events} events under {found.seals} seals, "
            f"{found.unsealed} not sealed yet, {heads} daily heads, head {found.head[:16]}."
        )
        for fault in found.faults:
            typer.secho(f"  {fault}", err=True, fg="red")
    if found.faults:
        raise typer.Exit(1)


@group.command(epilog="Example:  carespine audit head > /media/safe/audit-2026-11-27.jws")
def head(data: DataOption = None, database: DatabaseOption = None) -> None:
    """Print the newest seal, signed. Keep it elsewhere: `audit verify --head` then shows what was cut off since."""
    from carespine.security import audit_seal

    async def look(platform: Platform) -> str:
        await _seal(platform)
        async with platform.database.connection() as connection:
            return await audit_seal.head(connection, platform.keys.audit, platform.clock)

    typer.echo(_run(data, database, look))


@group.command(
    epilog="Example:  carespine audit export --from 2026-01-01 --to 2027-01-01 --reason 'annual review' --out review"
)
def export(
    start: Annotated[str, typer.Option("--from", help="First day, or moment: 2026-01-01.")],
    end: Annotated[str, typer.Option("--to", help="The day or moment before which it ends.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the trail.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="A new folder for the files.")],
    patient: Annotated[str | None, typer.Option(help="Only the events of this Patient, by its id.")] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a period of the trail out as FHIR AuditEvents (NDJSON), with a signed manifest and hashes of the files."""
    import getpass

    from carespine.security import audit_export
    from carespine.security.actor import ADMINISTRATION, system_job

    scope = audit_export.Scope(_moment(start), _moment(end), reason, patient)
    actor = system_job(f"audit export by {getpass.getuser()}")

    async def take(platform: Platform) -> dict[str, Any]:
        server = f"{platform.settings.address}/fhir"
        async with platform.door.enter(actor, purpose=ADMINISTRATION) as session:
            return await audit_export.export(session, scope, out, key=platform.keys.audit, server=server)

    made = _run(data, database, take)
    if as_json:
        print_json(made)
    else:
        typer.echo(
            f"{made['events']} events in {len(made['files'])} files and {audit_export.MANIFEST}, in {out}."
        )


@group.command(epilog="Example:  carespine audit retention --data .carespine")
def retention(data: DataOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Remove now what the settings (audit_years) do not keep; the server does the same every few minutes."""
    from carespine.kernel.errors import Invalid
    from carespine.security import audit_retention

    async def remove(platform: Platform) -> audit_retention.Removed:
        years = platform.settings.audit_years
        if not years:
            raise Invalid("The policy keeps the whole audit trail: set audit_years to change it.")
        key = platform.keys.audit
        return await audit_retention.keep_to(platform.door, key, years=years, clock=platform.clock)

    removed = _run(data, database, remove)
    if as_json:
        print_json(asdict(removed))
    else:
        typer.echo(f"Removed {removed.events} events under {removed.seals} seals.")


async def _seal(platform: Platform) -> None:
    from carespine.security import audit_seal

    async with platform.database.transaction() as tx:
        await audit_seal.seal(tx, platform.keys.audit, platform.clock)


def _run(data: Path | None, database: str | None, verb: Callable[[Platform], Awaitable[T]]) -> T:
    """One verb on the platform; the server may be running meanwhile."""
    from carespine.web import settings
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    demand_data(chosen)

    async def run(url: str) -> T:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            return await verb(platform)
        finally:
            await platform.close()

    with opened(chosen) as url:
        return asyncio.run(run(url))


def _moment(text: str) -> datetime:
    """The first moment of a FHIR date or time; raises Invalid."""
    from carespine.fhir.search import moments
    from carespine.kernel.errors import Invalid
    from carespine.storage.instants import instant

    try:
        return instant(moments.interval(text)[0])
    except ValueError as error:
        raise Invalid(f"{text[:40]!r} is not a date such as 2026-01-01.") from error
