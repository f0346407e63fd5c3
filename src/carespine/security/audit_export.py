"""Taking the audit trail out: NDJSON of AuditEvents within a scope, and a signed manifest that says what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
from joserfc import jws

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Conflict, Invalid, NotFound
from carespine.kernel.ids import NOT_PATIENT_SCOPED, patient_key
from carespine.security import audit_seal, trail

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

    from carespine.security.session import Session

MANIFEST = "manifest.json"
_PAGE = 2_000
_MOST_EVENTS = 1_000_000  # in one file; ours


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events: of a period (`starts` counts, `ends` does not), and of one patient where one is named."""

    starts: datetime
    ends: datetime
    reason: str
    patient: str | None = None


@dataclass(slots=True)
class _File:
    name: str
    stream: IO[bytes]
    events: int
    sha256: Any


async def export(session: Session, scope: Scope, folder: Path, *, key: ECKey, server: str) -> dict[str, Any]:
    """Write the events to new files in `folder`, with a manifest beside them; returns the manifest.

    The export is on record itself, in the trail of the patient too where it is of one. Raises Invalid for a period
    that does not end after it begins or a missing reason, NotFound for an unknown patient, Conflict where the folder
    holds anything.
    """
    _check(scope)
    patient = await _patient(session, scope)
    _demand_new(folder)
    files: list[_File] = []
    async for line in _lines(session, scope, patient, server):
        if not files or files[-1].events == _MOST_EVENTS:
            files.append(_opened(folder, len(files) + 1))
        files[-1].stream.write(line)
        files[-1].sha256.update(line)
        files[-1].events += 1
    for each in files:
        each.stream.close()
    manifest = await _manifest(session, scope, files, key)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    await _on_record(session, scope, patient, manifest)
    return manifest


def _demand_new(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty: name a new folder.")


def _check(scope: Scope) -> None:
    if scope.ends <= scope.starts:
        raise Invalid("The period ends before it begins.")
    if not scope.reason.strip():
        raise Invalid("Say why the trail is taken out: the reason is kept in it.")


async def _patient(session: Session, scope: Scope) -> int | None:
    if scope.patient is None:
        return None
    key = patient_key(scope.patient)
    if not await session.tx.fetchval("select true from audit_event where patient = $1 limit 1", key):
        raise NotFound(f"The trail says nothing of Patient/{scope.patient}.")
    return key


def _opened(folder: Path, number: int) -> _File:
    name = f"AuditEvent.{number:05}.ndjson"
    return _File(name, (folder / name).open("xb"), 0, hashlib.sha256())


async def _lines(session: Session, scope: Scope, patient: int | None, server: str) -> AsyncIterator[bytes]:
    after = 0
    while True:
        rows = await session.tx.fetch(
            f"select seq, body, {trail.PATIENT_ID} from audit_event e where seq > $1 and recorded >= $2 "  # noqa: S608
            "and recorded < $3 and ($4::bigint is null or patient = $4) order by seq limit $5",
            after,
            scope.starts,
            scope.ends,
            patient,
            _PAGE,
        )
        for row in rows:
            yield msgspec.json.encode(trail.event(row, server=server)) + b"\n"
        if len(rows) < _PAGE:
            return
        after = rows[-1]["seq"]


async def _manifest(session: Session, scope: Scope, files: list[_File], key: ECKey) -> dict[str, Any]:
    """What was taken out, with a signature over all of it; `head` ties it to the sealed trail."""
    told: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "from": fhir_instant(scope.starts),
        "to": fhir_instant(scope.ends),
        "patient": f"Patient/{scope.patient}" if scope.patient else None,
        "reason": scope.reason.strip(),
        "exportedBy": session.actor.name,
        "exportedAt": fhir_instant(session.clock()),
        "events": sum(each.events for each in files),
        "files": [
            {"name": each.name, "events": each.events, "sha256": each.sha256.hexdigest()} for each in files
        ],
        "head": await audit_seal.head(session.tx, key, session.clock),
    }
    payload = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return {**told, "signature": jws.serialize_compact({"alg": "ES256", "kid": key.kid}, payload, key)}


async def _on_record(session: Session, scope: Scope, patient: int | None, manifest: dict[str, Any]) -> None:
    detail = {"reason": scope.reason.strip(), "events": str(manifest["events"])}
    detail |= {name: manifest[name] for name in ("from", "to")}
    await session.audit(
        "E", "export-audit", what="AuditEvent", patient=patient or NOT_PATIENT_SCOPED, detail=detail
    )
