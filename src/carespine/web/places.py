"""Which route a request went to, as a template without ids: what logs, metrics and traces may say of an address."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Mount, Route

from carespine.fhir import definitions
from carespine.spine.fhir_api.operations.routes import OPERATIONS

if TYPE_CHECKING:
    from starlette.types import Scope

UNKNOWN = "{unknown}"
_FHIR = "fhir"
_ONE = "/fhir/{type}/{id}"
_WORDS = frozenset({"metadata", "_history", "_search", "openapi.json"})
_OPERATIONS = frozenset(f"${operation.name}" for operation in OPERATIONS)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Places:
    """The routes of an application; FHIR's are known by their shape."""

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        self._templates: dict[Any, str] = {}
        for route in routes:
            if isinstance(route, Route):
                self._templates[route.endpoint] = route.path
            elif isinstance(route, Mount):
                self._templates[route.app] = f"{route.path}/{{path}}"

    def template(self, scope: Scope) -> str:
        """The route, such as /fhir/{type}/{id}; to be asked after the request was routed."""
        parts = [part for part in scope["path"].split("/") if part]
        if len(parts) == 3 and parts[0] == _FHIR and parts[1] in _types() and parts[2][0] not in "$_":
            return _ONE
        if _is_fhir(parts):
            return "/" + "/".join(
                [_FHIR, *(_segment(parts, place) for place in range(1, min(len(parts), 6)))]
            )
        return self._templates.get(scope.get("endpoint"), UNKNOWN)

    def area(self, scope: Scope) -> str:
        """The part of the platform: fhir with the resource type, or the first segments of a page's route."""
        parts = [part for part in scope["path"].split("/") if part]
        if _is_fhir(parts):
            return "/".join(part for part in parts[:2] if part == _FHIR or part in _types() or part in _WORDS)
        return "/".join(self._templates.get(scope.get("endpoint"), "").split("/")[1:3])


def _is_fhir(parts: list[str]) -> bool:
    return parts[:1] == [_FHIR] and parts[1:2] != [".well-known"]


def method(scope: Scope) -> str:
    """The method, or `other` for a word that nobody knows."""
    given: str = scope["method"]
    return given if given in _METHODS else "other"


def _segment(parts: list[str], place: int) -> str:
    part = parts[place]
    if part in _WORDS or part in _OPERATIONS:
        return part
    if part.startswith("$"):
        return UNKNOWN
    if place == 2:
        return "{id}"
    if part in _types():
        return "{type}"
    return "{version}" if place == 4 and parts[3] == "_history" else UNKNOWN


@cache
def _types() -> frozenset[str]:
    return frozenset(definitions.resource_types())
