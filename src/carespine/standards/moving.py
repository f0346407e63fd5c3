"""Proving that a health body can leave: an export from A, imported into B and exported again, compared by content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from carespine.kernel.ids import new_id
from carespine.security.actor import ADMINISTRATION
from carespine.standards import store, transparency
from carespine.standards.authority import health_body
from carespine.standards.engine.evidence import canonical
from carespine.standards.gates import Facts, Part

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.standards.service import Standards
    from carespine.storage.database import Connection

# What a server sets itself; everything else has to arrive as it left.
_OWN = frozenset({"versionId", "lastUpdated", "source"})
# The parts that gate W3 asks for apart from the resources as a whole (gates.PARTS).
_PART_OF = {
    "Binary": "attachments",
    "DocumentReference": "attachments",
    "Media": "attachments",
    "AuditEvent": "audit",
    "ServiceRequest": "referrals",
    "Appointment": "appointments",
    "Flag": "alerts",
}
_NAMED = 20
_WHOLE = "resources"


@dataclass(slots=True)
class Export:
    """What an export holds: for each type, the SHA-256 of each resource's canonical form by its id."""

    types: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def add(self, resource: Any, *, where: str) -> None:
        """Take one resource. Raises Invalid where it is none, or is there twice."""
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise Invalid(f"{where}: not a FHIR resource.")
        name = resource.get("id")
        if not isinstance(name, str) or not name:
            raise Invalid(f"{where}: the resource has no id.")
        known = self.types.setdefault(resource["resourceType"], {})
        if name in known:
            raise Invalid(f"{where}: {resource['resourceType']}/{name} is in the export twice.")
        known[name] = _digest(resource)


def _digest(resource: dict[str, Any]) -> bytes:
    meta = {key: value for key, value in (resource.get("meta") or {}).items() if key not in _OWN}
    bare = {key: value for key, value in resource.items() if key != "meta"}
    return sha256(canonical(bare | ({"meta": meta} if meta else {}))).digest()


def read_folder(folder: Path) -> Export:
    """The export in a folder of NDJSON files. Raises Invalid, naming the file and the line."""
    files = sorted(folder.glob("**/*.ndjson")) if folder.is_dir() else []
    if not files:
        raise Invalid(f"There are no .ndjson files in {folder}.")
    export = Export()
    for file in files:
        with file.open("rb") as lines:
            for number, resource in _resources(lines, str(file.name)):
                export.add(resource, where=f"{file.name}, line {number}")
    return export


def read_lines(text: bytes, name: str) -> Export:
    """The export in one NDJSON text."""
    export = Export()
    for number, resource in _resources(iter(text.splitlines()), name):
        export.add(resource, where=f"{name}, line {number}")
    return export


def _decimal(text: str) -> dict[str, str]:
    """A number with its digits: 1.10 is not 1.1 in FHIR, nor is it the text."""
    return {"decimal": text}


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _resources(lines: Iterator[bytes], name: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, parse_float=_decimal, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"{name}, line {number}: not JSON: {error}.") from error


