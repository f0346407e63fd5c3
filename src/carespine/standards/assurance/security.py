"""Security: penetration test, vulnerabilities, bill of materials, Cyber Essentials, second factors."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from carespine.standards.assurance.common import Document, missing, stale

# SE-08, Cyber Essentials: critical and high vulnerabilities are fixed within 14 days.
_FIX_WITHIN = timedelta(days=14)
# Ours: a scan says little about vulnerabilities that became known after it.
_SCAN_MOST = timedelta(days=30)
# SE-09, DTAC C3.2; the cut at 7.0 (CVSS "high") is ours.
_OPEN_FROM = 7.0


class Weakness(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A finding of a penetration test; `cvss` is 0.0 to 10.0."""

    id: str
    title: str
    cvss: float
    fixed: date | None = None


class PenetrationTest(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An independent test: when, by whom, of what, and what is still open."""

    tested: date
    tester: str
    independent: bool
    scope: tuple[str, ...]
    method: str
    findings: tuple[Weakness, ...]

    def faults(self, today: date) -> list[str]:
        found = stale("the test", self.tested, today)
        found += missing(tester=self.tester, scope=self.scope, method=self.method)
        if not self.independent:
            found.append("the tester is not independent")
        for each in self.findings:
            if not 0.0 <= each.cvss <= 10.0:
                found.append(f"{each.id}: CVSS runs from 0.0 to 10.0")
            elif each.cvss >= _OPEN_FROM and (each.fixed is None or each.fixed > today):
                found.append(f"{each.id} {each.title} (CVSS {each.cvss}) is open")
        return found


class Vulnerability(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A known vulnerability of a component."""

    id: str
    component: str
    severity: Literal["low", "medium", "high", "critical"]
    published: date
    fixed: date | None = None


class Vulnerabilities(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a scan of the bill of materials against an advisory feed found."""

    scanned: date
    feed: str
    components: int
    found: tuple[Vulnerability, ...]

    def faults(self, today: date) -> list[str]:
        faults = stale("the scan", self.scanned, today, most=_SCAN_MOST) + missing(feed=self.feed)
        if self.components < 1:
            faults.append("no component was scanned")
        for each in self.found:
            late = (each.fixed or today) - each.published > _FIX_WITHIN
            if each.severity in ("high", "critical") and (each.fixed is None or each.fixed > today) and late:
                faults.append(f"{each.id} in {each.component} is {each.severity} and open for over 14 days")
        return faults


class Component(msgspec.Struct, frozen=True):
    """A component of a CycloneDX bill of materials; it may say more than is read here."""

    name: str
    version: str = ""


class BillMetadata(msgspec.Struct, frozen=True):
    """When the bill was made, and of what."""

    timestamp: datetime
    component: Component


class BillOfMaterials(msgspec.Struct, frozen=True, rename="camel"):
    """A CycloneDX document (ECMA-424), as its tool wrote it."""

    bom_format: str
    spec_version: str
    metadata: BillMetadata
    components: tuple[Component, ...] = ()
    dependencies: tuple[dict[str, Any], ...] = ()

    def faults(self, today: date) -> list[str]:
        """A bill of another format, without components, or with nameless ones, tells nothing."""
        faults = (
            [] if self.bom_format == "CycloneDX" else [f"bomFormat is {self.bom_format!r}, not CycloneDX"]
        )
        faults += missing(specVersion=self.spec_version, components=self.components)
        faults += missing(version_of_the_product=self.metadata.component.version)
        faults += stale("the bill", self.metadata.timestamp.date(), today)
        nameless = [
            each.name for each in self.components if not each.name.strip() or not each.version.strip()
        ]
        return faults + [f"{len(nameless)} components have no name or version"] * bool(nameless)


class CyberEssentials(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The certificate: its number, its level, until when."""

    certificate: str
    level: Literal["Cyber Essentials", "Cyber Essentials Plus"]
    issued: date
    expires: date
    hosts_patient_data: bool

    def faults(self, today: date) -> list[str]:
        found = missing(certificate=self.certificate) + stale("the certificate", self.issued, today)
        if self.expires < today:
            found.append(f"the certificate expired on {self.expires}")
        if self.hosts_patient_data and self.level != "Cyber Essentials Plus":
            found.append("a host of patient data needs Cyber Essentials Plus")
        return found


class SecondFactor(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attested: every privileged account and console asks for a second factor."""

    attested: date
    by: str
    accounts: int
    with_second_factor: int

    def faults(self, today: date) -> list[str]:
        found = stale("the attestation", self.attested, today) + missing(by=self.by)
        if self.accounts < 1 or self.with_second_factor != self.accounts:
            found.append(
                f"{self.with_second_factor} of {self.accounts} privileged accounts have a second factor"
            )
        return found
