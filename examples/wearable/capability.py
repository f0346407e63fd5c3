"""What the service says of itself: the CapabilityStatement and the SMART configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# Interaction codes, and search parameters with their kinds.
Declared = tuple[list[str], dict[str, str]]
_SEARCH = {
    "Patient": {
        "_id": "token",
        "identifier": "token",
        "family": "string",
        "given": "string",
        "birthdate": "date",
    },
    "Observation": {
        "_id": "token",
        "patient": "reference",
        "subject": "reference",
        "code": "token",
        "date": "date",
    },
    "AuditEvent": {},
}
_INTERACTIONS = {
    "Patient": ["read", "create", "search-type"],
    "Observation": ["read", "create", "update", "search-type"],
    "AuditEvent": ["search-type"],
}


def statement(
    product: str, version: str, base: str, *, lacking: bool, more: Mapping[str, Declared]
) -> dict[str, Any]:
    """The CapabilityStatement; with `lacking` it promises a resource that is not there."""
    offered = {name: (_INTERACTIONS[name], _SEARCH[name]) for name in _INTERACTIONS} | dict(more)
    resources: list[dict[str, Any]] = [
        {
            "type": name,
            "interaction": [{"code": code} for code in codes],
            **(
                {"searchParam": [{"name": param, "type": kind} for param, kind in params.items()]}
                if params
                else {}
            ),
        }
        for name, (codes, params) in offered.items()
    ]
    if lacking:
        resources.append(
            {
                "type": "Condition",
                "interaction": [{"code": "read"}, {"code": "search-type"}],
                "searchParam": [
                    {"name": name, "type": "token"} for name in ("code", "category", "clinical-status")
                ],
            }
        )
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "software": {"name": product, "version": version},
        "implementation": {"description": product, "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": resources}],
    }


def terminology(product: str, *, out_of_date: bool) -> dict[str, Any]:
    """The TerminologyCapabilities: which release of SNOMED CT the codes are of."""
    released = datetime.now(UTC).date() - timedelta(days=900 if out_of_date else 60)
    version = f"http://snomed.info/sct/83821000000107/version/{released:%Y%m%d}"
    return {
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "software": {"name": product},
        "codeSystem": [{"uri": "http://snomed.info/sct", "version": [{"code": version, "isDefault": True}]}],
    }


def openapi(product: str, version: str, base: str, *, wrong: bool) -> dict[str, Any]:
    """The OpenAPI document of what can be read; `wrong` documents another media type than is answered."""
    plain = {
        "/health": "text/plain" if wrong else "application/json",
        "/about": "application/json",
        "/.well-known/smart-configuration": "application/json",
        "/.well-known/jwks.json": "application/json",
        "/.well-known/security.txt": "text/plain",
        "/fhir/metadata": "application/fhir+json",
        "/fhir/Observation": "application/fhir+json",
    }
    name = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    paths: dict[str, Any] = {path: {"get": _answers(kind)} for path, kind in plain.items()}
    for kind in ("Patient", "Observation"):
        paths[f"/fhir/{kind}/{{id}}"] = {"parameters": [name], "get": _answers("application/fhir+json")}
    return {
        "openapi": "3.1.0",
        "info": {"title": product, "version": version},
        "servers": [{"url": base}],
        "paths": paths,
    }


def _answers(kind: str) -> dict[str, Any]:
    return {
        "responses": {
            "200": {"description": "done", "content": {kind: {}}},
            "4XX": {"description": "refused"},
        }
    }


def smart(base: str) -> dict[str, Any]:
    """The SMART configuration."""
    return {
        "issuer": base,
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": ["system/Patient.rs", "system/Observation.crus"],
        "capabilities": ["client-confidential-asymmetric"],
    }
