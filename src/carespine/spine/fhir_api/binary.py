"""Binary at the edge: its content as it is, for those who send or ask for a format that is not FHIR's.

Source: FHIR R4, binary.html ("Serving Binary Resources using the RESTful API"). Who asks for anything (`*/*`), or for
nothing in particular, is given the resource: that is what programs expect of a FHIR server.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, json_text
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.exchange import JSON_WORDS, XML_WORDS

if TYPE_CHECKING:
    from carespine.spine.fhir_api.exchange import Exchange

TYPE = "Binary"
_FORM = "application/x-www-form-urlencoded"
_FHIRS = JSON_WORDS | XML_WORDS
_ANYTHING = ("*/*", "application/*")
_UNKNOWN = "application/octet-stream"
_MOST_CHARACTERS = 256  # ours: of a content type or a reference that goes into a header
_HAS_ONLY_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch
# These change how a resource is shown; content is given as it is.
_SHAPES = ("_elements", "_summary", "_pretty")
# A page or a picture that somebody stored must do nothing in the browser of whoever opens it.
_HARMLESS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
}


def _is_plain(text: str) -> bool:
    return len(text) <= _MOST_CHARACTERS and _HAS_ONLY_PLAIN(text) is not None


def is_read(exchange: Exchange) -> bool:
    """Whether this is a reading of one Binary, the answer to which depends on the Accept header."""
    if exchange.method not in ("GET", "HEAD") or exchange.parts[:1] != (TYPE,):
        return False
    return len(exchange.parts) == 2 or (len(exchange.parts) == 4 and exchange.parts[2] == "_history")


def is_asked_for_content(exchange: Exchange) -> bool:
    """Whether a reading of one Binary asks for its content, by an Accept header that names other formats only."""
    if not is_read(exchange) or exchange.parameter("_format") is not None:
        return False
    wanted = [
        part.partition(";")[0].strip().lower() for part in exchange.headers.get("accept", "").split(",")
    ]
    return any(wanted) and not any(media in _FHIRS or media in _ANYTHING for media in wanted)


def unshaped(exchange: Exchange) -> Exchange:
    """The exchange without what asks for a part of the resource or for another layout of it."""
    return replace(exchange, pairs=tuple(pair for pair in exchange.pairs if pair[0] not in _SHAPES))


def as_resource(exchange: Exchange) -> Exchange:
    """The exchange with a Binary in its body, where content of another format was sent to be one.

    Raises Invalid where the format's name could not be given back in a header.
    """
    if exchange.parts[:1] != (TYPE,) or (exchange.method, len(exchange.parts)) not in (
        ("POST", 1),
        ("PUT", 2),
    ):
        return exchange
    sent = exchange.headers.get("content-type", "").strip()
    media = sent.partition(";")[0].strip().lower()
    if not media or media in _FHIRS or media == _FORM:
        return exchange
    if not _is_plain(sent):
        raise Invalid(f"A Content-Type is plain text of {_MOST_CHARACTERS} characters at most.")
    tree: dict[str, Any] = {"resourceType": TYPE, "contentType": " ".join(sent.split())}
    if exchange.method == "PUT":
        tree["id"] = exchange.parts[1]
    if context := exchange.headers.get("x-security-context"):
        tree["securityContext"] = {"reference": context}
    if exchange.body:
        tree["data"] = base64.b64encode(exchange.body).decode()
    headers = {**exchange.headers, "content-type": "application/fhir+json"}
    return replace(exchange, headers=headers, body=codec.encode(tree))


def as_content(given: Answer) -> Answer:
    """The content of the Binary that was read, in the format that it says it has."""
    if given.status != 200 or not given.body:
        return given
    tree = json_text.read(given.body)
    media = tree.get("contentType", _UNKNOWN)
    headers = {**given.headers, **_HARMLESS, "Content-Type": media if _is_plain(media) else _UNKNOWN}
    context = tree.get("securityContext", {}).get("reference", "")
    if _is_plain(context):
        headers["X-Security-Context"] = context
    return Answer(200, base64.b64decode(tree.get("data", "")), headers)
