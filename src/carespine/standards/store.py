"""The register's queries. Runs, certificates and events are only ever added: the database refuses to change them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import zstandard

from carespine.kernel.ids import new_id
from carespine.standards import lifecycle, transparency
from carespine.standards.lifecycle import Entry, Event, Situation
from carespine.standards.models import Application

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

# Ours: evidence compresses about twenty to one at this level, in a tenth of a second.
_LEVEL = 6
_COLUMNS = (
    "v.id, p.supplier, p.name, v.version, v.client_id, v.base_url, v.profile, v.contact, v.jwks, v.thumbprint, "
    "v.created from standards_version v join standards_product p on p.id = v.product"
)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as the register keeps it; its documents are read apart. `results` are as in the JSON report."""

    id: str
    application: str
    started: datetime
    ended: datetime
    verdict: str
    seed_sha256: str
    report_sha256: str
    verdict_sha256: str
    evidence_head: str
    results: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate that was issued. `text` is the JWS; `idx` its place in the status list."""

    id: str
    idx: int
    application: str
    run: str
    issued: datetime
    expires: datetime
    text: str


def _application(row: asyncpg.Record) -> Application:
    return Application(
        id=row["id"],
        supplier=row["supplier"],
        product=row["name"],
        version=row["version"],
        client_id=row["client_id"],
        base_url=row["base_url"],
        profile=row["profile"],
        contact=row["contact"],
        jwks=json.loads(row["jwks"]),
        thumbprint=row["thumbprint"],
        created=row["created"],
    )


@dataclass(frozen=True, slots=True)
class Deployment:
    """A product version at a site: an ODS code, and an area where it is offered by area."""

    organisation: str
    area: str
    since: datetime
    who: str


async def add_application(tx: Connection, application: Application, *, secret: bytes) -> None:
    """Keep a product (if it is new) and this version of it."""
    product = await tx.fetchval(
        "insert into standards_product (id, supplier, name) values ($1, $2, $3) "
        "on conflict (supplier, name) do update set name = excluded.name returning id",
        new_id(),
        application.supplier,
        application.product,
    )
    await tx.execute(
        "insert into standards_version (id, product, version, client_id, jwks, thumbprint, base_url, profile, "
        "contact, secret, created) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        application.id,
        product,
        application.version,
        application.client_id,
        json.dumps(application.jwks),
        application.thumbprint,
        application.base_url,
        application.profile,
        application.contact,
        secret,
        application.created,
    )


async def application(connection: Connection, name: str) -> Application | None:
    """One application by its id."""
    row = await connection.fetchrow(f"select {_COLUMNS} where v.id = $1", name)
    return _application(row) if row else None


async def hold(tx: Connection, name: str) -> None:
    """Lock the application until the transaction ends, so that its log grows in one line at a time."""
    await tx.execute("select 1 from standards_version where id = $1 for update", name)


async def secret_of(connection: Connection, name: str) -> bytes | None:
    """The SHA-256 of the application's token."""
    secret: bytes | None = await connection.fetchval(
        "select secret from standards_version where id = $1", name
    )
    return secret


async def applications(connection: Connection) -> list[Application]:
    """All applications, the newest first."""
    rows = await connection.fetch(f"select {_COLUMNS} order by v.created desc, v.id desc")
    return [_application(row) for row in rows]


async def applications_of_client(connection: Connection, client_id: str) -> list[Application]:
    """The applications of one client, the newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} where v.client_id = $1 order by v.created desc, v.id desc",
        client_id,
    )
    return [_application(row) for row in rows]


async def mark(connection: Connection, client_id: str) -> str:
    """Another text after each change to a client's applications or to their logs, which only grow."""
    return str(
        await connection.fetchval(
            "select concat_ws(' ', string_agg(v.id || ':' || v.xmin || ':' || p.xmin, ',' order by v.id), "
            "(select count(*) || ':' || max(e.seq) from standards_event e where e.version = any(array_agg(v.id)))) "
            "from standards_version v join standards_product p on p.id = v.product where v.client_id = $1",
            client_id,
        )
    )


async def applications_of_product(connection: Connection, supplier: str, product: str) -> list[Application]:
    """The applications of one product, the newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} where p.supplier = $1 and p.name = $2 order by v.created desc, v.id desc",
        supplier,
        product,
    )
    return [_application(row) for row in rows]


async def add_event(tx: Connection, application_id: str, entry: Entry, *, run: str | None = None) -> int:
    """Add a line to the application's log, and to the public one. Its number within the application's."""
    said = {"type": "event", "application": application_id, "event": entry.event, "at": entry.at.isoformat(),
            "who": entry.who, "reason": entry.reason, "certificate": entry.certificate_id,
            "severity": entry.severity, "until": entry.until.isoformat() if entry.until else None,
            "second": entry.second}  # fmt: skip
    await transparency.append(tx, said)
    seq: int = await tx.fetchval(
        "insert into standards_event (version, seq, event, at, who, reason, run, certificate, severity, until, "
        "second) select $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10 "
        "from standards_event where version = $1 returning seq",
        application_id,
        entry.event,
        entry.at,
        entry.who,
        entry.reason,
        run,
        entry.certificate_id,
        entry.severity,
        entry.until,
        entry.second,
    )
    return seq


async def log(connection: Connection, application_id: str) -> list[Entry]:
    """The application's log, in order."""
    return (await logs(connection, [application_id])).get(application_id, [])