@dataclass(frozen=True, slots=True)
class TypeReport:
    """One resource type on both sides: ids that did not arrive, arrived altered, or came from elsewhere."""

    type: str
    exported: int
    imported: int
    missing: tuple[str, ...]
    altered: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether all that left arrived as it was, and nothing else."""
        return not (self.missing or self.altered or self.added)


@dataclass(frozen=True, slots=True)
class Report:
    """The comparison: type by type, and the parts as gate W3 wants them."""

    types: tuple[TypeReport, ...]
    parts: dict[str, Part]

    @property
    def equal(self) -> bool:
        """Whether the whole record arrived."""
        return bool(self.types) and all(each.equal for each in self.types)

    def tree(self) -> dict[str, Any]:
        """As JSON data."""
        types = [
            {"type": each.type, "exported": each.exported, "imported": each.imported, "equal": each.equal,
             "missing": _first(each.missing), "altered": _first(each.altered), "added": _first(each.added)}
            for each in self.types
        ]  # fmt: skip
        parts = {
            name: {"exported": part.exported, "imported": part.imported, "exported_sha256": part.exported_sha256,
                   "imported_sha256": part.imported_sha256}
            for name, part in self.parts.items()
        }  # fmt: skip
        return {"equal": self.equal, "types": types, "parts": parts}


def compare(left: Export, arrived: Export) -> Report:
    """What left A against what B has."""
    types = []
    for name in sorted(left.types.keys() | arrived.types.keys()):
        before, after = left.types.get(name, {}), arrived.types.get(name, {})
        missing = sorted(before.keys() - after.keys())
        altered = sorted(each for each in before.keys() & after.keys() if before[each] != after[each])
        added = sorted(after.keys() - before.keys())
        types.append(TypeReport(name, len(before), len(after), tuple(missing), tuple(altered), tuple(added)))
    return Report(tuple(types), _parts(left, arrived))


def _parts(left: Export, arrived: Export) -> dict[str, Part]:
    found = {}
    for part in (_WHOLE, *dict.fromkeys(_PART_OF.values())):
        (exported, before), (imported, after) = (_part(side, part) for side in (left, arrived))
        found[part] = Part(
            exported=exported, imported=imported, exported_sha256=before, imported_sha256=after
        )
    return found


def _part(export: Export, part: str) -> tuple[int, str]:
    """How many resources of a part there are, and one hash over all."""
    whole, count = sha256(), 0
    for name in sorted(export.types):
        if part not in {_WHOLE, _PART_OF.get(name)}:
            continue
        for each, digest in sorted(export.types[name].items()):
            whole.update(f"{name}/{each}\n".encode() + digest)
            count += 1
    return count, whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Move:
    """A rehearsal that is on record."""

    id: str
    application: str
    organisation: str
    target: str
    at: datetime
    who: str
    equal: bool
    report: dict[str, Any]


async def rehearsed(
    standards: Standards, actor: Actor, application_id: str, *, organisation: str, target: str, report: Report
) -> Move:
    """Keep what a rehearsal of leaving showed. Raises Forbidden for anyone but the health body's administrator and
    a job of the system, Conflict where the health body does not use the product.
    """
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        if actor.kind != "system" and health_body(actor) != organisation:
            raise Forbidden("A rehearsal is kept for one's own health body alone.")
        tx = session.tx
        if await store.application(tx, application_id) is None:
            raise NotFound("There is no such product in the register.")
        sites = {site.organisation for site in await store.deployments(tx, application_id)}
        if organisation not in sites:
            raise Conflict(f"{organisation} does not use this product.")
        now = standards.clock()
        move = Move(
            new_id(), application_id, organisation, target, now, actor.name, report.equal, _numbers(report)
        )
        digest = sha256(canonical(move.report)).hexdigest()
        said = {"type": "move", "id": move.id, "application": application_id, "organisation": organisation,
                "target": target, "at": now.isoformat(), "equal": report.equal, "report_sha256": digest}  # fmt: skip
        await transparency.append(tx, said)
        await tx.execute(
            "insert into standards_move (id, version, organisation, target, at, who, equal, report) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8)",
            move.id,
            application_id,
            organisation,
            target,
            now,
            actor.name,
            move.equal,
            json.dumps(move.report),
        )
        await session.audit(
            "C", "rehearse-leaving", what=f"standards/{application_id}", detail={"move": move.id}
        )
        return move


def _first(ids: tuple[str, ...]) -> dict[str, Any]:
    """How many, and the first few by name."""
    return {"count": len(ids), "first": list(ids[:_NAMED])}


def _numbers(report: Report) -> dict[str, Any]:
    """The register is public and holds no patient data, so it keeps numbers instead of ids."""
    tree = report.tree()
    for each in tree["types"]:
        for name in ("missing", "altered", "added"):
            each[name] = each[name]["count"]
    return tree


async def moves(connection: Connection, application_id: str, organisation: str) -> list[Move]:
    """The rehearsals of a health body with a product, the newest first."""
    rows = await connection.fetch(
        "select id, version, organisation, target, at, who, equal, report from standards_move "
        "where version = $1 and organisation = $2 order by at desc, id desc",
        application_id,
        organisation,
    )
    return [
        Move(
            row["id"], row["version"], row["organisation"], row["target"], row["at"], row["who"], row["equal"],
            json.loads(row["report"]),
        )
        for row in rows
    ]  # fmt: skip


async def reconciled(connection: Connection, application_id: str, facts: Facts, *, since: datetime) -> Facts:
    """The facts with each site's parts as its newest comparison has them that was kept at `since` or later.

    What is told of the parts counts for nothing: two exports were compared, or the site is not reconciled. An
    older comparison does not count either, for what was written after it may exist nowhere else.
    """
    sites = []
    for site in facts.sites:
        known = await moves(connection, application_id, site.organisation)
        newest = next((each for each in known if each.at >= since), None)
        parts = msgspec.convert(newest.report["parts"], dict[str, Part]) if newest else {}
        sites.append(msgspec.structs.replace(site, parts=parts))
    return msgspec.structs.replace(facts, sites=tuple(sites))
