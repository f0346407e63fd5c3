"""Profiles, tags and security labels in use: the distinct ones over many resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from carespine.fhir import json_text
from carespine.storage.bodies import unpack
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection
    from carespine.storage.sql import Arguments

KINDS = ("profile", "security", "tag")
# Ours: bodies looked at before other requests get their turn.
_AT_ONCE = 500


class _Meta(msgspec.Struct):
    """The labels of a resource, each as its JSON: most are those of the resource before."""

    profile: list[msgspec.Raw] = []
    security: list[msgspec.Raw] = []
    tag: list[msgspec.Raw] = []


class _Labelled(msgspec.Struct):
    meta: _Meta


_read = msgspec.json.Decoder(_Labelled).decode


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
    head = "r.patient" if resource_type is None else "r.type"  # an index serves either order
    after = arguments.add(-1), arguments.add(-1)
    statement = (
        f"select {head}, r.rid, r.body from resource r where {' and '.join(conditions)} "  # noqa: S608
        f"and ({head}, r.rid) > ({after[0]}, {after[1]}) order by {head}, r.rid limit {_AT_ONCE}"
    )
    found: dict[str, set[bytes]] = {kind: set() for kind in KINDS}
    while rows := await connection.fetch(statement, *arguments.values):
        for row in rows:
            meta = _read(unpack(row["body"])).meta
            for kind, labels in found.items():
                labels.update(bytes(label) for label in getattr(meta, kind))
        arguments.values[-2:] = rows[-1][0], rows[-1][1]
    return {kind: [json_text.read(label) for label in sorted(labels)] for kind, labels in found.items()}