async def logs(connection: Connection, ids: Sequence[str]) -> dict[str, list[Entry]]:
    """The logs of several applications, each in order."""
    rows = await connection.fetch(
        "select e.version, e.event, e.at, e.who, e.reason, e.certificate, e.severity, e.until, e.second, "
        "case when e.event = 'apply' then v.profile end as profile from standards_event e "
        "join standards_version v on v.id = e.version where e.version = any($1::text[]) order by e.version, e.seq",
        list(ids),
    )
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["version"], []).append(_entry(row))
    return found


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        Event(row["event"]),
        row["at"],
        row["who"],
        row["reason"],
        row["certificate"],
        row["severity"],
        row["until"],
        row["second"],
        row["profile"],
    )


async def situation(connection: Connection, application_id: str, *, now: datetime) -> Situation:
    """Where the application stands now, from its log."""
    return lifecycle.replay(await log(connection, application_id), now=now)


async def add_run(tx: Connection, run: StoredRun, documents: Mapping[str, bytes]) -> None:
    """Keep a run and its documents."""
    await tx.execute(
        "insert into standards_run (id, version, started, ended, verdict, seed_sha256, report_sha256, "
        "verdict_sha256, evidence_head, results) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        run.id,
        run.application,
        run.started,
        run.ended,
        run.verdict,
        run.seed_sha256,
        run.report_sha256,
        run.verdict_sha256,
        run.evidence_head,
        json.dumps(run.results),
    )
    packer = zstandard.ZstdCompressor(level=_LEVEL)
    rows = [(run.id, name, packer.compress(body)) for name, body in documents.items()]
    await tx.executemany("insert into standards_document (run, name, body) values ($1, $2, $3)", rows)


async def last_run(connection: Connection, application_id: str) -> StoredRun | None:
    """The application's latest run."""
    row = await connection.fetchrow(
        "select * from standards_run where version = $1 order by ended desc, id desc limit 1", application_id
    )
    if row is None:
        return None
    return StoredRun(
        id=row["id"],
        application=row["version"],
        started=row["started"],
        ended=row["ended"],
        verdict=row["verdict"],
        seed_sha256=row["seed_sha256"],
        report_sha256=row["report_sha256"],
        verdict_sha256=row["verdict_sha256"],
        evidence_head=row["evidence_head"],
        results=json.loads(row["results"]),
    )


async def document(connection: Connection, run: str, name: str) -> bytes | None:
    """One document of a run: report.json, report.html or evidence.jsonl."""
    body = await connection.fetchval(
        "select body from standards_document where run = $1 and name = $2", run, name
    )
    return None if body is None else zstandard.ZstdDecompressor().decompress(body)


async def next_index(tx: Connection) -> int:
    """A fresh place in the status list; never given twice, even if the transaction fails."""
    index: int = await tx.fetchval("select nextval(pg_get_serial_sequence('standards_certificate', 'idx'))")
    return index


async def add_certificate(tx: Connection, certificate: StoredCertificate) -> None:
    """Keep a certificate that was issued."""
    await tx.execute(
        "insert into standards_certificate (id, idx, version, run, issued, expires, text) "
        "overriding system value values ($1, $2, $3, $4, $5, $6, $7)",
        certificate.id,
        certificate.idx,
        certificate.application,
        certificate.run,
        certificate.issued,
        certificate.expires,
        certificate.text,
    )


async def certificate(connection: Connection, name: str) -> StoredCertificate | None:
    """One certificate by its id."""
    row = await connection.fetchrow("select * from standards_certificate where id = $1", name)
    return _certificate(row) if row else None


async def certificates(connection: Connection) -> list[StoredCertificate]:
    """All certificates, by their place in the status list."""
    return [
        _certificate(row)
        for row in await connection.fetch("select * from standards_certificate order by idx")
    ]


def _certificate(row: asyncpg.Record) -> StoredCertificate:
    return StoredCertificate(
        row["id"], row["idx"], row["version"], row["run"], row["issued"], row["expires"], row["text"]
    )


async def deploy(tx: Connection, application_id: str, site: Deployment) -> None:
    """Put a site on record; a second time changes nothing."""
    await tx.execute(
        "insert into standards_deployment (version, organisation, area, since, who) values ($1, $2, $3, $4, $5) "
        "on conflict do nothing",
        application_id,
        site.organisation,
        site.area,
        site.since,
        site.who,
    )


async def deployments(connection: Connection, application_id: str) -> list[Deployment]:
    """The sites of a product version, by organisation."""
    rows = await connection.fetch(
        "select organisation, area, since, who from standards_deployment where version = $1 "
        "order by organisation, area",
        application_id,
    )
    return [Deployment(row["organisation"], row["area"], row["since"], row["who"]) for row in rows]


async def add_withdrawal(tx: Connection, application_id: str, seq: int, facts: bytes) -> None:
    """Keep what a withdrawal rested on, as JSON text."""
    await tx.execute(
        "insert into standards_withdrawal (version, seq, facts) values ($1, $2, $3)",
        application_id,
        seq,
        facts.decode(),
    )
