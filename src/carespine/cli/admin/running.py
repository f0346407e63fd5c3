"""How an administration command reaches the platform: through the door, as whoever runs it, on record."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from carespine.kernel.errors import Invalid

if TYPE_CHECKING:
    from carespine.security.session import Session

T = TypeVar("T")


def perform(
    data: Path | None,
    database: str | None,
    verb: Callable[[Session], Awaitable[T]],
    *,
    is_first: bool = False,
) -> T:
    """Run one verb in one transaction; the server may be running meanwhile.

    `is_first` for a verb that a deployment may begin with: what it is to change need not be there yet.
    """
    from carespine.security.actor import ADMINISTRATION, system_job
    from carespine.web import settings
    from carespine.web.databases import database as opened
    from carespine.web.databases import demand_data
    from carespine.web.platform import Platform

    chosen = settings.load(data=data, database=database)
    if not is_first:
        demand_data(chosen)

    async def run(url: str) -> T:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            actor = system_job(f"admin command by {getpass.getuser()}")
            async with platform.door.enter(actor, purpose=ADMINISTRATION) as session:
                return await verb(session)
        finally:
            await platform.close()

    with opened(chosen) as url:
        return asyncio.run(run(url))


def password(from_stdin: bool) -> str:
    """A password from standard input's first line, or asked for twice; never from the command line."""
    if from_stdin:
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise Invalid("Standard input held no password.")
        return line
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for a password: send it with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
