"""From a FHIR request to its interaction: the routing of the R4 RESTful API, and the door around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from carespine.fhir import codec, definitions
from carespine.kernel.errors import CarespineError, Invalid, NotAllowed, NotFound, UnsupportedMedia
from carespine.kernel.ids import is_fhir_id
from carespine.spine.fhir_api import answer, bundles, capability, compartments, interactions, searching
from carespine.spine.fhir_api.answer import Answer
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

Interaction = Callable[["Session", "Exchange"], Awaitable[Answer]]
_JSON = ("application/fhir+json", "application/json", "application/json+fhir", "text/json")
_UTF8 = ("utf-8", "utf8", '"utf-8"')


class FhirApi:
    """The API over one door. `token_url` is where tokens are had, None where access is open."""

    def __init__(self, door: Door, *, token_url: str | None) -> None:
        self._door, self._token_url = door, token_url

    async def answer(self, exchange: Exchange) -> Answer:
        """Perform a request; every error of the platform becomes its OperationOutcome."""
        try:
            exchange.demand_json()
            return await self._perform(exchange)
        except CarespineError as error:
            return answer.refusal(error)

    def metadata(self, base: str, *, pretty: bool) -> Answer:
        """GET /metadata, which needs no sign-in."""
        body = codec.encode(capability.statement(base, self._token_url))
        return Answer(200, answer.pretty(body) if pretty else body)

    async def _perform(self, exchange: Exchange) -> Answer:
        if exchange.method in ("POST", "PUT") and exchange.parts[-1:] != ("_search",):
            _demand_json_body(exchange)
        if not exchange.parts:
            return await self._bundle(exchange)
        interaction, writes = _route(exchange)
        if writes:
            return await retrying(lambda: self._write(interaction, exchange))
        async with self._door.glance(exchange.actor, purpose=exchange.purpose) as session:
            return await interaction(session, exchange)

    async def _write(self, interaction: Interaction, exchange: Exchange) -> Answer:
        async with self._door.enter(exchange.actor, purpose=exchange.purpose) as session:
            return await interaction(session, exchange)

    async def _bundle(self, exchange: Exchange) -> Answer:
        if exchange.method != "POST":
            raise NotAllowed("The base URL takes POST with a batch or transaction Bundle.")
        kind = codec.decode(exchange.body, "Bundle").get("type")
        if kind == "batch":
            return await bundles.batch(exchange, codec.decode(exchange.body, "Bundle"), self._perform)
        if kind != "transaction":
            raise Invalid(
                f"A Bundle posted here is a batch or a transaction, not {kind!r}.", expression="Bundle.type"
            )
        return await retrying(lambda: self._transaction(exchange))

    async def _transaction(self, exchange: Exchange) -> Answer:
        async with self._door.enter(exchange.actor, purpose=exchange.purpose) as session:

            async def inside(part: Exchange) -> Answer:
                interaction, _ = _route(part)
                return await interaction(session, part)

            return await bundles.transaction(session, exchange, codec.decode(exchange.body, "Bundle"), inside)


def _demand_json_body(exchange: Exchange) -> None:
    media, _, parameters = exchange.headers.get("content-type", "").partition(";")
    if media.strip().lower() not in _JSON:
        raise UnsupportedMedia(
            f"Send application/fhir+json; {media.strip()[:60] or 'no type'!r} is not read here."
        )
    charset = parameters.lower().partition("charset=")[2].split(";")[0].strip()
    if charset and charset not in _UTF8:
        raise UnsupportedMedia(f"FHIR JSON is UTF-8; the charset {charset[:40]!r} is not read here.")


def _route(exchange: Exchange) -> tuple[Interaction, bool]:  # noqa: PLR0912 -- a table of paths
    """The interaction for a method and path, and whether it writes."""
    method = "GET" if exchange.method == "HEAD" else exchange.method
    match (method, *exchange.parts):
        case ("GET", "_history"):
            return interactions.history, False
        case (_, name, *_) if name not in definitions.resource_types():
            raise NotFound(f"{name[:60]!r} is not a resource type of FHIR R4.")
        case ("GET", _):
            return searching.search, False
        case ("POST", _, "_search"):
            return searching.search, False
        case ("POST", _):
            return interactions.create, True
        case ("GET", _, "_history"):
            return interactions.history, False
        case (_, _, resource_id, *_) if not is_fhir_id(resource_id):
            raise NotFound(f"{resource_id[:70]!r} cannot be an id: 1 to 64 letters, digits, '-' and '.'.")
        case ("GET", _, _):
            return interactions.read, False
        case ("PUT", _, _):
            return interactions.update, True
        case ("DELETE", _, _):
            return interactions.delete, True
        case ("GET", compartment, _, wanted) if (
            compartment in compartments.COMPARTMENTS and wanted in definitions.resource_types()
        ):
            return compartments.search, False
        case ("GET", _, _, "_history"):
            return interactions.history, False
        case ("GET", _, _, "_history", _):
            return interactions.vread, False
    raise NotAllowed(f"{exchange.method} is not supported for {'/'.join(exchange.parts)[:80]!r}.")
