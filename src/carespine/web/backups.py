"""Backup and restore of a whole deployment: the database, the server's keys, the continuity of the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from carespine.kernel.errors import Conflict, Misconfigured
from carespine.security import audit_seal
from carespine.security.keys import public_set
from carespine.storage.backup.archive import Manifest, reading
from carespine.storage.backup.dumping import dump
from carespine.storage.backup.restoring import load
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web.platform import Platform

if TYPE_CHECKING:
    from carespine.security.audit_seal import Verification
    from carespine.web.settings import Settings

# The folders below the data folder whose files go along.
_FOLDERS = ("keys", "secrets")


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: the backup's own account of itself, and what the audit trail says of it."""

    manifest: Manifest
    trail: Verification


def back_up(
    settings: Settings, target: Path, *, now: datetime, with_keys: bool = True
) -> tuple[Path, Manifest]:
    """Write a backup to `target`, or under a name of its own into the folder `target`."""
    if target.is_dir():
        target = target / f"carespine-{now:%Y%m%dT%H%M%SZ}.backup"
    with _database(settings, new=False) as url:
        files = dict(_files(settings)) if with_keys else {}
        return target, dump(url, target, files=files, now=now)


def restore(settings: Settings, backup: Path) -> Restored:
    """Fill an empty database, and the keys, from a backup; then prove that the audit trail is as it was sealed.

    Raises Conflict where there is a database in use or another key already, Invalid for a damaged backup.
    """
    with reading(backup) as archive:
        files = dict(archive.files())
        _demand_no_other_keys(settings, files)
        with _database(settings, new=True) as url:
            load(url, archive, backup)
            _write(settings, files)
            trail = asyncio.run(_verify(settings, url))
        return Restored(archive.manifest, trail)


@contextmanager
def _database(settings: Settings, *, new: bool) -> Iterator[str]:
    """The URL of the database as it is, without migrating it."""
    if settings.database:
        yield settings.database
        return
    if not new and not settings.data.exists():
        raise Misconfigured(f"There is no Carespine data in {settings.data}; name its folder with --data.")
    server = EmbeddedPostgres(settings.data)
    try:
        yield server.start()
    finally:
        server.stop()


def _files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    for folder in _FOLDERS:
        place = settings.data.absolute() / folder
        for path in sorted(place.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(settings.data.absolute())), path.read_bytes()


def _demand_no_other_keys(settings: Settings, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = _place(settings, name)
        if path.exists() and path.read_bytes() != content:
            raise Conflict(f"There is another {path} already: restore into a data folder of its own.")


def _write(settings: Settings, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = _place(settings, name)
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(content)


def _place(settings: Settings, name: str) -> Path:
    folder, *rest = Path(name).parts
    if folder not in _FOLDERS or not rest or ".." in rest:
        raise Conflict(f"The backup holds a file with the name {name!r}, which has no place here.")
    return settings.data.absolute() / name


async def _verify(settings: Settings, url: str) -> Verification:
    platform = Platform.build(settings, url)
    await platform.open()  # also lets the trail's numbers go on in this cluster
    try:
        async with platform.database.transaction() as tx:
            await audit_seal.seal(tx, platform.keys.audit, platform.clock)
        async with platform.database.connection() as connection:
            return await audit_seal.verify(connection, public_set(platform.keys.audit))
    finally:
        await platform.close()
