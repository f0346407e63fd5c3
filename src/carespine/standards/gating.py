"""Area gates as verbs: evidence, acceptance, caps, registrations; and in which areas a client is open now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.kernel.errors import Conflict, Invalid, NotFound
from carespine.security.actor import ADMINISTRATION
from carespine.standards import areas, store, transparency
from carespine.standards.areas import Evidence, Gate, Said, Word
from carespine.standards.authority import demand_authority

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.security.session import Session
    from carespine.standards.models import Application
    from carespine.standards.service import Standards
    from carespine.storage.database import Connection

_LONGEST_AREA, _LONGEST_NUMBER = 40, 100
_SUPPLIERS = frozenset({Said.SUBMIT, Said.BRANCH})


@dataclass(frozen=True, slots=True)
class Standing:
    """An area of a product: its gate, how many are registered, and why its slots are hidden, if they are."""

    area: str
    gate: Gate
    registered: int
    hidden: tuple[str, ...]

    def tree(self) -> dict[str, Any]:
        """As public JSON data."""
        gate = self.gate
        return {
            "area": self.area,
            "open": not self.hidden,
            "reasons": list(self.hidden),
            "registered": self.registered,
            "cap": gate.cap or None,
            "review": gate.review.isoformat() if gate.review else None,
            "branch": gate.branch,
            "evidence": msgspec.to_builtins(gate.evidence),
        }


def read(raw: bytes) -> Evidence:
    """The evidence in a JSON text. Raises Invalid, naming the place."""
    try:
        return msgspec.json.decode(raw, type=Evidence)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"The evidence cannot be read: {error}.") from error


async def say(standards: Standards, actor: Actor, application_id: str, area: str, word: Word) -> Standing:
    """Add a line about an area: the supplier's evidence or branch, the authority's decision. Raises Forbidden,
    NotFound, Invalid, and Conflict with what forbids the line.
    """
    _demand_area(area)
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        if word.said not in _SUPPLIERS:
            demand_authority(actor, f"{word.said} an area")
        wanted = await _held(session.tx, application_id)
        if not word.reason.strip():
            raise Conflict("Say why: the reason is shown to everybody.")
        gate = areas.replay(await words(session.tx, application_id, area))
        if reason := areas.why_not(gate, word):
            raise Conflict(f"{reason[0].upper()}{reason[1:]}.")
        await _add(session, wanted, area, word)
        return await _standing(session.tx, application_id, area, now=standards.clock())


async def register(
    standards: Standards, actor: Actor, application_id: str, area: str, number: str
) -> Standing:
    """Register a resident of an area under the clinic's own opaque number, of which only the hash is kept. Raises
    Conflict with every gate that is shut; the same number again changes nothing.
    """
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        await _held(session.tx, application_id)
        tx, now, digest = session.tx, standards.clock(), _digest(application_id, number)
        stands = await _standing(tx, application_id, area, now=now)
        known = await tx.fetchval(
            "select true from standards_area_registration where version = $1 and area = $2 and digest = $3 "
            "and until is null",
            application_id,
            area,
            digest,
        )
        if known:
            return stands
        if shut := areas.reasons_to_refuse(stands.gate, registered=stands.registered, now=now):
            raise Conflict(f"{'; '.join(shut)}.")
        await tx.execute(
            "insert into standards_area_registration (version, area, digest, since) values ($1, $2, $3, $4)",
            application_id,
            area,
            digest,
            now,
        )
        await session.audit(
            "C", "register-in-area", what=f"standards/{application_id}", detail={"area": area}
        )
        return await _standing(tx, application_id, area, now=now)


async def leave(standards: Standards, actor: Actor, application_id: str, area: str, number: str) -> Standing:
    """End a registration. Raises NotFound where there is none."""
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        await _held(session.tx, application_id)
        now = standards.clock()
        ended = await session.tx.fetchval(
            "update standards_area_registration set until = greatest(since, $4) "
            "where version = $1 and area = $2 and digest = $3 and until is null returning true",
            application_id,
            area,
            _digest(application_id, number),
            now,
        )
        if not ended:
            raise NotFound("There is no such registration in this area.")
        await session.audit("U", "leave-area", what=f"standards/{application_id}", detail={"area": area})
        return await _standing(session.tx, application_id, area, now=now)


def _digest(application_id: str, number: str) -> bytes:
    if not number.strip() or len(number) > _LONGEST_NUMBER or not number.isprintable():
        raise Invalid(f"registration must be 1 to {_LONGEST_NUMBER} printable characters.")
    return sha256(f"{application_id}\n{number.strip()}".encode()).digest()


def _demand_area(area: str) -> None:
    if not area.strip() or len(area) > _LONGEST_AREA or not area.isprintable():
        raise Invalid(f"The area's code is 1 to {_LONGEST_AREA} printable characters.")


async def _held(tx: Connection, application_id: str) -> Application:
    await store.hold(tx, application_id)
    found = await store.application(tx, application_id)
    if found is None:
        raise NotFound("There is no such application.")
    if found.profile != areas.PROFILE:
        raise Conflict(f"{found.product} is no virtual service: it is not opened area by area.")
    return found


async def _add(session: Session, wanted: Application, area: str, word: Word) -> None:
    detail = {
        "evidence": msgspec.to_builtins(word.evidence),
        "cap": word.cap,
        "review": word.review.isoformat() if word.review else None,
        "branch": word.branch,
    }
    said = {"type": "area", "application": wanted.id, "area": area, "event": word.said, "at": word.at.isoformat(),
            "who": word.who, "reason": word.reason, **detail}  # fmt: skip
    await transparency.append(session.tx, said)
    await session.tx.execute(
        "insert into standards_area_event (version, area, seq, event, at, who, reason, detail) "
        "select $1, $2, coalesce(max(seq), 0) + 1, $3, $4, $5, $6, $7 from standards_area_event "
        "where version = $1 and area = $2",
        wanted.id,
        area,
        word.said,
        word.at,
        word.who,
        word.reason,
        json.dumps(detail),
    )
    told = {"client": wanted.client_id, "area": area, "reason": word.reason}
    await session.audit("U", f"{word.said}-area", what=f"standards/{wanted.id}", detail=told)


async def words(connection: Connection, application_id: str, area: str) -> list[Word]:
    """An area's log, in order."""
    return (await _logs(connection, application_id)).get(area, [])


