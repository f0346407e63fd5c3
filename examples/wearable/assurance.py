"""The documents of an example app: invented like the app, signed with its key, dated so that they are current."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

from wearable import keys

Tree = dict[str, Any]


def _dates(today: date) -> dict[str, str]:
    year_ending = date(today.year if (today.month, today.day) > (6, 30) else today.year - 1, 6, 30)
    return {
        "two_years": (today - timedelta(days=800)).isoformat(),
        "long_ago": (today - timedelta(days=500)).isoformat(),
        "recent": (today - timedelta(days=10)).isoformat(),
        "spring": (today - timedelta(days=100)).isoformat(),
        "live": (today - timedelta(days=5)).isoformat(),
        "next_year": (today + timedelta(days=200)).isoformat(),
        "year_ending": year_ending.isoformat(),
    }


def documents(product: str, version: str, *, today: date) -> dict[str, Tree]:
    """What a sound supplier would publish, by kind."""
    on = _dates(today)
    by = f"{product} Ltd, quality manager"
    return {
        "safety-case": {
            "reviewed": on["spring"],
            "plan": "Clinical risk management plan 2",
            "officer": f"{product} Ltd, clinical safety officer",
            "registration_body": "GMC",
            "registration": "0000000",
            "registration_checked": on["spring"],
            "hazards": [
                {
                    "id": "H1",
                    "cause": "a reading is filed to another patient",
                    "effect": "treatment follows the wrong numbers",
                    "severity": 4,
                    "likelihood": 1,
                    "controls": ["a client reaches only the patients who chose it"],
                    "evidence": ["SE-07"],
                    "residual": "acceptable",
                }
            ],
        },
        "deployments": {
            "as_of": on["recent"],
            "deployments": [
                {
                    "organisation": "A81001",
                    "live_since": on["live"],
                    "assessed": on["recent"],
                    "officer": "the practice's clinical safety officer",
                }
            ],
        },
        "device-status": {
            "declared": on["spring"],
            "is_medical_device": False,
            "rationale": "It carries readings and draws no conclusion from them.",
        },
        "incident-process": {
            "attested": on["spring"],
            "by": by,
            "intake": f"https://{product.lower().replace(' ', '-')}.example/incidents",
            "triage_working_days": 1,
            "disable_minutes": 5,
            "disable_drilled": on["spring"],
        },
        "vulnerabilities": {"scanned": on["recent"], "feed": "OSV", "components": 3, "found": []},
        "penetration-test": {
            "tested": on["spring"],
            "tester": "an independent tester",
            "independent": True,
            "scope": ["API", "sign-in"],
            "method": "OWASP WSTG",
            "findings": [{"id": "P1", "title": "verbose banner", "cvss": 3.1}],
        },
        "cyber-essentials": {
            "certificate": "00000000-example",
            "level": "Cyber Essentials Plus",
            "issued": on["spring"],
            "expires": on["next_year"],
            "hosts_patient_data": True,
        },
        "second-factor": {"attested": on["spring"], "by": by, "accounts": 4, "with_second_factor": 4},
        "sbom": {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "timestamp": f"{on['recent']}T09:00:00Z",
                "component": {"type": "application", "name": product, "version": version},
            },
            "components": [
                {"type": "library", "name": "starlette", "version": "0.50.0"},
                {"type": "library", "name": "joserfc", "version": "1.8.0"},
                {"type": "library", "name": "httpx", "version": "0.28.1"},
            ],
        },
        "dspt": {
            "organisation": "8XX99",
            "status": "Standards Met",
            "published": on["year_ending"],
            "year_ending": on["year_ending"],
        },
        "dpia": {
            "signed": on["spring"],
            "controller": f"{product} Ltd",
            "lawful_basis": "explicit consent",
            "record_of_processing": "ROPA 3",
            "processors": ["a hosting company in the UK"],
            "countries": ["GB"],
        },
        "capacity-test": {
            "tested": on["spring"],
            "kinds": ["load", "ramp", "soak"],
            "declared_peak": 50,
            "breakpoint": 140,
        },
        "recovery-drill": {
            "drilled": on["spring"],
            "tier": "gold",
            "recovery_minutes": 95,
            "lost_minutes": 4,
            "verified_by": by,
        },
        "incident-notice": {
            "attested": on["spring"],
            "by": by,
            "first_notice_minutes": 45,
            "status_feed": f"https://status.{product.lower().replace(' ', '-')}.example/feed.json",
        },
        "licences": {
            "as_of": on["spring"],
            "licensed": [{"subject": "the API's schema and tests", "spdx": "Apache-2.0"}],
        },
        "functions": {
            "attested": on["spring"],
            "by": by,
            "equal_terms": True,
            "functions": [
                {"name": "show a person", "resource": "Patient", "interaction": "read"},
                {"name": "find a person", "resource": "Patient", "interaction": "search-type"},
                {"name": "send a reading", "resource": "Observation", "interaction": "create"},
                {"name": "correct a reading", "resource": "Observation", "interaction": "update"},
                {"name": "show readings", "resource": "Observation", "interaction": "search-type"},
            ],
        },
        "releases": {
            "as_of": on["recent"],
            "releases": [
                {
                    "version": "0.9.0",
                    "released": on["two_years"],
                    "breaking": False,
                    "retired": on["spring"],
                },
                {"version": version, "released": on["long_ago"], "breaking": True},
            ],
        },
        "product": {
            "as_of": on["recent"],
            "version": version,
            "owner": f"{product} Ltd",
            "contacts": [f"support@{product.lower().replace(' ', '-')}.example"],
            "capabilities": ["readings"],
            "dependencies": [],
            "changes": [
                {
                    "what": "readings without a unit are refused",
                    "breaking": True,
                    "announced": on["spring"],
                    "effective": on["recent"],
                }
            ],
        },
        "waivers": {
            "as_of": on["recent"],
            "waivers": [
                {
                    "requirement": "RE-03",
                    "decided_by": "Alex Example, standards authority",
                    "reason": "the soak test is repeated on new machines",
                    "scope": "every site",
                    "granted": on["spring"],
                    "until": on["next_year"],
                    "address": f"https://{product.lower().replace(' ', '-')}.example/waivers",
                }
            ],
        },
    }


def _old(tree: Tree, field: str) -> None:
    tree[field] = "2020-01-01"


# By defect: the document that it spoils, and how.
SPOILT: dict[str, tuple[str, Callable[[Tree], None]]] = {
    "announces-late": (
        "product",
        lambda tree: tree["changes"][0].update(announced=tree["changes"][0]["effective"]),
    ),
    "breaks-in-a-minor-release": ("releases", lambda tree: tree["releases"][0].update(version="1.0.0-rc")),
    "endless-waiver": ("waivers", lambda tree: tree["waivers"][0].pop("until")),
    "keeps-functions-to-itself": ("functions", lambda tree: tree["functions"][0].pop("interaction")),
    "lists-what-it-lacks": ("functions", lambda tree: tree["functions"][0].update(interaction="delete")),
    "nameless-waiver": ("waivers", lambda tree: tree["waivers"][0].update(decided_by="")),
    "registers-another-version": ("product", lambda tree: tree.update(version="0.0.1")),
    "retires-early": (
        "releases",
        lambda tree: tree["releases"][0].update(retired=tree["releases"][1]["released"]),
    ),
    "serves-unlisted-version": ("releases", lambda tree: tree["releases"][1].update(version="1.99.0")),
    "account-without-second-factor": ("second-factor", lambda tree: tree.update(with_second_factor=3)),
    "closed-licence": ("licences", lambda tree: tree["licensed"][0].update(spdx="LicenseRef-ours")),
    "data-abroad": ("dpia", lambda tree: tree.update(countries=["GB", "US"])),
    "dspt-not-met": ("dspt", lambda tree: tree.update(status="Approaching Standards")),
    "expired-cyber-essentials": ("cyber-essentials", lambda tree: _old(tree, "expires")),
    "late-notice": ("incident-notice", lambda tree: tree.update(first_notice_minutes=240)),
    "nameless-components": ("sbom", lambda tree: tree["components"][1].update(version="")),
    "no-headroom": ("capacity-test", lambda tree: tree.update(breakpoint=70)),
    "old-penetration-test": ("penetration-test", lambda tree: _old(tree, "tested")),
    "open-vulnerability": (
        "vulnerabilities",
        lambda tree: tree["found"].append(
            {"id": "CVE-0000-0001", "component": "x", "severity": "high", "published": "2024-01-01"}
        ),
    ),
    "slow-recovery": ("recovery-drill", lambda tree: tree.update(recovery_minutes=600)),
    "slow-switch": ("incident-process", lambda tree: tree.update(disable_minutes=90)),
    "unassessed-deployment": ("deployments", lambda tree: tree["deployments"][0].pop("assessed")),
    "uncontrolled-hazard": ("safety-case", lambda tree: tree["hazards"][0].update(controls=[])),
    "unregistered-device": ("device-status", lambda tree: tree.update(is_medical_device=True)),
}


def signed(kind: str, *, product: str, version: str, key: Tree, defects: frozenset[str]) -> str | None:
    """The document of a kind as a signed text (JWS), or None where there is none."""
    tree = documents(product, version, today=datetime.now(UTC).date()).get(kind)
    if tree is None:
        return None
    for defect in defects & SPOILT.keys():
        spoilt, spoil = SPOILT[defect]
        if spoilt == kind:
            spoil(tree)
    if "forged-documents" in defects:
        key = keys.new_key()
    header = {"alg": keys.ALGORITHM, "typ": "assurance+jwt", "kid": key["kid"]}
    return jws.serialize_compact(header, json.dumps(tree), ECKey.import_key(key), algorithms=[keys.ALGORITHM])
