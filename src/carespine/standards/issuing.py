"""Issuing a certificate: from a run that passed to the signed claims that the register keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.kernel.ids import new_id
from carespine.standards import certificates, lifecycle, store, transparency
from carespine.standards.engine.report import Report
from carespine.standards.keys import SigningKey
from carespine.standards.models import Application

if TYPE_CHECKING:
    from carespine.storage.database import Connection


def _by_version(report: Report) -> dict[str, list[str]]:
    """The requirements by their version, which nearly all share: a certificate is short."""
    found: dict[str, set[str]] = {}
    for each in report.results:
        found.setdefault(each.requirement_version, set()).add(each.requirement)
    return {version: sorted(names) for version, names in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a certificate rests on: the run, the SHA-256 of its report, and the level it reached."""

    report: Report
    run_id: str
    report_sha256: str
    level: str


async def issue(
    tx: Connection, wanted: Application, grounds: Grounds, *, key: SigningKey, base_url: str, now: datetime
) -> store.StoredCertificate:
    """Sign the certificate and keep it. It holds for CERTIFICATE_LIFETIME from the second it is issued."""
    now = now.replace(microsecond=0)
    index, name, expires = await store.next_index(tx), new_id(), now + lifecycle.CERTIFICATE_LIFETIME
    report = grounds.report
    logged = await transparency.append(
        tx,
        {
            "type": "report",
            "at": int(now.timestamp()),
            "application": wanted.id,
            "certificate": name,
            "report_sha256": grounds.report_sha256,
            "verdict_sha256": report.verdict_hash,
            "evidence_head": report.evidence.head,
        },
    )
    claims: dict[str, Any] = {
        "iss": base_url,
        "sub": wanted.client_id,
        "jti": name,
        "iat": int(now.timestamp()),
        "exp": int(expires.timestamp()),
        "supplier": wanted.supplier,
        "product": wanted.product,
        "version": wanted.version,
        "profile": f"{report.profile} {report.profile_version}",
        "level": grounds.level,
        "standards": _by_version(report),
        "catalogue_sha256": report.catalogue,
        "report_sha256": grounds.report_sha256,
        "verdict_sha256": report.verdict_hash,
        "evidence_head": report.evidence.head,
        "report": f"{base_url}/standards/runs/{grounds.run_id}/report.html",
        "cnf": {"jkt": wanted.thumbprint},
        "log": {"idx": logged, "uri": f"{base_url}/standards/log"},
        "status": {"status_list": {"idx": index, "uri": f"{base_url}/standards/status"}},
    }
    text = certificates.issue(claims, key)
    certificate = store.StoredCertificate(name, index, wanted.id, grounds.run_id, now, expires, text)
    await store.add_certificate(tx, certificate)
    return certificate
