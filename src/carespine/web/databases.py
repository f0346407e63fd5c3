"""Where the database is: the one that is set, or the embedded one. Imports little, since every start waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from carespine.kernel.errors import Misconfigured
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

if TYPE_CHECKING:
    from carespine.web.settings import Settings


def demand_data(settings: Settings) -> None:
    """Raise Misconfigured where nothing was ever stored: a mistyped folder is not to be reported on."""
    if settings.database is None and not EmbeddedPostgres.is_in(settings.data):
        raise Misconfigured(f"There is no Carespine data in {settings.data}; name its folder with --data.")


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of a migrated database: the one that is set, or the embedded one for as long as this lasts."""
    if settings.database:
        migrate(settings.database)
        yield settings.database
        return
    server = EmbeddedPostgres(settings.data)
    try:
        url = server.start()
        migrate(url)
        server.watch()
        yield url
    finally:
        server.stop()
