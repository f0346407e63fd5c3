"""GET AuditEvent for those who may read the audit trail: it is no resource that anybody stored or could change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from carespine.fhir import codec
from carespine.kernel.errors import Invalid, NotAllowed
from carespine.security import trail
from carespine.spine.fhir_api.answer import Answer

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

_PAGE = "_before"


def is_asked(exchange: Exchange) -> bool:
    """Whether the request is for the trail, by somebody whose AuditEvents it is."""
    return exchange.parts[:1] == (trail.TYPE,) and trail.reads_the_trail(exchange.actor)


async def answer(session: Session, exchange: Exchange) -> Answer:
    """A search, or the reading of one event; everything else is not allowed: nobody edits the trail."""
    if exchange.method not in ("GET", "HEAD") or len(exchange.parts) > 2:
        raise NotAllowed("The audit trail is read and searched; nobody changes it.")
    if len(exchange.parts) == 2:
        return Answer(200, codec.encode(await trail.read(session, exchange.parts[1], server=exchange.base)))
    pairs = [
        (name, value) for name, value in exchange.pairs if name not in (_PAGE, "_format", "_pretty", "_sort")
    ]
    page = await trail.search(session, pairs, before=_before(exchange), server=exchange.base)
    base = f"{exchange.base}/{trail.TYPE}"
    links = [{"relation": "self", "url": f"{base}?{urlencode(pairs)}" if pairs else base}]
    if page.next is not None:
        links.append({"relation": "next", "url": f"{base}?{urlencode([*pairs, (_PAGE, str(page.next))])}"})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    entries = [
        {"fullUrl": f"{base}/{each['id']}", "resource": each, "search": {"mode": "match"}}
        for each in page.events
    ]
    return Answer(200, codec.encode({**bundle, "entry": entries} if entries else bundle))


def _before(exchange: Exchange) -> int | None:
    text = exchange.parameter(_PAGE)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid("This page is not one that the server linked to.")
    return int(text)
