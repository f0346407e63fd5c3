"""The audit event of one request: who, in which role, for whom, what, when, why, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from wearable.store import Client, Store

_ACTIONS = {"read": "R", "search": "E", "create": "C", "update": "U", "other": "E"}
_DONE, _REFUSED = "0", "4"


def write(
    store: Store,
    request: Request,
    client: Client | None,
    name: str,
    product: str,
    *,
    refused: str | None = None,
) -> None:
    """Keep the event of this request; `refused` is the reason where it was."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    store.add_audit(at, _event(request, client, name, product, at=at, refused=refused))


def _event(
    request: Request, client: Client | None, name: str, product: str, *, at: str, refused: str | None
) -> dict[str, Any]:
    who = client.client_id if client else "unknown"
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": name}],
        "action": _ACTIONS[name],
        "recorded": at,
        "outcome": _REFUSED if refused else _DONE,
        **({"outcomeDesc": refused} if refused else {}),
        "purposeOfEvent": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "PATRQT"}]}
        ],
        "agent": [
            {
                "type": {"text": "client application"},
                "role": [{"text": client.role if client else "unknown"}],
                "who": {"identifier": {"value": who}},
                "requestor": True,
                "network": {"address": request.client.host if request.client else "unknown", "type": "2"},
            },
            {
                "type": {"text": "organisation"},
                "who": {"type": "Organization", "display": product},
                "requestor": False,
            },
        ],
        "source": {"observer": {"type": "Device", "display": product}},
        "entity": [
            {"what": {"identifier": {"value": request.headers.get("x-request-id", "none")}}},
            {"name": request.url.path},
        ],
    }
