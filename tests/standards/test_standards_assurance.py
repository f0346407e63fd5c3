"""Documents as evidence: each is current, whole and signed, or its check says what is wrong."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from carespine.standards.assurance import governance, openness, safety, security
from carespine.standards.engine import runner
from carespine.standards.models import Outcome
from wearable import assurance, keys

TODAY = date(2026, 11, 20)
SHAPES: dict[str, type] = {
    "safety-case": safety.SafetyCase,
    "deployments": safety.Deployments,
    "device-status": safety.DeviceStatus,
    "incident-process": safety.IncidentProcess,
    "incident-notice": safety.IncidentNotice,
    "vulnerabilities": security.Vulnerabilities,
    "penetration-test": security.PenetrationTest,
    "cyber-essentials": security.CyberEssentials,
    "second-factor": security.SecondFactor,
    "sbom": security.BillOfMaterials,
    "dspt": governance.Dspt,
    "dpia": governance.Dpia,
    "capacity-test": governance.CapacityTest,
    "recovery-drill": governance.RecoveryDrill,
    "licences": governance.Licences,
    "functions": openness.Functions,
    "releases": openness.Releases,
    "product": openness.Product,
    "waivers": openness.Waivers,
}
DOCUMENTS = assurance.documents("Test Band", "1.0.0", today=TODAY)


def faults(kind: str, today: date = TODAY, **changed: Any) -> list[str]:
    return msgspec.convert({**DOCUMENTS[kind], **changed}, SHAPES[kind], strict=False).faults(today)


def _release(version: str, released: str, **more: Any) -> dict[str, Any]:
    return {"version": version, "released": released, "breaking": False, **more}


def _change(days: int) -> dict[str, Any]:
    announced = TODAY - timedelta(days=days)
    return {"what": "x", "breaking": True, "announced": str(announced), "effective": str(TODAY)}


def _waived(**changed: Any) -> dict[str, Any]:
    return {**DOCUMENTS["waivers"]["waivers"][0], "granted": "2026-01-01", "until": "2027-01-01", **changed}


def test_a_waiver_of_a_year_and_a_month_of_notice_are_enough():
    assert faults("waivers", waivers=[_waived()]) == []
    assert faults("waivers", waivers=[]) == []
    assert faults("product", changes=[_change(30)]) == []
    old = _release("1.0.0", "2023-01-01", retired="2025-02-28")
    assert faults("releases", releases=[old, _release("2.0.0", "2024-02-29")]) == []


def test_every_kind_of_document_is_published_by_the_example():
    assert set(DOCUMENTS) == set(SHAPES)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_sound_document_has_no_faults_and_none_lasts_for_ever(kind):
    assert faults(kind) == []
    assert faults(kind, TODAY + timedelta(days=3 * 365)) != []


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        ("safety-case", {"hazards": []}, "hazards is not given"),
        ("safety-case", {"registration": " "}, "registration is not given"),
        ("safety-case", {"reviewed": "2027-01-01"}, "in the future"),
        ("device-status", {"is_medical_device": True, "marking": "CE"}, "device class is not given"),
        ("incident-process", {"triage_working_days": 3}, "triage takes 3 working days"),
        ("incident-notice", {"status_feed": "http://x"}, "not an https address"),
        ("vulnerabilities", {"components": 0}, "no component was scanned"),
        ("vulnerabilities", {"scanned": "2026-10-01"}, "more than 30 days ago"),
        ("penetration-test", {"independent": False}, "not independent"),
        (
            "penetration-test",
            {"findings": [{"id": "P2", "title": "injection", "cvss": 7.0}]},
            "P2 injection (CVSS 7.0) is open",
        ),
        ("penetration-test", {"findings": [{"id": "P2", "title": "x", "cvss": 11}]}, "0.0 to 10.0"),
        ("cyber-essentials", {"level": "Cyber Essentials"}, "needs Cyber Essentials Plus"),
        ("second-factor", {"accounts": 0, "with_second_factor": 0}, "0 of 0"),
        ("sbom", {"bomFormat": "SPDX"}, "not CycloneDX"),
        ("sbom", {"components": []}, "components is not given"),
        ("dspt", {"year_ending": "2026-03-31"}, "ends on 30 June"),
        ("dspt", {"year_ending": "2025-06-30"}, "the next year has ended"),
        ("dpia", {"countries": []}, "countries is not given"),
        ("capacity-test", {"kinds": ["load"]}, "there was no ramp test"),
        ("capacity-test", {"declared_peak": 0, "breakpoint": 0}, "it broke at 0"),
        ("recovery-drill", {"lost_minutes": 16}, "16 minutes of data were lost"),
        ("recovery-drill", {"tier": "platinum", "recovery_minutes": 121}, "platinum allows 120"),
        ("licences", {"licensed": []}, "licensed is not given"),
        ("functions", {"functions": []}, "functions is not given"),
        ("functions", {"equal_terms": False}, "not offered them on equal terms"),
        ("functions", {"functions": [{"name": "print"}]}, "0 of 1 functions are offered"),
        ("releases", {"releases": []}, "releases is not given"),
        (
            "releases",
            {"releases": [_release("1.0.0", "2026-01-01"), _release("1.1.0", "2026-02-01", breaking=True)]},
            "1.1.0 breaks clients of 1.0.0 in the same major version",
        ),
        (
            "releases",
            {
                "releases": [
                    _release("1.0.0", "2023-01-01", retired="2025-02-27"),
                    _release("2.0.0", "2024-02-29"),
                ]
            },
            "1.0.0 is retired on 2025-02-27, within 12 months of 2.0.0",
        ),
        (
            "releases",
            {"releases": [_release("1.0.0", "2026-01-01", retired="2026-02-01")]},
            "no newer major version is listed",
        ),
        (
            "releases",
            {"releases": [_release("1.0.0", "2026-01-01"), _release("0.9.0", "2025-01-01")]},
            "0.9.0 is listed after 1.0.0",
        ),
        ("product", {"contacts": []}, "contacts is not given"),
        ("product", {"changes": [_change(29)]}, "less than 30 days before"),
        ("waivers", {"waivers": [_waived(until="2027-01-02")]}, "it must end within 12 months"),
        ("waivers", {"waivers": [_waived(until="2026-01-01")]}, "it must end within 12 months"),
        ("waivers", {"waivers": [_waived(until=None)]}, "it has no end"),
        ("waivers", {"waivers": [_waived(reason=" ")]}, "reason is not given"),
        ("waivers", {"waivers": [_waived(address="http://x.example")]}, "not public at an https address"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(kind, changed, told):
    assert any(told in each for each in faults(kind, **changed)), faults(kind, **changed)


def test_a_vulnerability_may_be_open_for_a_fortnight():
    def found(days: int) -> list[str]:
        published = TODAY - timedelta(days=days)
        seen = {"id": "CVE-1", "component": "x", "severity": "critical", "published": str(published)}
        return faults("vulnerabilities", found=[seen])

    assert found(14) == []
    assert found(15) == ["CVE-1 in x is critical and open for over 14 days"]


async def outcome(service, requirement: str = "SE-10") -> tuple[Outcome, str]:
    report = await runner.run(service.plan(requirement))
    return report.results[0].outcome, report.results[0].finding.came


async def test_a_service_without_documents_is_not_proven_and_not_failed(start, monkeypatch):
    service = start()
    service.transport.app = without(service.transport.app, "/.well-known/assurance.json")

    assert (await outcome(service))[0] is Outcome.SKIP


async def test_a_document_that_is_listed_and_missing_fails(start):
    service = start()
    service.transport.app = without(service.transport.app, "/assurance/")

    assert await outcome(service) == (Outcome.FAIL, "the document 'cyber-essentials' cannot be fetched")


@pytest.mark.parametrize(
    ("header", "payload", "told"),
    [
        ({"typ": "JWT"}, {}, "is not of the type assurance+jwt"),
        ({}, {"certificate": "x"}, "does not read: Object missing required field"),
        ({}, {**DOCUMENTS["cyber-essentials"], "bribe": 1}, "unknown field"),
    ],
)
async def test_a_document_of_another_shape_fails_with_the_place(start, monkeypatch, header, payload, told):
    def signed(kind, *, key, **_):
        made = {"alg": keys.ALGORITHM, "typ": "assurance+jwt", "kid": key["kid"], **header}
        key = ECKey.import_key(key)
        return jws.serialize_compact(made, json.dumps(payload), key, algorithms=[keys.ALGORITHM])

    monkeypatch.setattr(assurance, "signed", signed)
    found, came = await outcome(start())

    assert found is Outcome.FAIL
    assert told in came


def without(app, path: str):
    """The service, but for what lies below a path."""

    async def answering(scope, receive, send):
        if scope["path"].startswith(path):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return answering
