"""Which methods an address takes: what OPTIONS answers, and the Allow header of a refusal."""

from __future__ import annotations

from collections.abc import Sequence

from carespine.fhir import definitions
from carespine.spine.fhir_api.compartments import COMPARTMENTS, EVERY_TYPE
from carespine.spine.fhir_api.operations import routes

_READING = ("GET", "HEAD")
_TYPE = (*_READING, "POST", "PUT", "PATCH", "DELETE")
_INSTANCE = (*_READING, "PUT", "PATCH", "DELETE")


def allowed(parts: Sequence[str]) -> tuple[str, ...]:
    """The methods of the address with these segments below the base; none where there is no such address."""
    if routes.is_operation(parts):
        return routes.methods(parts)
    match tuple(parts):
        case () | ("_search",):
            return ("POST",) if parts else (*_READING, "POST")
        case ("metadata",) | ("_history",) | ("openapi.json",) | ("_jobs", _, _):
            return _READING
        case ("_jobs", _):
            return (*_READING, "DELETE")
        case (name, *_) if name not in definitions.resource_types():
            return ()
        case (_,):
            return _TYPE
        case (_, "_search"):
            return (*_READING, "POST")
        case (_, "_history") | (_, _, "_history") | (_, _, "_history", _):
            return _READING
        case (_, _):
            return _INSTANCE
        case (name, _, wanted, *more) if _is_compartment(name, wanted) and more in ([], ["_search"]):
            return ("POST",) if more else _READING
    return ()


def _is_compartment(name: str, wanted: str) -> bool:
    return name in COMPARTMENTS and wanted in (EVERY_TYPE, *definitions.compartment(name))


def allow(parts: Sequence[str]) -> dict[str, str]:
    """The Allow header for this address (RFC 9110 section 10.2.1)."""
    return {"Allow": ", ".join((*allowed(parts), "OPTIONS"))}
