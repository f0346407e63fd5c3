"""ViewDefinition over HTTP: kept, read, listed, deleted; and $run, which answers a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text, sql_on_fhir
from carespine.fhir.search import moments
from carespine.fhir.sql_on_fhir import outputs
from carespine.fhir.terminology.requests import Request
from carespine.kernel.errors import Invalid, Issue, NotAllowed, NotFound, Unprocessable
from carespine.kernel.ids import is_fhir_id, patient_key
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.views import kept
from carespine.spine.views.apart import workshop
from carespine.storage.instants import instant
from carespine.storage.tables import Only

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored

TYPE = "ViewDefinition"
Interaction = Callable[["Session", "Exchange"], Awaitable[Answer]]
# Ours: rows of one answer over HTTP; more is for `carespine view run`.
MOST_ROWS = 200_000
_RUN = frozenset(
    {
        "viewReference",
        "viewResource",
        "_format",
        "header",
        "_limit",
        "_since",
        "patient",
        "resource",
        "group",
        "source",
    }
)
_FORMATS = {
    "ndjson": "ndjson", "application/x-ndjson": "ndjson", "application/fhir+ndjson": "ndjson", "csv": "csv",
    "text/csv": "csv", "parquet": "parquet", "application/vnd.apache.parquet": "parquet",
    "application/octet-stream": "parquet", "json": "json", "application/json": "json",
}  # fmt: skip


def route(method: str, parts: tuple[str, ...]) -> tuple[Interaction, bool]:
    """The interaction for a method and path below ViewDefinition, and whether it writes."""
    if parts[-1] == "$run":
        if method not in ("GET", "POST"):
            raise NotAllowed(f"{method} is not supported for $run.", headers={"Allow": "GET, POST"})
        if len(parts) > 3:
            raise NotFound(f"There is no operation {'/'.join(parts)[:120]!r}.")
        return run, False
    if len(parts) > 1 and not is_fhir_id(parts[1]):
        raise NotFound(f"{parts[1][:70]!r} cannot be an id: 1 to 64 letters, digits, '-' and '.'.")
    table: dict[tuple[str, int], tuple[Interaction, bool]] = {
        ("GET", 1): (search, False),
        ("POST", 1): (create, True),
        ("GET", 2): (read, False),
        ("PUT", 2): (update, True),
        ("DELETE", 2): (delete, True),
    }
    if (method, len(parts)) not in table:
        raise NotAllowed(f"{method} is not supported for {'/'.join(parts)[:80]!r}.")
    return table[method, len(parts)]


async def search(session: Session, exchange: Exchange) -> Answer:
    """GET ViewDefinition: those that are kept, by name or url where asked."""
    asked = [(name, value) for name, value in exchange.pairs if name not in ("_format", "_pretty")]
    if unknown := sorted({name for name, _ in asked} - {"name", "url", "_id", "status", "_count"}):
        raise Invalid(
            f"ViewDefinitions are found by name, url, _id and status; not by {', '.join(unknown)[:100]}."
        )
    found = await session.search("Library", [("type", f"{kept.SYSTEM}|{kept.CODE}"), *asked])
    entries = [
        json_text.write({"fullUrl": f"{exchange.base}/{TYPE}/{tree['id']}", "resource": kept.view(tree)})
        for tree in found.entries
    ]
    return Answer(200, answer.bundle("searchset", entries, total=found.total))


async def read(session: Session, exchange: Exchange) -> Answer:
    """GET ViewDefinition/id."""
    item = await session.read_stored("Library", exchange.parts[1])
    return _shown(item, 200)


async def create(session: Session, exchange: Exchange) -> Answer:
    """POST ViewDefinition."""
    tree = kept.library(_body(exchange))
    made = await session.create(tree)
    item = session.written("Library", made["id"]).stored()
    reply = _shown(item, 201)
    reply.headers["Location"] = f"{exchange.base}/{TYPE}/{item.id}/_history/{item.version}"
    return reply


async def update(session: Session, exchange: Exchange) -> Answer:
    """PUT ViewDefinition/id, creating where there is none."""
    view = _body(exchange)
    if view.get("id") != exchange.parts[1]:
        raise Invalid(f"The URL names {TYPE}/{exchange.parts[1]}; the body's id must be the same.")
    await session.update(
        kept.library(view), if_match=exchange.if_match(), demand_match=exchange.actor.kind == "app"
    )
    write = session.written("Library", exchange.parts[1])
    return _shown(write.stored(), 201 if write.previous is None or write.previous.deleted else 200)


async def delete(session: Session, exchange: Exchange) -> Answer:
    """DELETE ViewDefinition/id."""
    kept.view(await session.read("Library", exchange.parts[1]))
    await session.delete("Library", exchange.parts[1], if_match=exchange.if_match())
    return Answer(204, None)


@dataclass(frozen=True, slots=True)
class _Wanted:
    view: dict[str, Any]
    form: str
    header: bool
    limit: int | None
    only: Only
    resources: list[dict[str, Any]] | None


async def run(session: Session, exchange: Exchange) -> Answer:
    """ViewDefinition/$run and ViewDefinition/id/$run: the table of what the asker may reach, or of the resources sent.

    Raises Unprocessable where the view is not valid, does not fit a resource, takes too long, or gives more than
    MOST_ROWS rows and no `_limit` was asked for; TooMany where others are at work.
    """
    wanted = await _wanted(session, exchange)
    view = sql_on_fhir.read(wanted.view)
    most = MOST_ROWS if wanted.limit is None else wanted.limit
    async with workshop().table() as table:
        await table.begin(wanted.view, wanted.form, header=wanted.header)
        if wanted.resources is not None:
            count = await table.trees(wanted.resources)
        else:
            count = 0
            reading = session.table_pages(view.resource, wanted.only, asked="/".join(exchange.parts))
            async with aclosing(reading) as pages:
                async for page in pages:
                    if (count := await table.bodies(page)) > most:
                        break
        if wanted.limit is None and count > MOST_ROWS:
            message = (
                f"The table has more than {MOST_ROWS} rows; ask for some with _limit, "
                "or run `carespine view run`."
            )
            raise Unprocessable(message, issues=[Issue("too-costly", message)])
        content = await table.written(most)
    return Answer(200, content, {"Content-Type": outputs.MEDIA_TYPES[wanted.form]})


async def _wanted(session: Session, exchange: Exchange) -> _Wanted:
    request = Request.of(exchange.pairs, _parameters(exchange)).only(_RUN)
    if unsupported := [name for name in ("group", "source") if request.has(name)]:
        raise Invalid(f"$run does not take {unsupported[0]} here.")
    limit = request.number("_limit")
    if limit is not None and limit > MOST_ROWS:
        raise Invalid(f"_limit is at most {MOST_ROWS}.")
    asked = request.text("_format") or _accepted(exchange)
    form = _FORMATS.get(asked.partition(";")[0].strip().replace(" ", "+"))
    if form is None:
        raise Invalid(f"Tables are written as ndjson, csv, json and parquet; not as {asked[:40]!r}.")
    since = request.text("_since")
    resources = request.trees("resource") if request.has("resource") else None
    return _Wanted(
        await _view(session, exchange, request),
        form,
        request.flag("header", default=True),
        limit,
        Only(_patients(request), _moment(since) if since else None),
        resources,
    )


async def _view(session: Session, exchange: Exchange, request: Request) -> dict[str, Any]:
    """The view that was called on, referred to, or sent: exactly one of them."""
    given = request.tree("viewResource")
    reference = next((_reference(value) for key, value in request.given if key == "viewReference"), None)
    instance = exchange.parts[1] if len(exchange.parts) == 3 else None
    ways = [way for way in (given, reference, instance) if way is not None]
    if len(ways) != 1:
        raise Invalid("Call $run on a ViewDefinition, or give one of viewReference and viewResource.")
    if given is not None:
        return given
    resource_id = instance or str(reference).rpartition("/")[2]
    if not is_fhir_id(resource_id):
        raise NotFound(f"There is no ViewDefinition {str(reference or instance)[:70]!r}.")
    return kept.view(await session.read("Library", resource_id))


def _reference(value: Any) -> str:
    text = value.get("reference") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise Invalid("A reference is expected, such as ViewDefinition/patients or Patient/1.")
    return text


def _patients(request: Request) -> list[int] | None:
    given = [_reference(value).rpartition("/")[2] for key, value in request.given if key == "patient"]
    return [patient_key(patient_id) for patient_id in given] if given else None


def _moment(text: str) -> Any:
    try:
        return instant(moments.interval(text.replace(" ", "+"))[0])
    except ValueError as error:
        raise Invalid(f"_since must be a date or an instant, not {text[:40]!r}.") from error


def _accepted(exchange: Exchange) -> str:
    """The first format of the Accept header that is written here; NDJSON where it names none."""
    accepted = [part.partition(";")[0].strip() for part in exchange.headers.get("accept", "").split(",")]
    return next((part for part in accepted if part in _FORMATS), "ndjson")


def _body(exchange: Exchange) -> dict[str, Any]:
    tree = json_text.read(exchange.body)
    if not isinstance(tree, dict) or tree.get("resourceType") != TYPE:
        raise Invalid("The body is not a ViewDefinition.")
    return tree


def _parameters(exchange: Exchange) -> list[dict[str, Any]]:
    """The parameters in the body. R4 does not know the type of `viewResource`, so that they are not checked as R4's."""
    if exchange.method != "POST" or not exchange.body:
        return []
    tree = json_text.read(exchange.body)
    if isinstance(tree, dict) and tree.get("resourceType") == TYPE:
        return [{"name": "viewResource", "resource": tree}]
    found = (
        tree.get("parameter", [])
        if isinstance(tree, dict) and tree.get("resourceType") == "Parameters"
        else None
    )
    if not isinstance(found, list) or any(not isinstance(item, dict) or "name" not in item for item in found):
        raise Invalid("The body is a Parameters resource or a ViewDefinition.")
    return found


def _shown(item: Stored, status: int) -> Answer:
    view = kept.view(json_text.read(item.body))
    return Answer(status, json_text.write(view), answer.version_headers(item))
