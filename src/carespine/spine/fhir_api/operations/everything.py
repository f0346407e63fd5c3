"""$everything of a patient or an encounter: its record, and what the record refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from carespine.fhir import definitions
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs
from carespine.storage.instants import instant
from carespine.storage.record import Wanted
from carespine.storage.search.pages import MOST_COUNT

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

_CURSOR = "_cursor"
_KNOWN = frozenset({"start", "end", "_since", "_type", "_count", _CURSOR})
Pairs = list[tuple[str, str]]


async def everything(session: Session, exchange: Exchange) -> Answer:
    """GET or POST Patient/id/$everything or Encounter/id/$everything, with start, end, _since, _type, _count.

    A page holds `_count` resources of the record (1,000 where nothing is asked), the patient or encounter first;
    what they refer to outside it comes besides, with the search mode `include`.
    """
    pairs = inputs.given(exchange)
    inputs.demand_known(pairs, _KNOWN - ({"start", "end"} if exchange.parts[0] == "Encounter" else set()))
    wanted = _wanted(pairs)
    owner = await session.read_stored(exchange.parts[0], exchange.parts[1])
    part = await session.record_stored(owner, wanted, asked=_url("/".join(exchange.parts), pairs))
    entries = [answer.search_entry(exchange.base, item, item.body, "match") for item in part.items]
    entries += [answer.search_entry(exchange.base, item, item.body, "include") for item in part.supporting]
    address = f"{exchange.base}/{'/'.join(exchange.parts)}"
    links = [("self", _url(address, pairs))]
    if part.next is not None:
        others = [(name, value) for name, value in pairs if name != _CURSOR]
        links.append(("next", _url(address, [*others, (_CURSOR, str(part.next))])))
    total = len(part.items) if wanted.after is None and part.next is None else None
    body = answer.bundle("searchset", entries, total=total, links=links)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


def _wanted(pairs: Pairs) -> Wanted:
    start, end = inputs.interval(pairs, "start"), inputs.interval(pairs, "end")
    since = inputs.interval(pairs, "_since")
    return Wanted(
        count=inputs.number(pairs, "_count", MOST_COUNT, MOST_COUNT),
        types=_types(pairs),
        since=instant(since[0]) if since else None,
        start=start[0] if start else None,
        end=end[1] if end else None,
        after=_after(pairs),
    )


def _types(pairs: Pairs) -> frozenset[str] | None:
    """`_type`, once or several times, each with one type or several."""
    given = [value for name, value in pairs if name == "_type"]
    if not given:
        return None
    names = frozenset(name.strip() for value in given for name in value.split(","))
    if unknown := sorted(names - set(definitions.resource_types())):
        raise Invalid(f"_type names {unknown[0][:60]!r}, which is not a resource type of R4.")
    return names


def _after(pairs: Pairs) -> int | None:
    text = inputs.once(pairs, _CURSOR)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 2**63:
        raise Invalid("The page's cursor is not one of ours; begin again from the first page.")
    return int(text)


def _url(address: str, pairs: Pairs) -> str:
    return f"{address}?{urlencode(pairs)}" if pairs else address
