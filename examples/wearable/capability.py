"""What the service says of itself: the CapabilityStatement and the SMART configuration."""

from __future__ import annotations

from typing import Any

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


def statement(product: str, base: str, *, lacking: bool) -> dict[str, Any]:
    """The CapabilityStatement; with `lacking` it promises a resource that is not there."""
    resources: list[dict[str, Any]] = [
        {
            "type": name,
            "interaction": [{"code": code} for code in _INTERACTIONS[name]],
            "searchParam": [{"name": param, "type": kind} for param, kind in _SEARCH[name].items()],
        }
        for name in _INTERACTIONS
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
        "software": {"name": product},
        "implementation": {"description": product, "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": resources}],
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
