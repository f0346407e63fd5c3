"""What each interaction answers, a sentence of R4's http page a line; docs/conformance.md is made from them.

Before each case there are, under ids of its own in place of {x}: Patient/{x} at version 2, with the identifier
http://x|{x}, and Patient/{x}-gone, deleted at version 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PATIENT = {"resourceType": "Patient", "id": "{x}", "identifier": [{"system": "http://x", "value": "{x}"}]}
NEW = {"resourceType": "Patient", "id": "{x}-new", "identifier": [{"system": "http://x", "value": "{x}-new"}]}
NO_ID = {"resourceType": "Patient", "active": True}
SAME = {"resourceType": "Patient", "identifier": PATIENT["identifier"], "active": True}
JSON_PATCH = [{"op": "add", "path": "/active", "value": True}]
FHIRPATH_PATCH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Patient"},
                {"name": "name", "valueString": "active"},
                {"name": "value", "valueBoolean": True},
            ],
        }
    ],
}


def bundle(kind: str, *requests: tuple[str, str, Any]) -> dict[str, Any]:
    entries = [
        {"request": {"method": method, "url": url}, **({"resource": body} if body else {})}
        for method, url, body in requests
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


@dataclass(frozen=True)
class Case:
    """One request and its answer; `told` are headers that the answer carries."""

    interaction: str
    says: str
    request: str
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)


PATCHING = {"content-type": "application/json-patch+json"}
OTHER = {**PATIENT, "id": "other"}
CASES = (
    Case("read", "gives the current version and its ETag", "GET Patient/{x}", 200, told={"etag": 'W/"2"'}),
    Case("read", "unknown is not found", "GET Patient/{x}-never", 404),
    Case("read", "deleted is gone", "GET Patient/{x}-gone", 410, told={"etag": 'W/"2"'}),
    Case("read", "HEAD is GET without the body", "HEAD Patient/{x}", 200, told={"etag": 'W/"2"'}),
    Case("read", "a type that R4 does not have is not found", "GET Nonsense/1", 404),
    Case(
        "read",
        "_format decides before Accept",
        "GET Patient/{x}?_format=xml",
        200,
        told={"content-type": "application/fhir+xml; charset=utf-8"},
    ),
    Case(
        "read",
        "a format that is not written is refused",
        "GET Patient/{x}",
        406,
        headers={"accept": "text/turtle"},
    ),
    Case(
        "conditional read",
        "the version that the client has is not sent",
        "GET Patient/{x}",
        304,
        headers={"if-none-match": 'W/"2"'},
    ),
    Case(
        "conditional read",
        "an older version is no reason",
        "GET Patient/{x}",
        200,
        headers={"if-none-match": 'W/"1"'},
    ),
    Case(
        "conditional read",
        "what has not changed since then is not sent",
        "GET Patient/{x}",
        304,
        headers={"if-modified-since": "Fri, 31 Dec 9999 23:59:59 GMT"},
    ),
    Case("vread", "gives one version", "GET Patient/{x}/_history/1", 200, told={"etag": 'W/"1"'}),
    Case("vread", "a version that never was is not found", "GET Patient/{x}/_history/9", 404),
    Case("vread", "a version that is the deletion is gone", "GET Patient/{x}-gone/_history/2", 410),
    Case("create", "gives a new id and version 1", "POST Patient", 201, NO_ID, told={"etag": 'W/"1"'}),
    Case("create", "an id that the resource brings is replaced", "POST Patient", 201, NEW),
    Case(
        "create",
        "what breaks a rule of the type is refused",
        "POST Patient",
        422,
        {**NO_ID, "gender": "purple"},
    ),
    Case("create", "another type than the address's is refused", "POST Observation", 400, NO_ID),
    Case(
        "create",
        "a body that is no FHIR is refused",
        "POST Patient",
        415,
        NO_ID,
        {"content-type": "text/plain"},
    ),
    Case(
        "conditional create",
        "where there is none, creates",
        "POST Patient",
        201,
        NO_ID,
        {"if-none-exist": "identifier=http://x|{x}-none"},
    ),
    Case(
        "conditional create",
        "where there is one, leaves it",
        "POST Patient",
        200,
        SAME,
        {"if-none-exist": "identifier=http://x|{x}"},
        {"etag": 'W/"2"'},
    ),
    Case(
        "conditional create",
        "an unknown parameter is no condition",
        "POST Patient",
        400,
        NO_ID,
        {"if-none-exist": "colour=red"},
    ),
    Case("update", "makes a new version", "PUT Patient/{x}", 200, PATIENT, told={"etag": 'W/"3"'}),
    Case("update", "creates under a new id", "PUT Patient/{x}-new", 201, NEW, told={"etag": 'W/"1"'}),
    Case(
        "update",
        "brings back what was deleted",
        "PUT Patient/{x}-gone",
        201,
        {**PATIENT, "id": "{x}-gone"},
        told={"etag": 'W/"3"'},
    ),
    Case("update", "another id than the address's is refused", "PUT Patient/{x}", 400, OTHER),
    Case(
        "update",
        "If-Match with the current version lets it through",
        "PUT Patient/{x}",
        200,
        PATIENT,
        {"if-match": 'W/"2"'},
    ),
    Case(
        "update",
        "If-Match with another version does not",
        "PUT Patient/{x}",
        412,
        PATIENT,
        {"if-match": 'W/"1"'},
    ),
    Case("update", "If-Match: * replaces only", "PUT Patient/{x}", 200, PATIENT, {"if-match": "*"}),
    Case(
        "update",
        "If-Match: * does not create",
        "PUT Patient/{x}-never",
        412,
        {**PATIENT, "id": "{x}-never"},
        {"if-match": "*"},
    ),
    Case("update", "If-None-Match: * creates only", "PUT Patient/{x}", 412, PATIENT, {"if-none-match": "*"}),
    Case(
        "update",
        "Prefer: return=minimal sends no body",
        "PUT Patient/{x}",
        200,
        PATIENT,
        {"prefer": "return=minimal"},
        {"content-length": "0"},
    ),
    Case(
        "conditional update",
        "one match is updated",
        "PUT Patient?identifier=http://x|{x}",
        200,
        SAME,
        told={"etag": 'W/"3"'},
    ),
    Case("conditional update", "no match creates", "PUT Patient?identifier=http://x|{x}-none", 201, NO_ID),
    Case(
        "conditional update",
        "another id than the match's is refused",
        "PUT Patient?identifier=http://x|{x}",
        400,
        OTHER,
    ),
    Case("conditional update", "several matches are refused", "PUT Patient?identifier=http://x|", 412, NO_ID),
    Case("patch", "JSON Patch", "PATCH Patient/{x}", 200, JSON_PATCH, PATCHING, {"etag": 'W/"3"'}),
    Case("patch", "FHIRPath Patch", "PATCH Patient/{x}", 200, FHIRPATH_PATCH, told={"etag": 'W/"3"'}),
    Case(
        "patch",
        "JSON Merge Patch",
        "PATCH Patient/{x}",
        200,
        {"active": True},
        {"content-type": "application/merge-patch+json"},
    ),
    Case("patch", "unknown is not found", "PATCH Patient/{x}-never", 404, JSON_PATCH, PATCHING),
    Case(
        "patch",
        "If-Match holds for it too",
        "PATCH Patient/{x}",
        412,
        JSON_PATCH,
        {**PATCHING, "if-match": 'W/"1"'},
    ),
    Case(
        "conditional patch",
        "one match is patched",
        "PATCH Patient?identifier=http://x|{x}",
        200,
        JSON_PATCH,
        PATCHING,
    ),
    Case(
        "conditional patch",
        "no match is not found",
        "PATCH Patient?identifier=http://x|{x}-none",
        404,
        JSON_PATCH,
        PATCHING,
    ),
    Case("delete", "leaves nothing to read", "DELETE Patient/{x}", 204),
    Case("delete", "twice is no error", "DELETE Patient/{x}-gone", 204),
    Case("delete", "If-Match holds for it too", "DELETE Patient/{x}", 412, headers={"if-match": 'W/"1"'}),
    Case("conditional delete", "one match is deleted", "DELETE Patient?identifier=http://x|{x}", 204),
    Case("conditional delete", "several matches are refused", "DELETE Patient?identifier=http://x|", 412),
    Case("conditional delete", "no condition is not allowed", "DELETE Patient", 405),
    Case("history", "of an instance", "GET Patient/{x}/_history", 200),
    Case("history", "of a type", "GET Patient/_history?_count=2", 200),
    Case("history", "of the system", "GET _history?_count=2", 200),
    Case("history", "since, at, of a moment", "GET Patient/{x}/_history?_since=2020&_at=2999", 200),
    Case("history", "of what never was is not found", "GET Patient/{x}-never/_history", 404),
    Case("history", "an unknown parameter is refused", "GET Patient/{x}/_history?colour=red", 400),
    Case("search", "by GET", "GET Patient?identifier=http://x|{x}", 200),
    Case(
        "search",
        "by POST",
        "POST Patient/_search",
        200,
        b"identifier=http://x|{x}",
        {"content-type": "application/x-www-form-urlencoded"},
    ),
    Case("search", "within a compartment", "GET Patient/{x}/Observation", 200),
    Case("search", "an unknown parameter is refused", "GET Patient?colour=red", 400),
    Case(
        "search",
        "handling=lenient leaves it out",
        "GET Patient?colour=red&_count=1",
        200,
        headers={"prefer": "handling=lenient"},
    ),
    Case(
        "batch",
        "each entry for itself",
        "POST ",
        200,
        bundle("batch", ("GET", "Patient/{x}", None), ("GET", "Patient/{x}-never", None)),
    ),
    Case(
        "transaction",
        "all entries",
        "POST ",
        200,
        bundle("transaction", ("PUT", "Patient/{x}", PATIENT), ("POST", "Patient", NO_ID)),
    ),
    Case(
        "transaction",
        "or none",
        "POST ",
        404,
        bundle("transaction", ("POST", "Patient", NO_ID), ("GET", "Patient/{x}-never", None)),
    ),
    Case(
        "transaction",
        "one resource twice is refused",
        "POST ",
        400,
        bundle("transaction", ("PUT", "Patient/{x}", PATIENT), ("DELETE", "Patient/{x}", None)),
    ),
    Case("capabilities", "CapabilityStatement", "GET metadata", 200),
    Case("capabilities", "TerminologyCapabilities", "GET metadata?mode=terminology", 200),
    Case(
        "capabilities",
        "OPTIONS says which methods an address takes",
        "OPTIONS Patient/{x}",
        204,
        told={"allow": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
    ),
)
