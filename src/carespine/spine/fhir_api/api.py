"""From a FHIR request to its interaction: the routing of the R4 RESTful API, and the door around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, definitions, json_text
from carespine.kernel.errors import CarespineError, Invalid, NotAllowed, NotFound, UnsupportedMedia
from carespine.kernel.ids import is_fhir_id
from carespine.security import trail
from carespine.spine.fhir_api import (
    answer,
    audit_events,
    binary,
    bundles,
    capability,
    compartments,
    conditional,
    formats,
    interactions,
    jobs_api,
    methods,
    openapi,
    own_references,
    searching,
)
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.exchange import R4_VERSIONS, parameters
from carespine.spine.fhir_api.operations import own, routes
from carespine.spine.fhir_api.patching import patch
from carespine.spine.views import api as views_api
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.spine.jobs.handle import Jobs

Interaction = Callable[["Session", "Exchange"], Awaitable[Answer]]
_JSON = ("application/fhir+json", "application/json", "application/json+fhir", "text/json")
# By method: the interaction, and whether it writes.
_ON_TYPE: dict[str, tuple[Interaction, bool]] = {
    "GET": (searching.search, False),
    "POST": (interactions.create, True),
    "PUT": (conditional.update, True),
    "PATCH": (conditional.patch, True),
    "DELETE": (conditional.delete, True),
}
_ON_RESOURCE: dict[str, tuple[Interaction, bool]] = {
    "GET": (interactions.read, False),
    "PUT": (interactions.update, True),
    "PATCH": (patch.patch, True),
    "DELETE": (interactions.delete, True),
}
_NO_IDS = ("_search", "_history")
# They name the resource that they write; a create does too, unless it has a condition.
_BY_NAME = (interactions.create, interactions.update, interactions.delete)
_UTF8 = ("utf-8", "utf8")


class FhirApi:
    """The API over one door. `token_url` is where tokens are had, None where access is open.

    `cors` is whether browsers' apps of other origins are let in.
    """

    def __init__(self, door: Door, jobs: Jobs, *, token_url: str | None, cors: bool = False) -> None:
        self._door, self._jobs, self._token_url, self._cors = door, jobs, token_url, cors

    async def answer(self, exchange: Exchange) -> Answer:
        """Perform a request; every error of the platform becomes its OperationOutcome."""
        # These have their own formats: a manifest, NDJSON; tables.
        own_formats = exchange.parts[:1] in ((jobs_api.PREFIX,), (views_api.TYPE,))
        in_xml = not own_formats and formats.wants_xml(exchange.pairs, exchange.headers)
        as_content = binary.is_asked_for_content(exchange)
        try:
            if as_content:
                exchange = binary.unshaped(exchange)
            elif not (in_xml or own_formats):
                exchange.demand_json()
            given = await self._perform(binary.as_resource(formats.in_json(exchange)))
            if binary.is_read(exchange):
                given.headers["Vary"] = "Accept"
            if as_content:
                return binary.as_content(given)
        except CarespineError as error:
            given = answer.refusal(error)
        return formats.in_xml(given, exchange.method) if in_xml else given

    def metadata(self, base: str, *, pretty: bool, in_xml: bool = False, mode: str = "full") -> Answer:
        """GET /metadata, which needs no sign-in; raises Invalid for a mode that R4 does not know."""
        if in_xml:
            body = formats.statement(base, self._token_url, self._cors, mode)
            return Answer(200, body, {"Content-Type": formats.XML_CONTENT_TYPE})
        body = codec.encode(capability.statement(base, self._token_url, self._cors, mode))
        return Answer(200, answer.pretty(body) if pretty else body)

    def openapi(self, base: str) -> Answer:
        """GET /openapi.json, which needs no sign-in either."""
        body = json_text.write(openapi.document(base, self._token_url))
        return Answer(200, body, {"Content-Type": "application/json"})

    async def _perform(self, exchange: Exchange) -> Answer:
        if _reads_one(exchange):
            kind, resource_id = exchange.parts
            item = await self._door.read(exchange.actor, kind, resource_id, purpose=exchange.purpose)
            return interactions.shown(exchange, item)
        if _has_json_body(exchange):
            _demand_json_body(exchange)
        if not exchange.parts:
            return await self._bundle(exchange)
        if exchange.parts[0] == jobs_api.PREFIX:
            return await jobs_api.perform(
                exchange, self._door, self._jobs, open_access=self._token_url is None
            )
        if exchange.parts == ("metadata",) and exchange.method == "GET":  # within a batch
            return self.metadata(exchange.base, pretty=False)
        if definition := _own_definition(exchange):
            return Answer(200, answer.shaped(exchange, codec.encode(definition)))
        if audit_events.is_asked(exchange):
            async with self._door.glance(exchange.actor, purpose=exchange.purpose) as session:
                return await audit_events.answer(session, exchange)
        interaction, writes = _route(exchange)
        if writes:
            local = own_references.relative(exchange)
            return await retrying(lambda: self._write(interaction, local))
        async with self._door.glance(exchange.actor, purpose=exchange.purpose) as session:
            return await interaction(session, exchange)

    async def _write(self, interaction: Interaction, exchange: Exchange) -> Answer:
        searches = interaction not in _BY_NAME or "if-none-exist" in exchange.headers
        async with self._door.enter(exchange.actor, purpose=exchange.purpose, searches=searches) as session:
            return await interaction(session, exchange)

    async def _bundle(self, exchange: Exchange) -> Answer:
        if exchange.method in ("GET", "HEAD"):
            async with self._door.glance(exchange.actor, purpose=exchange.purpose) as session:
                return await searching.across(session, exchange)
        if exchange.method != "POST":
            raise NotAllowed(
                "The base URL takes GET with a search, and POST with a batch or transaction Bundle.",
                headers=methods.allow(()),
            )
        bundle = bundles.read(exchange.body)
        kind = bundle.get("type")
        if kind == "batch":
            return await bundles.batch(exchange, bundle, self._perform)
        if kind != "transaction":
            raise Invalid(
                f"A Bundle posted here is a batch or a transaction, not {kind!r}.", expression="Bundle.type"
            )
        fresh = [bundle]  # a transaction writes ids into its resources: it is read anew to be tried again
        return await retrying(
            lambda: self._transaction(
                exchange, fresh.pop() if fresh else codec.decode(exchange.body, "Bundle")
            )
        )

    async def _transaction(self, exchange: Exchange, bundle: dict[str, Any]) -> Answer:
        async with self._door.enter(exchange.actor, purpose=exchange.purpose) as session:

            async def inside(part: Exchange) -> Answer:
                interaction, _ = _route(part)
                return await interaction(session, part)

            return await bundles.transaction(session, exchange, bundle, inside)


def _reads_one(exchange: Exchange) -> bool:
    """Whether this is the plain reading of one resource: what clients ask most."""
    if exchange.method not in ("GET", "HEAD") or len(exchange.parts) != 2:
        return False
    kind, resource_id = exchange.parts
    return kind in _stored_types() and is_fhir_id(resource_id) and not _own_definition(exchange)


@cache
def _stored_types() -> frozenset[str]:
    """The resource types whose resources are all stored as such."""
    return frozenset(definitions.resource_types()) - {views_api.TYPE, trail.TYPE}


def _own_definition(exchange: Exchange) -> dict[str, Any] | None:
    """The OperationDefinition of ours that is read; None for any other request."""
    match (exchange.method, *exchange.parts):
        case ("GET" | "HEAD", "OperationDefinition", resource_id):
            return own.definition(resource_id, exchange.base)
    return None


def _has_json_body(exchange: Exchange) -> bool:
    if routes.is_operation(exchange.parts) and not exchange.body:
        return False
    return exchange.method in ("POST", "PUT", "PATCH") and exchange.parts[-1:] != ("_search",)


def _demand_json_body(exchange: Exchange) -> None:
    media, _, text = exchange.headers.get("content-type", "").partition(";")
    is_patch = exchange.method == "PATCH" and media.strip().lower() in patch.FORMATS
    if media.strip().lower() not in _JSON and not is_patch:
        formats = ", ".join(patch.FORMATS) if exchange.method == "PATCH" else _JSON[0]
        raise UnsupportedMedia(
            f"Send {formats}; {media.strip()[:60] or 'no type'!r} is not read here.",
            headers={"Accept-Patch": formats} if exchange.method == "PATCH" else {},
        )
    if text:
        _demand_r4_in_utf8(dict(parameters(text.lower())))


def _demand_r4_in_utf8(given: dict[str, str]) -> None:
    if (charset := given.get("charset", "utf-8")) not in _UTF8:
        raise UnsupportedMedia(f"FHIR JSON is UTF-8; the charset {charset[:40]!r} is not read here.")
    if (version := given.get("fhirversion", R4_VERSIONS[0])) not in R4_VERSIONS:
        raise UnsupportedMedia(f"FHIR R4 (fhirVersion=4.0) is read here, not {version[:40]!r}.")


def _no_id(method: str, text: str) -> Invalid | NotFound:
    """What cannot be an id is not found; to create under it is a fault of the request."""
    kind = Invalid if method == "PUT" else NotFound
    return kind(f"{text[:70]!r} cannot be an id: 1 to 64 letters, digits, '-' and '.'.")


def _route(exchange: Exchange) -> tuple[Interaction, bool]:
    """The interaction for a method and path, and whether it writes."""
    method = "GET" if exchange.method == "HEAD" else exchange.method
    if exchange.parts[0] == views_api.TYPE:
        return views_api.route(method, exchange.parts)
    if routes.is_operation(exchange.parts):
        return routes.route(method, exchange.parts)
    match (method, *exchange.parts):
        case ("GET", "_history"):
            return interactions.history, False
        case ("POST", "_search"):
            return searching.across, False
        case (_, name, *_) if name not in definitions.resource_types():
            raise NotFound(f"{name[:60]!r} is not a resource type of FHIR R4.")
        case (_, _) if method in _ON_TYPE:
            return _ON_TYPE[method]
        case ("POST", _, "_search"):
            return searching.search, False
        case ("GET", _, "_history") | ("GET", _, _, "_history"):
            return interactions.history, False
        case (_, _, resource_id, *_) if resource_id not in _NO_IDS and not is_fhir_id(resource_id):
            raise _no_id(method, resource_id)
        case (_, _, resource_id) if method in _ON_RESOURCE and resource_id not in _NO_IDS:
            return _ON_RESOURCE[method]
        case ("GET", compartment, _, wanted) | ("POST", compartment, _, wanted, "_search") if (
            compartment in compartments.COMPARTMENTS
            and wanted in (compartments.EVERY_TYPE, *definitions.resource_types())
        ):
            return compartments.search, False
        case ("GET", _, _, "_history", _):
            return interactions.vread, False
    raise NotAllowed(
        f"{exchange.method} is not supported for {'/'.join(exchange.parts)[:80]!r}.",
        headers=methods.allow(exchange.parts),
    )
