"""The interactions on one resource and on history: each takes an open visit and an exchange, gives an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from carespine.fhir import codec
from carespine.fhir.search import parse
from carespine.kernel.errors import Forbidden, Invalid, PreconditionFailed
from carespine.spine.fhir_api import answer, windows
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.pairs import query_pairs

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored

_OUTPUT_ONLY = frozenset({"_format", "_pretty", "_elements", "_summary"})


async def read(session: Session, exchange: Exchange) -> Answer:
    """GET Type/id; 304 where If-None-Match or If-Modified-Since says that the client has it already."""
    return shown(exchange, await session.read_stored(exchange.parts[0], exchange.parts[1]))


def shown(exchange: Exchange, item: Stored) -> Answer:
    """The answer to a read of what was found."""
    if exchange.has(item.version):
        return Answer(304, None, answer.version_headers(item))
    since = exchange.if_modified_since()
    if since and "if-none-match" not in exchange.headers and item.updated.replace(microsecond=0) <= since:
        return Answer(304, None, answer.version_headers(item))
    return answer.resource(exchange, item)


async def vread(session: Session, exchange: Exchange) -> Answer:
    """GET Type/id/_history/version."""
    resource_type, resource_id, _, version = exchange.parts
    if not version.isascii() or not version.isdigit() or len(version) > 9:
        raise Invalid(f"A version is a number; {version[:40]!r} is not.")
    item = await session.vread_stored(resource_type, resource_id, int(version))
    if exchange.has(item.version):
        return Answer(304, None, answer.version_headers(item))
    return answer.resource(exchange, item)


async def create(session: Session, exchange: Exchange) -> Answer:
    """POST Type; If-None-Exist makes it conditional (R4 http 3.1.0.8.1)."""
    tree = codec.decode(exchange.body, exchange.parts[0])
    criteria = _condition(exchange)
    if criteria is not None:
        found = await matching(session, exchange.parts[0], criteria)
        if found is not None:
            return answer.written(exchange, found, created=False)
    made = await session.create(tree, checked=True)
    item = session.written(made["resourceType"], made["id"]).stored()
    return answer.written(exchange, item, created=True)


def _condition(exchange: Exchange) -> str | None:
    """What must not exist yet. Some clients write it into the address, where to ignore it would make duplicates."""
    header = exchange.headers.get("if-none-exist")
    asked = [(name, value) for name, value in exchange.pairs if name not in _OUTPUT_ONLY]
    if not asked:
        return header
    if header is not None:
        raise Invalid("The condition of a create stands in If-None-Exist, or in the address, not in both.")
    return urlencode(asked)


async def matching(session: Session, resource_type: str, criteria: str) -> Any:
    """The one resource that search criteria name, or None; several are a failed precondition.

    Two requests with the same criteria wait for one another until the transaction ends, so that both cannot
    find nothing and both create.
    """
    await session.serialise((resource_type, criteria))
    criteria = criteria.removeprefix(resource_type).lstrip("?")  # some clients write the type before them
    query = parse(resource_type, query_pairs(criteria))
    if not query.is_selective:
        raise Invalid("A condition must name at least one search parameter.")
    # Only the criteria count: a `_count=0` among them would find nothing, and so make duplicates.
    query = replace(query, count=2, total="none", summary=None, sort=(), includes=(), revincludes=())
    page = await session.search_stored(query)
    if len(page.matches) > 1:
        raise PreconditionFailed("The condition matches several resources, not one.")
    return page.matches[0] if page.matches else None


async def update(session: Session, exchange: Exchange) -> Answer:
    """PUT Type/id, creating where there is none; apps must say which version they replace.

    `If-None-Match: *` asks for a creation and for nothing else.
    """
    resource_type, resource_id = exchange.parts
    tree = codec.decode(exchange.body, resource_type)
    if tree.get("id") != resource_id:
        raise Invalid(
            f"The URL names {resource_type}/{resource_id}, the body's id is {tree.get('id')!r}; they must agree.",
            expression=f"{resource_type}.id",
        )
    await session.update(
        tree, if_match=exchange.if_match(), checked=True, demand_match=exchange.actor.kind == "app"
    )
    write = session.written(resource_type, resource_id)
    created = write.previous is None or write.previous.deleted
    if not created and exchange.headers.get("if-none-match", "").strip() == "*":
        raise PreconditionFailed(
            f"If-None-Match forbids to replace what is there: {resource_type}/{resource_id}."
        )
    return answer.written(exchange, write.stored(), created=created)


async def delete(session: Session, exchange: Exchange) -> Answer:
    """DELETE Type/id; deleting twice, or what never was, is no error."""
    gone = await session.delete(exchange.parts[0], exchange.parts[1], if_match=exchange.if_match())
    return Answer(204, None, {"ETag": gone.etag} if gone else {})


async def history(session: Session, exchange: Exchange) -> Answer:
    """GET [Type[/id]]/_history with _count, _since, _at and paging."""
    if not exchange.parts[:-1] and exchange.actor.kind not in ("open", "system"):
        raise Forbidden("The history of the whole system is not open to this user.")
    resource_type = exchange.parts[0] if len(exchange.parts) > 1 else None
    resource_id = exchange.parts[1] if len(exchange.parts) > 2 else None
    window = windows.window(exchange)
    versions = await session.history_stored(resource_type, resource_id, window)
    entries = [answer.history_entry(exchange, item) for item in versions.rows]
    links = [("self", windows.url(exchange, window.after, window.count))]
    if versions.next is not None:
        links.append(("next", windows.url(exchange, versions.next, window.count)))
    body = answer.bundle("history", entries, total=versions.total, links=links)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)
