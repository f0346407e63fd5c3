"""Issuing a certificate: from a run that passed to the signed claims that the register keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """What a certificate rests on: the run, the SHA-256 of its report, the level it reached, and the requirements
    that it leaves unmet by waiver with the end of each. It expires with the first of these.
    """

    report: Report
    run_id: str
    report_sha256: str
    level: str
    waived: Mapping[str, datetime] = field(default_factory=dict)


async def issue(
    tx: Connection, wanted: Application, grounds: Grounds, *, key: SigningKey, base_url: str, now: datetime
) -> store.StoredCertificate:
    """Sign the certificate and keep it. It holds for CERTIFICATE_LIFETIME from the second it is issued,
    or until the first of its waivers ends."""
    now = now.replace(microsecond=0)
    index, name = await store.next_index(tx), new_id()
    expires = min([now + lifecycle.CERTIFICATE_LIFETIME, *grounds.waived.values()]).replace(microsecond=0)
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
    if grounds.waived:
        claims["waived"] = {each: int(end.timestamp()) for each, end in sorted(grounds.waived.items())}
    text = certificates.issue(claims, key)
    certificate = store.StoredCertificate(name, index, wanted.id, grounds.run_id, now, expires, text)
    await store.add_certificate(tx, certificate)
    return certificate
