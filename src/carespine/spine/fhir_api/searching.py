"""Search: GET Type?..., POST Type/_search, and the next page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from carespine.fhir import definitions
from carespine.fhir.search import Query, parse
from carespine.kernel.errors import Invalid, Issue, UnsupportedMedia
from carespine.spine.fhir_api import answer, formats
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.storage.search import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carespine.fhir.search import Clause
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

_CURSOR, _TYPE = "_cursor", "_type"
_FORM = "application/x-www-form-urlencoded"
# What decides how the answer is written, not what is found. `_totalMethod` is sent by fhirpy when it counts.
_OUTPUT_ONLY = frozenset({"_format", "_pretty", "_totalMethod", _CURSOR})


async def search(session: Session, exchange: Exchange) -> Answer:
    """GET Type?... or POST Type/_search."""
    return await find(session, exchange, exchange.parts[0], address=exchange.parts[0])


async def across(session: Session, exchange: Exchange) -> Answer:
    """GET ?_type=..., POST _search: over the types named, or over all that may be searched."""
    exchange = with_form(exchange)
    types = types_asked(exchange) or session.searchable(await session.types_in_use())
    return await find_across(session, exchange, types, address="", inside=lambda _: ())


def types_asked(exchange: Exchange) -> list[str]:
    """The types that `_type` names; raises Invalid for one that R4 does not have."""
    names = [part for value in _all(exchange, _TYPE) for part in value.split(",")]
    unknown = [name for name in names if name not in definitions.resource_types()]
    if unknown:
        raise Invalid(f"_type names {unknown[0][:60]!r}, which is not a resource type of R4.")
    return list(dict.fromkeys(names))


async def find_across(
    session: Session,
    exchange: Exchange,
    types: Sequence[str],
    *,
    address: str,
    inside: Callable[[str], tuple[Clause, ...]],
) -> Answer:
    """A searchset Bundle of several types; `inside` gives further conditions on a type."""
    asked = [pair for pair in _asked(exchange) if pair[0] != _TYPE]
    lenient = "handling=lenient" in exchange.prefer
    if any(name.startswith(("_include", "_revinclude")) for name, _ in asked):
        raise Invalid(
            "A search over several types includes nothing: search one type, as in Patient?_revinclude=..."
        )
    if not types:
        nothing = parse("Basic", asked, lenient=lenient)
        used = tuple((_TYPE, value) for value in _all(exchange, _TYPE))
        nothing = replace(nothing, pairs=(*used, *nothing.pairs))
        return _answer(exchange, nothing, Page([], [], 0, None), address)
    queries = []
    for name in types:
        query = parse(name, asked, lenient=lenient, base_url=exchange.base)
        queries.append(replace(query, clauses=(*query.clauses, *inside(name))))
    page = await session.search_across(queries, cursor=_cursor(exchange))
    used = tuple((_TYPE, value) for value in _all(exchange, _TYPE))
    ignored = tuple(dict.fromkeys(name for query in queries for name in query.ignored))
    first = replace(queries[0], pairs=(*used, *queries[0].pairs), ignored=ignored)
    return _answer(exchange, first, page, address)


async def find(
    session: Session, exchange: Exchange, resource_type: str, *, address: str, inside: tuple[Clause, ...] = ()
) -> Answer:
    """A searchset Bundle; parameters that are not understood are an error unless handling is lenient.

    `inside` are further conditions (a compartment); `address` is what the page's links name below the base.
    """
    exchange = with_form(exchange)
    lenient = "handling=lenient" in exchange.prefer
    query = parse(resource_type, _asked(exchange), lenient=lenient, base_url=exchange.base)
    query = replace(query, clauses=(*query.clauses, *inside))
    page = await session.search_stored(query, cursor=_cursor(exchange))
    return _answer(exchange, query, page, address)


def _answer(exchange: Exchange, query: Query, page: Page, address: str) -> Answer:
    body = _bundle(exchange, query, page, address)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


def with_form(exchange: Exchange) -> Exchange:
    """The parameters of a form count like those of the address."""
    form = _form(exchange)
    return replace(exchange, pairs=(*exchange.pairs, *form)) if form else exchange


def _asked(exchange: Exchange) -> list[tuple[str, str]]:
    return [(name, value) for name, value in exchange.pairs if name not in _OUTPUT_ONLY]


def _all(exchange: Exchange, wanted: str) -> list[str]:
    return [value for name, value in exchange.pairs if name == wanted]


def _cursor(exchange: Exchange) -> str | None:
    return next(iter(_all(exchange, _CURSOR)), None)


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


def _bundle(exchange: Exchange, query: Query, page: Page, address: str) -> bytes:
    base, is_shaped = exchange.base, answer.is_shaped(exchange)
    entries = [
        answer.search_entry(
            base, item, answer.shaped(exchange, item.body) if is_shaped else item.body, "match"
        )
        for item in page.matches
    ]
    entries += [answer.search_entry(base, item, item.body, "include") for item in page.included]
    if query.ignored:
        issues = [
            Issue("not-supported", f"The parameter {name!r} was ignored.", severity="warning")
            for name in query.ignored
        ]
        entries.append(b'{"resource":' + answer.outcome(issues) + b',"search":{"mode":"outcome"}}')
    asked = [*query.pairs, *_format_asked(exchange)]
    links = [("self", _url(exchange, address, asked, None))]
    if page.next:
        links.append(("next", _url(exchange, address, asked, page.next)))
    return answer.bundle("searchset", entries, total=page.total, links=links)


def _format_asked(exchange: Exchange) -> list[tuple[str, str]]:
    """A page asked for in XML by `_format` is followed by pages in XML."""
    wanted = exchange.parameter("_format")
    return [("_format", wanted)] if wanted is not None and formats.is_xml_word(wanted) else []


def _url(exchange: Exchange, path: str, asked: list[tuple[str, str]], cursor: str | None) -> str:
    pairs = [*asked, *([(_CURSOR, cursor)] if cursor else [])]
    address = f"{exchange.base}/{path}" if path else exchange.base
    return f"{address}?{urlencode(pairs)}" if pairs else address
