"""The routes of the FHIR interface: each action behind its token, its rate and its audit event."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wearable import audit, capability
from wearable.errors import Refusal
from wearable.extra import Action, Extra
from wearable.fhir import Answer, Fhir
from wearable.store import Client, Store
from wearable.tokens import Tokens

FHIR_JSON = "application/fhir+json"
_FORM = "application/x-www-form-urlencoded"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Rest:
    """Joins addresses and methods to the verbs in fhir.py."""

    fhir: Fhir
    tokens: Tokens
    store: Store
    product: str
    base: str
    extra: Extra = field(default_factory=Extra)

    def routes(self) -> list[Route]:
        """All routes below /fhir; what is not offered is refused as such, and audited."""
        fhir = self.fhir
        table: list[tuple[str, str, str, Action]] = [
            *((method, f"/fhir/{path}", name, action) for method, path, name, action in self.extra.actions),
            (
                "POST",
                "/fhir/Patient/_search",
                "search",
                lambda r, c: self._posted(r, c, fhir.search_patients),
            ),
            ("GET", "/fhir/Patient", "search", lambda r, c: fhir.search_patients(c, r.query_params)),
            ("POST", "/fhir/Patient", "create", lambda r, c: self._bodied(r, c, fhir.create_patient)),
            ("GET", "/fhir/Patient/{name}", "read", lambda r, c: fhir.read_patient(c, r.path_params["name"])),
            (
                "POST",
                "/fhir/Observation/_search",
                "search",
                lambda r, c: self._posted(r, c, fhir.search_readings),
            ),
            ("GET", "/fhir/Observation", "search", lambda r, c: fhir.search_readings(c, r.query_params)),
            ("POST", "/fhir/Observation", "create", lambda r, c: self._bodied(r, c, fhir.create_reading)),
            (
                "GET",
                "/fhir/Observation/{name}",
                "read",
                lambda r, c: fhir.read_reading(c, r.path_params["name"]),
            ),
            ("PUT", "/fhir/Observation/{name}", "update", self._update),
            ("GET", "/fhir/AuditEvent", "search", self._audit),
            ("GET", "/fhir/AuditEvent/{name}", "read", self._audit_event),
            ("DELETE", "/fhir/AuditEvent/{name}", "other", self._unaudit),
        ]
        found = [
            Route(path, self._guarded(name, action), methods=[method]) for method, path, name, action in table
        ]
        rest = Route("/fhir/{path:path}", self._guarded("other", self._nothing), methods=_METHODS)
        return [Route("/fhir/metadata", self._metadata), *found, rest]

    def _guarded(self, name: str, action: Action) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            client = None
            try:
                client = self._client(request)
                self.fhir.throttle(client)
                if self.fhir.spine_away and "falls-over-without-spine" in self.fhir.defects:
                    raise ConnectionError("the spine does not answer")
                status, tree, headers = await action(request, client)
            except Refusal as refusal:
                if "forgets-refusals" not in self.fhir.defects:
                    audit.write(self.store, request, client, name, self.product, refused=refusal.text)
                raise
            audit.write(self.store, request, client, name, self.product)
            if set(tree) == {"ndjson"}:
                return Response(tree["ndjson"], status, headers, "application/fhir+ndjson")
            return Response(json.dumps(tree), status, headers, FHIR_JSON)

        return endpoint

    def _client(self, request: Request) -> Client:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        client = self.tokens.client_of(token) if scheme.lower() == "bearer" else None
        if client is None:
            raise Refusal(401, "login", "this needs an access token", {"www-authenticate": "Bearer"})
        if client.client_id in self.fhir.barred:
            raise Refusal(403, "forbidden", self.fhir.barred[client.client_id])
        return client

    async def _metadata(self, request: Request) -> Response:
        if request.query_params.get("mode") == "terminology":
            codes = capability.terminology(self.product, out_of_date="old-codes" in self.fhir.defects)
            return Response(json.dumps(codes), media_type=FHIR_JSON)
        return Response(
            json.dumps(self.fhir.metadata(f"{self.base}/fhir", self.extra.declared)), media_type=FHIR_JSON
        )

    async def _nothing(self, _: Request, __: Client) -> Answer:
        raise Refusal(404, "not-supported", "there is no such thing in the description")

    async def _posted(
        self, request: Request, client: Client, search: Callable[[Client, QueryParams], Awaitable[Answer]]
    ) -> Answer:
        if not request.headers.get("content-type", "").startswith(_FORM):
            raise Refusal(415, "not-supported", "a search is posted as a form")
        text = (await request.body()).decode("utf-8", "replace")
        return await search(client, QueryParams(parse_qsl(text, keep_blank_values=True)))

    async def _bodied(
        self, request: Request, client: Client, create: Callable[[Client, Request], Awaitable[Answer]]
    ) -> Answer:
        if FHIR_JSON not in request.headers.get("content-type", ""):
            raise Refusal(415, "not-supported", f"the body must be {FHIR_JSON}")
        return await create(client, request)

    async def _update(self, request: Request, client: Client) -> Answer:
        return await self.fhir.update_reading(client, request.path_params["name"], request)

    async def _audit_event(self, request: Request, client: Client) -> Answer:
        return await self.fhir.read_audit(client, request.path_params["name"])

    async def _unaudit(self, request: Request, client: Client) -> Answer:
        if "audit-can-be-deleted" not in self.fhir.defects:
            raise Refusal(405, "not-supported", "nobody changes the audit trail")
        self.store.forget_audit(request.path_params["name"])
        return 200, Refusal(200, "informational", "deleted").outcome(), {}

    async def _audit(self, request: Request, client: Client) -> Answer:
        return await self.fhir.search_audit(client, request.query_params, f"{self.base}/fhir")
