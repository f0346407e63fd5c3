"""Adding FHIR packages to the record: their definitions become resources, and count at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec
from carespine.fhir.packages import CORE, Package, missing_dependencies
from carespine.kernel.errors import Invalid, NotFound, Unprocessable
from carespine.security.actor import ADMINISTRATION
from carespine.storage import packages

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.security.door import Door
    from carespine.security.session import Session
    from carespine.storage.packages import Added

# FHIR R4, datatypes.html#id: 64 characters; the rest is for the sign that tells equal ids of two packages apart.
_ID, _SIGN = 64, 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What adding a package did; `notes` say in words what it lacks and what was left out."""

    name: str
    version: str
    stored: int
    unchanged: int
    removed: int
    notes: tuple[str, ...]


async def add(door: Door, actor: Actor, package: Package) -> Outcome:
    """Store a package, all of it or nothing, in the place of an earlier version; raises Invalid for R4 itself."""
    if package.name in CORE:
        raise Invalid(f"{package.name} is R4 itself, which is always there.")
    trees, notes = _trees(package)
    async with door.enter(actor, purpose=ADMINISTRATION) as session:
        before = await packages.take(session.tx, package.name)
        written = await session.upsert_many(trees, checked=True)
        names = tuple((tree["resourceType"], tree["id"]) for tree in trees)
        removed = await _delete(session, set(before.resources) - set(names) if before else set())
        row = packages.Added(package.name, package.version, package.dependencies, names, session.clock())
        await packages.put(session.tx, row)
        others = await packages.listed(session.tx)
        detail = {"name": package.name, "version": package.version}
        await session.audit("U" if before else "C", "package-add", what="StructureDefinition", detail=detail)
    absent = missing_dependencies([_as_package(each) for each in others])
    notes = [*(f"A package is absent: {each}." for each in absent), *package.skipped, *notes]
    stored = sum(item is not None for item in written)
    return Outcome(package.name, package.version, stored, len(trees) - stored, removed, tuple(notes))


async def listed(door: Door, actor: Actor) -> list[Added]:
    """The packages that were added."""
    async with door.glance(actor, purpose=ADMINISTRATION) as session:
        await session.audit("R", "package-list", what="StructureDefinition")
        return await packages.listed(session.tx)


async def remove(door: Door, actor: Actor, name: str) -> int:
    """Delete what a package brought (its versions stay, as with any resource); raises NotFound."""
    async with door.enter(actor, purpose=ADMINISTRATION) as session:
        found = await packages.take(session.tx, name)
        if found is None:
            raise NotFound(f"There is no package {name[:80]}.")
        removed = await _delete(session, set(found.resources))
        await packages.remove(session.tx, name)
        await session.audit("D", "package-remove", what="StructureDefinition", detail={"name": name})
        return removed


async def _delete(session: Session, names: set[tuple[str, str]]) -> int:
    gone = [await session.delete(kind, resource_id) for kind, resource_id in sorted(names)]
    return sum(item is not None for item in gone)


def _trees(package: Package) -> tuple[list[dict[str, Any]], list[str]]:
    """The resources with ids of their own, those that break R4's structure left out and named."""
    trees, notes = [], []
    for (kind, url), tree in sorted(package.resources.items()):
        try:
            codec.check(tree)
        except Unprocessable as error:
            notes.append(f"{kind} {url} was left out: {error.message}")
            continue
        trees.append({**tree, "id": _id(tree.get("id"), url)})
    if not trees:
        raise Invalid(
            f"{package.name}: none of its resources keeps R4's structure. {notes[0] if notes else ''}"
        )
    return trees, notes


def _id(own: str | None, url: str) -> str:
    """The same for the same URL always, and another for another's, whatever ids packages choose."""
    sign = hashlib.sha256(url.encode()).hexdigest()[:_SIGN]
    return f"{(own or 'x')[: _ID - _SIGN - 1]}-{sign}"


def _as_package(row: Added) -> Package:
    return Package(row.name, row.version, row.dependencies, {})
