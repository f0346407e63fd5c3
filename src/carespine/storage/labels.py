"""Profiles, tags and security labels in use: the distinct ones over many resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection
    from carespine.storage.sql import Arguments

KINDS = ("profile", "security", "tag")


async def in_use(
    connection: Connection, resource_type: str | None, *, where: str, arguments: Arguments
) -> dict[str, list[Any]]:
    """By kind, what the current resources of a type (None: of all) carry in their meta.

    `where` restricts table alias r; `arguments` already holds its values. Goes over all the rows: only a hash of
    a label is indexed.
    """
    conditions = ["not r.deleted", f"({where})"]
    if resource_type is not None:
        conditions.append(f"r.type = {arguments.add(type_number(resource_type))}")
    # Looking for the bytes first spares most rows the reading of their JSON.
    opening = [arguments.add(f'"{kind}":['.encode()) for kind in KINDS]
    named = " or ".join(f"position({text} in r.body) > 0" for text in opening)
    labels = " union all ".join(
        f"select '{kind}' as kind, value::text as label from json_array_elements(m.meta -> '{kind}')"  # noqa: S608
        for kind in KINDS
    )
    rows = await connection.fetch(
        f"select distinct l.kind, l.label from resource r "  # noqa: S608
        f"cross join lateral (select convert_from(r.body, 'UTF8')::json -> 'meta' as meta) m "
        f"cross join lateral ({labels}) l where {' and '.join(conditions)} and ({named}) order by 1, 2",
        *arguments.values,
    )
    found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for row in rows:
        found[row["kind"]].append(json_text.read(row["label"].encode()))
    return found
