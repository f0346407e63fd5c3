"""Batch and transaction: a Bundle of requests, each for itself or all as one (R4 http 3.1.0.11)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from carespine.fhir import codec, definitions, json_text
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import (
    CarespineError,
    Invalid,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    TooCostly,
    Unprocessable,
)
from carespine.kernel.ids import is_fhir_id, new_id
from carespine.security.writing import ANY_VERSION
from carespine.spine.fhir_api import answer, links, own_references
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.interactions import matching
from carespine.spine.fhir_api.operations import routes
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.spine.fhir_api.patching import bundled

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored

Perform = Callable[["Exchange"], Awaitable[Answer]]
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
# Ours: once the answer to a batch is so large, its further reads are refused.
_LARGEST_ANSWER = 64 * 1024 * 1024
_UNKNOWN = -1  # a number of keys that no text has: it is read for repeated ones
_text = msgspec.json.Encoder().encode


@dataclass(slots=True, eq=False)
class _Entry:
    """One request of the bundle, on its way: `identity` is the resource it turns out to mean.

    `twin` is an earlier entry that creates under the same condition: both mean one resource.
    """

    position: int
    method: str
    path: tuple[str, ...]
    criteria: str | None
    tree: dict[str, Any] | None
    full_url: str | None
    request: dict[str, Any]
    identity: tuple[str, str] | None = None
    found: Stored | None = None
    twin: _Entry | None = None

    @property
    def leaves_as_it_is(self) -> bool:
        """Whether its condition found what it would have created."""
        return self.method == "POST" and (self.found is not None or self.twin is not None)

    @property
    def is_operation(self) -> bool:
        return routes.is_operation(self.path)

    @property
    def where(self) -> str:
        return f"Bundle.entry[{self.position}]"


async def transaction(
    session: Session, exchange: Exchange, bundle: dict[str, Any], perform: Perform
) -> Answer:
    """All entries or none: deletes, creates, updates, patches, then reads; references follow the ids that are given."""
    entries = [_entry(exchange, position, entry) for position, entry in enumerate(bundle.get("entry", ()))]
    _demand_full_urls_differ(entries)
    # Conditions, then resources, each in one order: whoever else holds one of them is waited for, and no two
    # transactions wait for each other.
    await session.serialise(*_conditions(entries))
    for entry in entries:
        await _identify(session, entry, entries)
    _demand_distinct(entries)
    if any(entry.method in ("DELETE", "PATCH") for entry in entries):
        await session.hold(entry.identity for entry in entries if entry.identity)
    known = {e.full_url: "/".join(e.identity) for e in entries if e.full_url and e.identity}
    later = _may_ask_for_each_other(entries)
    is_own = bool(exchange.base) and exchange.base.encode() in exchange.body
    for entry in entries:
        if entry.tree is not None:
            links.follow(entry.tree, known, entry.full_url)
            if is_own:
                own_references.make_relative(entry.tree, exchange.base)
            if entry not in later and (missing := await _resolve(session, entry.tree)):
                raise _matches_nothing(entry, missing)
    answers: dict[int, bytes] = {}
    for entry in entries:
        if entry.method == "DELETE":
            answers[entry.position] = await _delete(session, entry)
    writing = [e for e in entries if e.method in ("POST", "PUT") and not e.is_operation]
    answers |= await _write(session, exchange, [entry for entry in writing if entry not in later])
    answers |= await _write_later(session, exchange, [entry for entry in writing if entry in later])
    await _demand_one_match(session, writing)
    for entry in sorted(entries, key=lambda entry: _ORDER[entry.method]):
        if entry.position not in answers:
            answers[entry.position] = _wrapped(await perform(_sub_exchange(exchange, entry)))
    ordered = [answers[entry.position] for entry in entries]
    return Answer(200, answer.bundle("transaction-response", ordered))


async def batch(exchange: Exchange, bundle: dict[str, Any], perform: Perform) -> Answer:
    """Each entry for itself: one that fails says so in its place and the others go on."""
    answers: list[bytes] = []
    size = 0
    for position, raw in enumerate(bundle.get("entry", ())):
        try:
            if "resource" in raw:
                codec.require_resource(raw["resource"], None)
            entry = _entry(exchange, position, raw)
            if entry.method == "PATCH" and entry.tree is not None:
                codec.check(entry.tree)  # others are when they are performed
            if size > _LARGEST_ANSWER and entry.method in ("GET", "HEAD"):
                raise TooCostly("The answer to this batch is too large: ask for the rest in another.")
            answers.append(_wrapped(await perform(_sub_exchange(exchange, entry))))
        except CarespineError as error:
            answers.append(_wrapped(answer.refusal(error)))
        size += len(answers[-1])
    return Answer(200, answer.bundle("batch-response", answers))


def read(body: bytes) -> dict[str, Any]:
    """The Bundle in a body. A resource within a batch that breaks R4 is that entry's fault, and looked at in its turn.

    Raises Invalid or Unprocessable.
    """
    try:
        return codec.decode(body, "Bundle")
    except Unprocessable:
        tree: dict[str, Any] = json_text.read(body)
        entries = tree.get("entry")
        if tree.get("type") != "batch" or not isinstance(entries, list):
            raise
        if duplicates := json_text.duplicate_keys(body, _UNKNOWN):
            raise Invalid(
                f"The JSON text repeats a key within one object: {', '.join(duplicates)}."
            ) from None
        codec.check({**tree, "entry": [_without_resource(entry) for entry in entries]})
        return tree


def _without_resource(entry: Any) -> Any:
    """An entry of which the rest is to be checked."""
    if not isinstance(entry, dict):
        return entry
    return {name: value for name, value in entry.items() if name != "resource"}


def _entry(exchange: Exchange, position: int, entry: dict[str, Any]) -> _Entry:
    where = f"Bundle.entry[{position}]"
    request = entry.get("request")
    if not request:
        raise Invalid("Each entry of a batch or transaction needs a request.", expression=f"{where}.request")
    method, url = request["method"], request["url"]
    if method not in _ORDER:
        raise NotAllowed(
            f"The method {method} is not supported in a bundle.", expression=f"{where}.request.method"
        )
    path, _, criteria = url.removeprefix(f"{exchange.base}/").lstrip("/").partition("?")
    parts = tuple(unquote(part) for part in path.split("/") if part)
    tree = entry.get("resource")
    if routes.is_operation(parts):
        return _Entry(position, method, parts, criteria or None, tree, entry.get("fullUrl"), request)
    if method in ("POST", "PUT", "PATCH") and tree is None:
        raise Invalid(f"A {method} needs a resource.", expression=f"{where}.resource")
    kind = tree["resourceType"] if tree else None
    if method in ("POST", "PUT") and (not parts or kind != parts[0]):
        raise Invalid(
            f"The URL {url[:80]!r} is not for the {kind} of this entry.",
            expression=f"{where}.request.url",
        )
    if method != "GET" and parts and parts[0] not in definitions.resource_types():
        raise Invalid(f"{parts[0][:40]!r} is not a resource type of R4.", expression=f"{where}.request.url")
    return _Entry(position, method, parts, criteria or None, tree, entry.get("fullUrl"), request)


def _conditions(entries: list[_Entry]) -> Iterator[tuple[str, str]]:
    """Every condition by which the entries will look for a resource, as `matching` is asked it."""
    for entry in entries:
        if entry.method == "POST" and "ifNoneExist" in entry.request and entry.path:
            yield entry.path[0], entry.request["ifNoneExist"]
        elif entry.method in ("PUT", "PATCH", "DELETE") and entry.criteria is not None and entry.path:
            yield entry.path[0], entry.criteria
        for _, key, value in links.texts(entry.tree or {}):
            if condition := _condition(key, value):
                yield condition


def _condition(key: Any, value: str) -> tuple[str, str] | None:
    """The type and criteria of a conditional reference."""
    kind, mark, criteria = value.partition("?")
    return (kind, criteria) if key == "reference" and mark and kind in definitions.resource_types() else None


async def _identify(session: Session, entry: _Entry, entries: list[_Entry]) -> None:
    """Decide which resource the entry means: a new one, the one its URL names, or the one its condition finds."""
    if entry.is_operation:
        return
    if entry.method == "POST":
        await _identify_create(session, entry, entries)
    elif entry.method in ("PUT", "PATCH", "DELETE"):
        await _identify_existing(session, entry)
    if entry.tree is not None and entry.identity and entry.method != "PATCH":
        entry.tree["id"] = entry.identity[1]


async def _identify_create(session: Session, entry: _Entry, entries: list[_Entry]) -> None:
    if len(entry.path) != 1:
        raise NotAllowed(
            "In a transaction POST creates: its URL is a type.", expression=f"{entry.where}.request.url"
        )
    condition = entry.request.get("ifNoneExist")
    if condition is not None:
        entry.found = await matching(session, entry.path[0], condition)
        if entry.found is None:
            entry.twin = next((other for other in entries if _are_twins(other, entry)), None)
    if entry.twin is not None:
        entry.identity = entry.twin.identity
    else:
        entry.identity = (entry.path[0], entry.found.id if entry.found else new_id())


def _are_twins(earlier: _Entry, later: _Entry) -> bool:
    return (
        earlier.position < later.position
        and earlier.method == "POST"
        and earlier.path == later.path
        and earlier.request.get("ifNoneExist") == later.request["ifNoneExist"]
    )


async def _identify_existing(session: Session, entry: _Entry) -> None:
    if entry.criteria is not None and len(entry.path) == 1:
        entry.found = await matching(session, entry.path[0], entry.criteria)
        if entry.method == "PATCH" and entry.found is None:
            raise NotFound(f"{entry.where}: the condition matches no {entry.path[0]}.")
        given = (entry.tree or {}).get("id")
        entry.identity = (entry.path[0], entry.found.id if entry.found else given or new_id())
        return
    if len(entry.path) != 2 or not is_fhir_id(entry.path[1]):
        raise Invalid(
            f"A {entry.method} names Type/id or a condition.", expression=f"{entry.where}.request.url"
        )
    entry.identity = (entry.path[0], entry.path[1])
    given = (entry.tree or {}).get("id")
    if given not in (None, entry.path[1]) and entry.method != "PATCH":
        raise Invalid(
            f"The URL's id {entry.path[1]!r} and the resource's id {given!r} differ.",
            expression=f"{entry.where}.resource.id",
        )


def _demand_distinct(entries: list[_Entry]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.identity is None:
            continue
        if entry.identity in seen and not entry.leaves_as_it_is:
            raise Invalid(
                f"Entries {seen[entry.identity]} and {entry.position} both change {'/'.join(entry.identity)}.",
                expression=f"{entry.where}.request.url",
            )
        seen[entry.identity] = entry.position


def _demand_full_urls_differ(entries: list[_Entry]) -> None:
    """Raise Invalid where a link to a full URL could mean two entries (R4 bdl-7)."""
    seen: set[str] = set()
    for entry in entries:
        if entry.full_url is None or entry.tree is None:
            continue
        if entry.full_url in seen:
            raise Invalid("An earlier entry has the same fullUrl.", expression=f"{entry.where}.fullUrl")
        seen.add(entry.full_url)


def _asked_types(tree: dict[str, Any]) -> set[str]:
    found = (_condition(key, value) for _, key, value in links.texts(tree))
    return {condition[0] for condition in found if condition}


def _may_ask_for_each_other(entries: list[_Entry]) -> list[_Entry]:
    """Those with a conditional reference to a type that the transaction writes: it is looked for after what they may
    ask for was written (R4 http 3.1.0.11.2, step 5).
    """
    written = {entry.path[0] for entry in entries if entry.method in ("POST", "PUT") and entry.path}
    return [
        entry
        for entry in entries
        if entry.method in ("POST", "PUT") and entry.tree is not None and _asked_types(entry.tree) & written
    ]


async def _resolve(session: Session, tree: dict[str, Any]) -> str | None:
    """Replace conditional references by what they find; the type of the first that finds nothing, if one does."""
    for parent, key, value in links.texts(tree):
        if condition := _condition(key, value):
            found = await matching(session, *condition)
            if found is None:
                return condition[0]
            parent[key] = f"{condition[0]}/{found.id}"
    return None


def _matches_nothing(entry: _Entry, kind: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"The conditional reference to a {kind} matches nothing.", expression=f"{entry.where}.resource"
    )


async def _write_later(session: Session, exchange: Exchange, entries: list[_Entry]) -> dict[int, bytes]:
    """Write those whose conditional references find something, until all are written; the rest ask in vain."""
    answers: dict[int, bytes] = {}
    while entries:
        missing = {entry: await _resolve(session, entry.tree or {}) for entry in entries}
        ready = [entry for entry in entries if missing[entry] is None]
        if not ready:
            raise _matches_nothing(entries[0], missing[entries[0]] or "resource")
        answers |= await _write(session, exchange, ready)
        entries = [entry for entry in entries if missing[entry] is not None]
    return answers


async def _demand_one_match(session: Session, entries: list[_Entry]) -> None:
    """Raise PreconditionFailed where a conditional update now matches what another entry wrote as well: the two mean
    the same resource (R4 http 3.1.0.11.2: identities must not overlap).
    """
    written = Counter(entry.path[0] for entry in entries if entry.path)
    for entry in entries:
        if entry.method == "PUT" and entry.criteria is not None and written[entry.path[0]] > 1:
            await matching(session, entry.path[0], entry.criteria)


async def _delete(session: Session, entry: _Entry) -> bytes:
    if entry.criteria is not None and entry.found is None:
        session.nothing_to_delete(entry.path[0])
        return _response("204 No Content")
    kind, resource_id = entry.identity or ("", "")
    gone = await session.delete(kind, resource_id, if_match=_if_match(entry))
    return _response("204 No Content", etag=gone.etag if gone else None)


async def _write(session: Session, exchange: Exchange, entries: list[_Entry]) -> dict[int, bytes]:
    """Creates and updates in one go; what If-None-Exist found is left as it is."""
    wanted = [entry for entry in entries if not entry.leaves_as_it_is]
    versions = {e.identity: _if_match(e) for e in wanted if e.identity}
    matches = {identity: version for identity, version in versions.items() if version is not None}
    trees = [entry.tree for entry in wanted if entry.tree is not None]
    by_app = exchange.actor.kind == "app"
    stored = await session.upsert_many(
        trees, checked=True, rewrite_same=True, if_match=matches, demand_match=by_app
    )
    made = {entry.position: item for entry, item in zip(wanted, stored, strict=True)}
    return {entry.position: _done(exchange, entry, made) for entry in entries}


def _done(exchange: Exchange, entry: _Entry, made: dict[int, Stored | None]) -> bytes:
    """The answer to a create or an update."""
    if entry.leaves_as_it_is:
        return _written(exchange, made[entry.twin.position] if entry.twin else entry.found, "200 OK")
    item = made[entry.position]
    created = item is not None and (item.version == 1 or entry.method == "POST")
    return _written(exchange, item, "201 Created" if created else "200 OK")


def _written(exchange: Exchange, item: Stored | None, status: str) -> bytes:
    if item is None:
        return _response(status)
    location = f"{exchange.base}/{item.type}/{item.id}/_history/{item.version}"
    return _response(
        status,
        location=location,
        etag=item.etag,
        modified=fhir_instant(item.updated),
        body=item.body if "return=representation" in exchange.prefer else None,
        outcome=answer.stored_outcome(item) if "return=OperationOutcome" in exchange.prefer else None,
    )


def _if_match(entry: _Entry) -> int | None:
    text = entry.request.get("ifMatch")
    if text is None:
        return None
    if text == "*":
        return ANY_VERSION
    found = _ETAG.fullmatch(text)
    if not found:
        raise Invalid(
            'ifMatch must name one version, like W/"3", or be *.', expression=f"{entry.where}.request.ifMatch"
        )
    return int(found[1])


def _sub_exchange(exchange: Exchange, entry: _Entry) -> Exchange:
    pairs, parts = tuple(query_pairs(entry.criteria or "")), entry.path
    if entry.method == "PATCH" and entry.identity:
        pairs, parts = (), entry.identity  # the condition has been asked already
    names = {"ifMatch": "if-match", "ifNoneExist": "if-none-exist", "ifNoneMatch": "if-none-match"}
    headers = {header: entry.request[name] for name, header in names.items() if name in entry.request}
    if since := entry.request.get("ifModifiedSince"):
        headers["if-modified-since"] = _http_date(since)
    headers |= {"prefer": exchange.headers.get("prefer", ""), "accept": "*/*"}
    media, body = "application/fhir+json", codec.encode(entry.tree) if entry.tree is not None else b""
    if entry.method == "PATCH" and entry.tree is not None:
        media, body = bundled.body_of(entry.tree)
    headers |= {"content-type": media}
    return replace(exchange, method=entry.method, parts=parts, pairs=pairs, headers=headers, body=body)


def _http_date(instant: str) -> str:
    try:
        return format_datetime(datetime.fromisoformat(instant).astimezone(UTC), usegmt=True)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"ifModifiedSince is an instant, not {instant[:40]!r}.") from error


def _instant(http_date: str | None) -> str | None:
    return fhir_instant(parsedate_to_datetime(http_date)) if http_date else None


def _wrapped(inner: Answer) -> bytes:
    reasons = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified"}
    status = f"{inner.status} {reasons.get(inner.status, '')}".strip()
    failed = inner.status >= 400
    return _response(
        status,
        location=inner.headers.get("Location"),
        etag=inner.headers.get("ETag"),
        modified=_instant(inner.headers.get("Last-Modified")),
        body=None if failed else inner.body,
        outcome=inner.body if failed else None,
    )


def _response(
    status: str,
    *,
    location: str | None = None,
    etag: str | None = None,
    modified: str | None = None,
    body: bytes | None = None,
    outcome: bytes | None = None,
) -> bytes:
    about: dict[str, Any] = {"status": status}
    about |= {"location": location} if location else {}
    about |= {"etag": etag} if etag else {}
    about |= {"lastModified": modified} if modified else {}
    text = b'"response":' + (_text(about)[:-1] + b',"outcome":' + outcome + b"}" if outcome else _text(about))
    return b"{" + (b'"resource":' + body + b"," if body else b"") + text + b"}"
