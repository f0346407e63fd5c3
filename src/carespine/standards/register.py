"""The public register as read: where every product stands, its history, its last run, the status list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import NotFound
from carespine.standards import certificates, declaring, lifecycle, store, waiving
from carespine.standards.declaring import NOTHING, Declaration
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import Entry, Situation, State
from carespine.standards.models import Application
from carespine.standards.waivers import Waiver

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# lifecycle.md, enforcement: a status change reaches everybody within 300 s, so an older list is not believed.
STATUS_LIFETIME = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Row:
    """One product version and where it stands now."""

    application: Application
    situation: Situation

    def tree(self) -> dict[str, Any]:
        """As public JSON data. The contact is published: buyers and patients must be able to ask."""
        asked, found = self.application, self.situation
        until = found.certificate_until
        return {
            "id": asked.id,
            "supplier": asked.supplier,
            "product": asked.product,
            "version": asked.version,
            "client_id": asked.client_id,
            "profile": asked.profile,
            "contact": asked.contact,
            "state": found.state,
            "since": fhir_instant(found.since),
            "reason": found.reason,
            "allowed": found.allowed,
            "access": {"reach": found.access.reach, "new_sites": found.access.new_sites},
            "severity": found.severity if found.due else None,
            "due": fhir_instant(found.due) if found.due else None,
            "sunset": fhir_instant(found.sunset) if found.sunset else None,
            "appealed": found.appealed is not None,
            "certificate": found.certificate_id,
            "certificate_until": fhir_instant(until) if until else None,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a product's history and the state it led to; what ends by itself has no line."""

    entry: Entry
    state: State


@dataclass(frozen=True, slots=True)
class Record:
    """Everything the register knows about one product version."""

    row: Row
    history: tuple[Step, ...]
    last_run: store.StoredRun | None
    certificate: store.StoredCertificate | None
    sites: tuple[store.Deployment, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    declared: Declaration = NOTHING


async def rows(connection: Connection, *, now: datetime) -> list[Row]:
    """Every product version, the newest application first."""
    found = await store.applications(connection)
    logs = await store.logs(connection, [each.id for each in found])
    return [Row(each, lifecycle.replay(logs[each.id], now=now)) for each in found]


def chosen(
    rows: Sequence[Row],
    declared: Mapping[str, Declaration],
    *,
    kind: str = "",
    state: str = "",
    capability: str = "",
) -> list[Row]:
    """The rows of one kind of service (a profile's name), one state, one declared capability; empty: of any."""

    def fits(row: Row) -> bool:
        said = declared.get(row.application.id, NOTHING)
        return (
            kind in {"", row.application.profile}
            and state in {"", row.situation.state}
            and (not capability or capability in said.capabilities)
        )

    return [row for row in rows if fits(row)]


async def record(connection: Connection, application_id: str, *, now: datetime) -> Record:
    """One product version with its history. Raises NotFound."""
    asked = await store.application(connection, application_id)
    if asked is None:
        raise NotFound("There is no such product in the register.")
    log = await store.log(connection, application_id)
    situation = lifecycle.replay(log, now=now)
    certificate = None
    if situation.certificate_id:
        certificate = await store.certificate(connection, situation.certificate_id)
    last_run = await store.last_run(connection, application_id)
    sites = tuple(await store.deployments(connection, application_id))
    waivers = tuple(await waiving.of_product(connection, application_id))
    declared = (await declaring.declared(connection, [application_id])).get(application_id, NOTHING)
    return Record(Row(asked, situation), _steps(log), last_run, certificate, sites, waivers, declared)


def _steps(log: list[Entry]) -> tuple[Step, ...]:
    situation = lifecycle.first(log[0])
    steps = [Step(log[0], situation.state)]
    for entry in log[1:]:
        situation = lifecycle.after(situation, entry)
        steps.append(Step(entry, situation.state))
    return tuple(steps)


async def status(connection: Connection, key: SigningKey, *, base_url: str, now: datetime) -> dict[str, Any]:
    """The state of every certificate: readable, and as a signed list that verifies offline."""
    issued = await store.certificates(connection)
    states = {each.application.id: each.situation for each in await rows(connection, now=now)}
    by_index: list[State | None] = [None] * (issued[-1].idx + 1 if issued else 0)
    for each in issued:
        by_index[each.idx] = _state(each, states[each.application], now)
    claims = {
        "iss": base_url,
        "sub": f"{base_url}/standards/status",
        "iat": int(now.timestamp()),
        "exp": int((now + STATUS_LIFETIME).timestamp()),
        "ttl": int(STATUS_LIFETIME.total_seconds()),
        "status_list": certificates.status_list(by_index),
    }
    return {
        "certificates": [{"idx": each.idx, "id": each.id, "state": by_index[each.idx]} for each in issued],
        "status_list": claims["status_list"],
        "token": certificates.issue_status(claims, key),
    }


def _state(certificate: store.StoredCertificate, situation: Situation, now: datetime) -> State:
    """A certificate that a newer one replaced has expired early; the newest shares its product's state."""
    if certificate.id != situation.certificate_id or now >= certificate.expires:
        return State.EXPIRED
    return situation.state
