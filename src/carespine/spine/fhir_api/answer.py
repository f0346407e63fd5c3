"""What goes back: resources, bundles and outcomes as JSON bytes with their headers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.fhir import codec, json_text
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import CarespineError, Issue
from carespine.kernel.ids import is_new_id, new_id
from carespine.spine.fhir_api.subset import subset

if TYPE_CHECKING:
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored

CONTENT_TYPE = "application/fhir+json; charset=utf-8"
_text = msgspec.json.Encoder().encode
_MODES = {mode: f',"search":{{"mode":"{mode}"}}}}'.encode() for mode in ("match", "include")}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body (None: none at all) and headers; `stream` is a body that comes a piece at a time."""

    status: int
    body: bytes | None
    headers: dict[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


def version_headers(item: Stored) -> dict[str, str]:
    return {"ETag": item.etag, "Last-Modified": _http_date(int(item.updated.timestamp()))}


@lru_cache(maxsize=4096)
def _http_date(seconds: int) -> str:
    """As HTTP writes instants; what was stored together was stored in the same second."""
    return formatdate(seconds, usegmt=True)


def resource(exchange: Exchange, item: Stored, *, status: int = 200) -> Answer:
    """A stored resource as it stands, or as `_elements` and `_pretty` ask."""
    return Answer(status, shaped(exchange, item.body), version_headers(item))


def written(exchange: Exchange, item: Stored, *, created: bool) -> Answer:
    """The answer to a create or an update, as the Prefer header asks."""
    headers = version_headers(item)
    headers["Location"] = f"{exchange.base}/{item.type}/{item.id}/_history/{item.version}"
    status = 201 if created else 200
    if "return=minimal" in exchange.prefer:
        return Answer(status, b"", headers)
    if "return=OperationOutcome" in exchange.prefer:
        return Answer(status, stored_outcome(item), headers)
    return Answer(status, shaped(exchange, item.body), headers)


def stored_outcome(item: Stored) -> bytes:
    """What `Prefer: return=OperationOutcome` asks for after a write."""
    what = f"{item.type}/{item.id} is stored as version {item.version}."
    return outcome([Issue("informational", what, severity="information")])


def is_shaped(exchange: Exchange) -> bool:
    """Whether `_elements`, `_summary` or `_pretty` ask for another body than the one that is stored."""
    if not exchange.pairs:
        return False
    has_summary = exchange.parameter("_summary") not in (None, "false", "count")
    return has_summary or bool(exchange.parameter("_elements")) or exchange.pretty


def shaped(exchange: Exchange, body: bytes) -> bytes:
    """The body with the changes that `_elements`, `_summary` and `_pretty` ask for."""
    if not is_shaped(exchange):
        return body
    elements, summary = exchange.parameter("_elements"), exchange.parameter("_summary")
    tree = subset(json_text.read(body), elements=elements, summary=summary)
    return pretty(codec.encode(tree)) if exchange.pretty else codec.encode(tree)


def pretty(body: bytes) -> bytes:
    return msgspec.json.format(body, indent=2)


def outcome(issues: Sequence[Issue]) -> bytes:
    """An OperationOutcome."""
    tree: dict[str, Any] = {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}
    return _text(tree)


def refusal(error: CarespineError) -> Answer:
    """The answer to an error of the platform: its status, its issues, its headers."""
    return Answer(error.status, outcome(error.issues), dict(error.headers))


def _issue(issue: Issue) -> dict[str, Any]:
    tree: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics}
    if issue.expression:
        tree["expression"] = [issue.expression]
    if issue.rule:
        # Who reads a finding by program finds the rule it broke as a code, and the place where R4 once had it.
        tree["details"] = {"coding": [{"code": issue.rule}]}
        tree["location"] = tree.get("expression", [issue.rule])
    return tree


def bundle(
    kind: str, entries: Iterable[bytes], *, total: int | None = None, links: Iterable[tuple[str, str]] = ()
) -> bytes:
    """A Bundle of entries that are JSON already; stored bodies go in without being read."""
    head: dict[str, Any] = {"resourceType": "Bundle", "id": new_id(), "type": kind}
    if total is not None:
        head["total"] = total
    if link := [{"relation": relation, "url": url} for relation, url in links]:
        head["link"] = link
    text = _text(head)
    inner = b",".join(entries)
    return text[:-1] + b',"entry":[' + inner + b"]}" if inner else text


def search_entry(base: str, item: Stored, body: bytes, mode: str) -> bytes:
    """An entry of a searchset; nothing in a type or an id has to be escaped."""
    url = f'{{"fullUrl":"{base}/{item.type}/{item.id}","resource":'.encode()
    return b"".join((url, body, _MODES[mode]))


def history_entry(exchange: Exchange, item: Stored) -> bytes:
    """One version, with the request that made it: a first version under an id of the server's kind was a POST."""
    posted = item.version == 1 and is_new_id(item.id)
    method = "DELETE" if item.deleted else "POST" if posted else "PUT"
    status = "204" if item.deleted else "201" if item.version == 1 else "200"
    about = {
        "request": {"method": method, "url": item.type if posted else f"{item.type}/{item.id}"},
        "response": {"status": status, "etag": item.etag, "lastModified": fhir_instant(item.updated)},
    }
    head = b'{"fullUrl":' + _text(f"{exchange.base}/{item.type}/{item.id}")
    inner = b"" if item.deleted else b',"resource":' + shaped(exchange, item.body)
    return head + inner + b"," + _text(about)[1:]
