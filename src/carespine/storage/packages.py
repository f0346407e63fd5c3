"""The register of FHIR packages: which were added, and what each brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carespine.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Added:
    """A package that was added. `resources`: (type, id) of what it brought."""

    name: str
    version: str
    dependencies: dict[str, str]
    resources: tuple[tuple[str, str], ...]
    added: datetime


async def put(tx: Connection, package: Added) -> None:
    """Register a package, in the place of another version."""
    await tx.execute(
        "insert into fhir_package (name, version, dependencies, resources, added) "
        "values ($1, $2, $3::jsonb, $4::jsonb, $5) on conflict (name) do update set version = excluded.version, "
        "dependencies = excluded.dependencies, resources = excluded.resources, added = excluded.added",
        package.name,
        package.version,
        json.dumps(package.dependencies),
        json.dumps(package.resources),
        package.added,
    )


async def take(tx: Connection, name: str) -> Added | None:
    """A package by name, kept from others until the transaction ends."""
    row = await tx.fetchrow("select * from fhir_package where name = $1 for update", name)
    return None if row is None else _of(row)


async def listed(connection: Connection) -> list[Added]:
    """All packages, by name."""
    return [_of(row) for row in await connection.fetch("select * from fhir_package order by name")]


async def remove(tx: Connection, name: str) -> None:
    """Take a package out of the register; what it brought is deleted by whoever calls."""
    await tx.execute("delete from fhir_package where name = $1", name)


def _of(row: object) -> Added:
    found = dict(row)  # type: ignore[call-overload]
    resources = tuple((kind, resource_id) for kind, resource_id in json.loads(found["resources"]))
    return Added(
        found["name"], found["version"], json.loads(found["dependencies"]), resources, found["added"]
    )
