"""The OpenAPI 3.1 document of the FHIR API: made from the same tables that route the requests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from carespine import __version__
from carespine.fhir import definitions
from carespine.spine.fhir_api import methods
from carespine.spine.fhir_api.compartments import COMPARTMENTS
from carespine.spine.fhir_api.operations.routes import OPERATIONS, Operation
from carespine.spine.fhir_api.patching import patch

_JSON, _XML = "application/fhir+json", "application/fhir+xml"
_FORM = "application/x-www-form-urlencoded"
_RESOURCE = {"$ref": "#/components/schemas/Resource"}
_ID = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_VERSION = {"type": "string", "pattern": "^[0-9]{1,9}$"}
# Path below the base -> an example of its segments, which the tables are asked about, and what each method does.
_PLACES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "/": ((), {"POST": "Batch or transaction"}),
    "/metadata": (("metadata",), {"GET": "The CapabilityStatement"}),
    "/openapi.json": (("openapi.json",), {"GET": "This document"}),
    "/_history": (("_history",), {"GET": "History of everything"}),
    "/{type}": (
        ("Patient",),
        {
            "GET": "Search",
            "POST": "Create, also under a condition (If-None-Exist)",
            "PUT": "Update the one that the search finds, or create it",
            "PATCH": "Patch the one that the search finds",
            "DELETE": "Delete the one that the search finds",
        },
    ),
    "/{type}/_search": (("Patient", "_search"), {"POST": "Search with a form"}),
    "/{type}/_history": (("Patient", "_history"), {"GET": "History of a type"}),
    "/{type}/{id}": (
        ("Patient", "1"),
        {"GET": "Read", "PUT": "Update, or create under this id", "PATCH": "Patch", "DELETE": "Delete"},
    ),
    "/{type}/{id}/_history": (("Patient", "1", "_history"), {"GET": "History of a resource"}),
    "/{type}/{id}/_history/{version}": (("Patient", "1", "_history", "1"), {"GET": "Read a version"}),
    "/{compartment}/{id}/{type}": (("Patient", "1", "Observation"), {"GET": "Search within a compartment"}),
}
_LEVELS = {
    "system": "",
    "type": "/{type}",
    "instance": "/{type}/{id}",
    "version": "/{type}/{id}/_history/{version}",
}


@cache
def document(base: str, token_url: str | None) -> dict[str, Any]:
    """The document; `token_url` is None where the server runs with open access."""
    schemes: dict[str, Any] = {}
    if token_url is not None:
        flow = {
            "tokenUrl": token_url,
            "scopes": {"system/*.cruds": "Everything that the client is registered for"},
        }
        schemes = {"smart": {"type": "oauth2", "flows": {"clientCredentials": flow}}}
    about = {
        "title": "Carespine FHIR R4",
        "version": __version__,
        "description": "FHIR R4 (4.0.1). Which search parameters and operations a type has: GET /metadata.",
    }
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": about,
        "servers": [{"url": base}],
        "paths": {**dict(_paths()), **dict(_operations())},
        "components": {"schemas": _SCHEMAS, "securitySchemes": schemes},
    }
    return {**made, "security": [{"smart": []}]} if schemes else made


def _paths() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, (example, said) in _PLACES.items():
        there = set(methods.allowed(example))
        yield path, _item(path, {method: text for method, text in said.items() if method in there})


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    found: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        for level in operation.levels:
            found.setdefault(f"{_LEVELS[level]}/${operation.name}", []).append(operation)
    for path, operations in sorted(found.items()):
        taken = {method for operation in operations for method in operation.methods} - {"HEAD"}
        types = {name for operation in operations for name in operation.types or definitions.resource_types()}
        yield path, _item(path, dict.fromkeys(sorted(taken), f"${operations[0].name}"), types)


def _item(path: str, said: dict[str, str], types: set[str] | None = None) -> dict[str, Any]:
    parameters = []
    for name in ("compartment", "type", "id", "version"):
        if f"{{{name}}}" in path:
            schema = {
                "compartment": {"enum": list(COMPARTMENTS)},
                "type": {"enum": sorted(types or definitions.resource_types())},
                "id": _ID,
                "version": _VERSION,
            }[name]
            parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    item: dict[str, Any] = {"parameters": parameters} if parameters else {}
    return item | {method.lower(): _call(path, method, text) for method, text in said.items()}


def _call(path: str, method: str, text: str) -> dict[str, Any]:
    call: dict[str, Any] = {
        "operationId": f"{method.lower()} {path}",
        "summary": text,
        "responses": {"2XX": _said("Done", path), "default": _said("Not done: an OperationOutcome", path)},
    }
    if path in ("/metadata", "/openapi.json"):
        call["security"] = []
    if method == "GET" and path == "/metadata":
        modes = {"enum": ["full", "normative", "terminology"]}
        call["parameters"] = [{"name": "mode", "in": "query", "schema": modes}]
    if body := _body(path, method):
        call["requestBody"] = {"required": "$" not in path, "content": body}
    return call


def _said(text: str, path: str) -> dict[str, Any]:
    if path == "/openapi.json":
        return {"description": text, "content": {"application/json": {}, _JSON: {}}}
    return {
        "description": text,
        "content": {_JSON: {"schema": _RESOURCE}, _XML: {}, "application/fhir+ndjson": {}},
    }


def _body(path: str, method: str) -> dict[str, Any]:
    if path.endswith("/_search"):
        return {_FORM: {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}}
    if method == "PATCH":
        kinds = dict(zip(patch.FORMATS, ("Parameters", "JsonPatch", "MergePatch"), strict=True))
        return {media: {"schema": {"$ref": f"#/components/schemas/{name}"}} for media, name in kinds.items()}
    if method not in ("POST", "PUT"):
        return {}
    name = "Parameters" if "$" in path else "Bundle" if path == "/" else "Resource"
    return {_JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}, _XML: {"schema": {"type": "string"}}}


def _typed(name: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": name}, **properties},
    }


_SCHEMAS: dict[str, Any] = {
    "Resource": {
        "description": "A resource of FHIR R4; the full JSON schema is published with the specification.",
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string"}, "id": _ID},
    },
    "Bundle": _typed(
        "Bundle",
        type={"enum": ["batch", "transaction"]},
        entry={"type": "array", "items": {"type": "object"}},
    ),
    "Parameters": _typed("Parameters", parameter={"type": "array", "items": {"type": "object"}}),
    "JsonPatch": {
        "type": "array",
        "items": {"type": "object", "required": ["op", "path"], "properties": {"path": {"type": "string"}}},
    },
    "MergePatch": {"type": "object"},
}
