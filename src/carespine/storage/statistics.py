"""What the database knows of its rows: how common a key is, how many rows a type has. Searches are planned by it.

PostgreSQL looks by itself once a minute or so; after a load a search should not have to wait for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_LOOKING_S = 600


async def renew(connection: Connection) -> None:
    """Have the database look at the resources and their index now."""
    rows = await connection.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace "
        "and (relname = 'resource' or relname like 'index\\_%')"
    )
    await connection.execute(f"analyze {', '.join(row['relname'] for row in rows)}", timeout=_LOOKING_S)
