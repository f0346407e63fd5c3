"""XML at the edge: requests in XML become JSON before anything else sees them, answers become XML last of all.

Source: FHIR R4, http.html (3.1.0.1.11, content types and encodings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from carespine.fhir import codec, definitions, json_text, xml
from carespine.kernel.errors import Invalid, Issue, UnsupportedMedia
from carespine.spine.fhir_api import answer, capability
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.exchange import XML_WORDS, NotAcceptable, weights

if TYPE_CHECKING:
    from carespine.spine.fhir_api.exchange import Exchange

XML_CONTENT_TYPE = "application/fhir+xml; charset=utf-8"
_UTF8 = frozenset({"", "utf-8", "utf8", '"utf-8"'})


def wants_xml(pairs: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> bool:
    """Whether the answer is to be XML: `_format` decides, else what Accept prefers; JSON where both are equal."""
    wanted = next((value for name, value in pairs if name == "_format"), None)
    if wanted is not None:
        return is_xml_word(wanted)
    json_weight, xml_weight = weights(headers.get("accept", ""))
    return xml_weight > json_weight


def is_xml_word(wanted: str) -> bool:
    """Whether a value of `_format` names XML; a `+` that came as a space is understood."""
    word = wanted.partition(";")[0].strip().replace(" ", "+").lower()
    return word in XML_WORDS


def in_json(exchange: Exchange) -> Exchange:
    """The exchange with its body in JSON, where it came in XML. Raises as `xml.decode` does."""
    media, _, parameters = exchange.headers.get("content-type", "").partition(";")
    if media.strip().lower() not in XML_WORDS or not exchange.body:
        return exchange
    charset = parameters.lower().partition("charset=")[2].split(";")[0].strip()
    if charset not in _UTF8:
        raise UnsupportedMedia(f"FHIR XML is UTF-8; the charset {charset[:40]!r} is not read here.")
    headers = {**exchange.headers, "content-type": "application/fhir+json"}
    return replace(exchange, headers=headers, body=codec.encode(xml.decode(exchange.body)))


def in_xml(given: Answer, method: str) -> Answer:
    """The answer in XML. What has no XML (a narrative that is not XHTML) is refused when it was asked for; after a
    write that succeeded the answer says instead that the resource cannot be shown."""
    if not given.body:
        return given
    try:
        body = xml.encode(json_text.read(given.body))
    except Invalid as error:
        if method in ("GET", "HEAD") or given.status >= 400:
            return in_xml(answer.refusal(_not_acceptable(error)), method)
        what = f"Done; but the resource cannot be shown as XML: {error.message}"
        body = xml.encode(json_text.read(answer.outcome([Issue("not-supported", what, severity="warning")])))
    return Answer(given.status, body, {**given.headers, "Content-Type": XML_CONTENT_TYPE})


@lru_cache(maxsize=8)
def statement(base: str, token_url: str | None, cors: bool, mode: str) -> bytes:
    """The CapabilityStatement in XML; anyone may ask for it, so it is written once."""
    return xml.encode(capability.statement(base, token_url, cors, mode))


definitions.forget_on_change(statement.cache_clear)


def _not_acceptable(error: Invalid) -> NotAcceptable:
    place = error.issues[0].expression
    return NotAcceptable(f"{error.message} Ask for application/fhir+json.", expression=place)
