"""The CapabilityStatement: generated from what the server really does."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urljoin

from carespine import __version__
from carespine.fhir import definitions
from carespine.fhir.subscriptions.topics import topics
from carespine.fhir.terminology.capabilities import capabilities
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api.operations import routes, submitting
from carespine.spine.fhir_api.patching import patch

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
# R4 resourcelist.html: the types whose content is normative.
_NORMATIVE = frozenset(
    {
        "Binary",
        "Bundle",
        "CapabilityStatement",
        "CodeSystem",
        "Observation",
        "OperationDefinition",
        "OperationOutcome",
        "Parameters",
        "Patient",
        "StructureDefinition",
        "ValueSet",
    }
)
_SMART_SECURITY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
            "code": "SMART-on-FHIR",
        }
    ],
    "text": "SMART Backend Services: client credentials with a signed assertion (private_key_jwt)",
}
_TOPIC = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@cache
def statement(base: str, token_url: str | None, cors: bool = False, mode: str = "full") -> dict[str, Any]:
    """What GET /metadata answers; `token_url` is None where the server runs with open access.

    `mode` is full, normative (the types that R4 will not change) or terminology; else it raises Invalid.
    """
    if mode == "terminology":
        return _terminology(base)
    if mode not in ("full", "normative"):
        raise Invalid(f"mode is one of full, normative and terminology; not {mode[:40]!r}.")
    types = [name for name in definitions.resource_types() if mode == "full" or name in _NORMATIVE]
    return {
        "resourceType": "CapabilityStatement",
        "id": "carespine",
        "url": f"{base}/metadata",
        "version": __version__,
        "name": "Carespine",
        "title": "Carespine FHIR R4 server",
        "status": "active",
        "date": "2026-11-23",
        "kind": "instance",
        "software": {"name": "Carespine", "version": __version__},
        "implementation": {"description": "Carespine FHIR R4 API", "url": base},
        "instantiates": [submitting.RECEIVER],
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "patchFormat": list(patch.FORMATS),
        "rest": [
            {
                "mode": "server",
                "documentation": f"The same as an OpenAPI document: {base}/openapi.json",
                "security": _security(token_url) | {"cors": cors},
                "resource": [_resource(name, base) for name in types],
                "interaction": [
                    {"code": "transaction"},
                    {"code": "batch"},
                    {"code": "history-system"},
                    {"code": "search-system"},
                ],
                "operation": routes.declared(None, base),
            }
        ],
    }


definitions.forget_on_change(statement.cache_clear)


def _terminology(base: str) -> dict[str, Any]:
    """What GET /metadata?mode=terminology answers; what is stored or loaded besides is found by asking."""
    return {
        "resourceType": "TerminologyCapabilities",
        "id": "carespine",
        "url": f"{base}/metadata?mode=terminology",
        "version": __version__,
        "name": "CarespineTerminology",
        "status": "active",
        "date": "2026-11-23",
        "kind": "instance",
        "software": {"name": "Carespine", "version": __version__},
        "implementation": {"description": "Carespine FHIR R4 API", "url": base},
        **capabilities(),
    }


def _security(token_url: str | None) -> dict[str, Any]:
    if token_url is None:
        return {"description": "Open access: no sign-in. For trying tools on this machine only."}
    # Both endpoints stand side by side, and the extension demands both.
    uris = {"authorize": urljoin(token_url, "authorize"), "token": token_url}
    parts = [{"url": name, "valueUri": url} for name, url in uris.items()]
    extension = {"url": _OAUTH_URIS, "extension": parts}
    return {"service": [_SMART_SECURITY], "extension": [extension]}


def _resource(name: str, base: str) -> dict[str, Any]:
    parameters = definitions.search_parameters(name)
    offered = [{"url": _TOPIC, "valueCanonical": url} for url in topics()] if name == "Subscription" else []
    return {
        **({"extension": offered} if offered else {}),
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal"],
        "searchParam": [
            {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
            for parameter in sorted(parameters.values(), key=lambda item: item.code)
            if parameter.expression and definitions.is_ready(name, parameter.code)
        ],
        "operation": routes.declared(name, base),
    }
