"""The signed head of the audit trail, one a day, made by the running server: what was cut off since then shows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from carespine.security import audit_seal

if TYPE_CHECKING:
    from datetime import date

    from joserfc.jwk import ECKey, KeySet

    from carespine.kernel.clock import Clock
    from carespine.storage.database import Connection

FOLDER = "audit-heads"


async def make(tx: Connection, key: ECKey, clock: Clock) -> tuple[date, str] | None:
    """The head of today, made and stored by whoever is first; None where nothing was sealed yet."""
    day = clock().date()
    if text := await tx.fetchval("select text from audit_head where day = $1", day):
        return day, text
    number = await tx.fetchval("select max(number) from audit_seal")
    if number is None:
        return None
    text = await audit_seal.head(tx, key, clock)
    await tx.execute(
        "insert into audit_head (day, number, text) values ($1, $2, $3) on conflict do nothing",
        day,
        number,
        text,
    )
    return day, await tx.fetchval("select text from audit_head where day = $1", day)


def keep(data: Path, day: date, text: str) -> None:
    """Write a head into the data folder too, where whoever holds the database alone cannot change it. The first that
    was written stays."""
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{day.isoformat()}.jws"
    with suppress(FileExistsError), path.open("x") as file:
        file.write(f"{text}\n")


async def faults(connection: Connection, keys: KeySet, data: Path) -> tuple[int, list[str]]:
    """How many heads were kept, in the database and in the data folder, and what each finds wrong."""
    rows = await connection.fetch("select day, text from audit_head order by day")
    kept = [(f"head of {row['day']}", row["text"]) for row in rows]
    folder = data / FOLDER
    files = sorted(folder.glob("*.jws")) if folder.is_dir() else []
    kept += [(f"head in {path}", path.read_text()) for path in files]
    wrong = []
    for name, text in kept:
        if found := await audit_seal.missing(connection, text, keys):
            wrong.append(f"{name}: {found}")
    return len(kept), wrong