async def _logs(connection: Connection, application_id: str) -> dict[str, list[Word]]:
    rows = await connection.fetch(
        "select area, event, at, who, reason, detail from standards_area_event where version = $1 "
        "order by area, seq",
        application_id,
    )
    found: dict[str, list[Word]] = {}
    for row in rows:
        word = _word(row["event"], row["at"], row["who"], row["reason"], json.loads(row["detail"]))
        found.setdefault(row["area"], []).append(word)
    return found


def _word(event: str, at: datetime, who: str, reason: str, detail: Mapping[str, Any]) -> Word:
    evidence = msgspec.convert(detail["evidence"], Evidence) if detail["evidence"] else None
    review = date.fromisoformat(detail["review"]) if detail["review"] else None
    return Word(
        Said(event),
        at,
        who,
        reason,
        evidence=evidence,
        cap=detail["cap"],
        review=review,
        branch=detail["branch"],
    )


async def _standing(connection: Connection, application_id: str, area: str, *, now: datetime) -> Standing:
    gate = areas.replay(await words(connection, application_id, area))
    registered = await connection.fetchval(
        "select count(*) from standards_area_registration where version = $1 and area = $2 and until is null",
        application_id,
        area,
    )
    return Standing(area, gate, registered, areas.reasons_to_hide(gate, now=now))


async def standings(connection: Connection, application_id: str, *, now: datetime) -> list[Standing]:
    """Every area of which something was said, by its code."""
    found = await _logs(connection, application_id)
    return [await _standing(connection, application_id, area, now=now) for area in sorted(found)]


async def open_areas(connection: Connection, application_id: str, *, now: datetime) -> tuple[str, ...]:
    """The areas whose residents may be shown the service's slots now."""
    logs = await _logs(connection, application_id)
    return tuple(area for area, log in logs.items() if not areas.reasons_to_hide(areas.replay(log), now=now))
