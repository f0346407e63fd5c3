"""Search: GET Type?..., POST Type/_search, and the next page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from carespine.fhir.search import parse
from carespine.kernel.errors import Invalid, Issue, UnsupportedMedia
from carespine.spine.fhir_api import answer, formats
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.pairs import query_pairs

if TYPE_CHECKING:
    from carespine.fhir.search import Clause, Query
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored
    from carespine.storage.search import Page

_CURSOR = "_cursor"
_FORM = "application/x-www-form-urlencoded"
# What decides how the answer is written, not what is found. `_totalMethod` is sent by fhirpy when it counts.
_OUTPUT_ONLY = frozenset({"_format", "_pretty", "_totalMethod", _CURSOR})


async def search(session: Session, exchange: Exchange) -> Answer:
    """GET Type?... or POST Type/_search."""
    return await find(session, exchange, exchange.parts[0], address=exchange.parts[0])


async def find(
    session: Session, exchange: Exchange, resource_type: str, *, address: str, inside: tuple[Clause, ...] = ()
) -> Answer:
    """A searchset Bundle; parameters that are not understood are an error unless handling is lenient.

    `inside` are further conditions (a compartment); `address` is what the page's links name below the base.
    """
    pairs = [*exchange.pairs, *_form(exchange)]
    asked = [(name, value) for name, value in pairs if name not in _OUTPUT_ONLY]
    query = parse(resource_type, asked, lenient="handling=lenient" in exchange.prefer)
    query = replace(query, clauses=(*query.clauses, *inside))
    cursor = next((value for name, value in pairs if name == _CURSOR), None)
    page = await session.search_stored(query, cursor=cursor)
    body = _bundle(exchange, query, page, _understood(asked, query.ignored), address)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


def _understood(asked: list[tuple[str, str]], ignored: tuple[str, ...]) -> list[tuple[str, str]]:
    """The pairs that were acted on. Of a name that is given twice either may be, so that both are kept."""
    names = [name for name, _ in asked]
    return [(name, value) for name, value in asked if name not in ignored or names.count(name) > 1]


def _form(exchange: Exchange) -> list[tuple[str, str]]:
    if exchange.method != "POST" or not exchange.body:
        return []
    media = exchange.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != _FORM:
        raise UnsupportedMedia(f"_search takes its parameters as {_FORM}.")
    try:
        text = exchange.body.decode()
    except UnicodeDecodeError as error:
        raise Invalid("The form is not UTF-8.") from error
    return query_pairs(text)


def _bundle(
    exchange: Exchange, query: Query, page: Page, asked: list[tuple[str, str]], address: str
) -> bytes:
    entries = [_entry(exchange, item, "match") for item in page.matches]
    entries += [_entry(exchange, item, "include") for item in page.included]
    if query.ignored:
        issues = [
            Issue("not-supported", f"The parameter {name!r} was ignored.", severity="warning")
            for name in query.ignored
        ]
        entries.append(b'{"resource":' + answer.outcome(issues) + b',"search":{"mode":"outcome"}}')
    asked = [*asked, *_format_asked(exchange)]
    links = [("self", _url(exchange, address, asked, None))]
    if page.next:
        links.append(("next", _url(exchange, address, asked, page.next)))
    return answer.bundle("searchset", entries, total=page.total, links=links)


def _format_asked(exchange: Exchange) -> list[tuple[str, str]]:
    """A page asked for in XML by `_format` is followed by pages in XML."""
    wanted = exchange.parameter("_format")
    return [("_format", wanted)] if wanted is not None and formats.is_xml_word(wanted) else []


def _entry(exchange: Exchange, item: Stored, mode: str) -> bytes:
    body = answer.shaped(exchange, item.body) if mode == "match" else item.body
    return answer.search_entry(exchange.base, item, body, mode)


def _url(exchange: Exchange, path: str, asked: list[tuple[str, str]], cursor: str | None) -> str:
    pairs = [*asked, *([(_CURSOR, cursor)] if cursor else [])]
    address = f"{exchange.base}/{path}"
    return f"{address}?{urlencode(pairs)}" if pairs else address
