"""$meta, $meta-add, $meta-delete: the profiles, tags and security labels of resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, json_text
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

Labels = dict[str, list[Any]]
_KINDS = ("profile", "security", "tag")


async def show(session: Session, exchange: Exchange) -> Answer:
    """$meta of a version, a resource, a type or the system: of the latter two what is in use there."""
    inputs.demand_known(inputs.given(exchange), frozenset())
    *target, _ = exchange.parts
    if len(target) < 2:
        in_use = await session.labels(target[0] if target else None)
        return _meta(exchange, _with({}, {kind: _merged([], in_use[kind]) for kind in _KINDS}))
    if len(target) == 2:
        item = await session.read_stored(*target)
    else:
        item = await session.vread_stored(target[0], target[1], _version(target[3]))
    return _meta(exchange, json_text.read(item.body)["meta"])


async def add(session: Session, exchange: Exchange) -> Answer:
    """POST Type/id/$meta-add: labels that are there already stay as they are."""
    return await _change(session, exchange, _merged)


async def delete(session: Session, exchange: Exchange) -> Answer:
    """POST Type/id/$meta-delete: what is not there is no error."""
    return await _change(session, exchange, _without)


async def _change(
    session: Session, exchange: Exchange, change: Callable[[list[Any], list[Any]], list[Any]]
) -> Answer:
    """A new version with other labels; none where nothing changes. If-Match is honoured where it is sent."""
    given = _given(exchange)
    resource_type, resource_id, _ = exchange.parts
    current = await session.take(resource_type, resource_id, if_match=exchange.if_match())
    tree = json_text.read(current.body)
    before = {kind: tree["meta"].get(kind, []) for kind in _KINDS}
    after = {kind: change(before[kind], given[kind]) for kind in _KINDS}
    if after != before:
        tree["meta"] = _with(tree["meta"], after)
        tree = await session.update(tree, if_match=current.version)
    return _meta(exchange, tree["meta"])


def _given(exchange: Exchange) -> Labels:
    """The labels of the parameter `meta`; what else a Meta holds is the server's own and has no meaning here."""
    found = [item.get("valueMeta") for item in inputs.parameters(exchange) if item["name"] == "meta"]
    others = [item["name"] for item in inputs.parameters(exchange) if item["name"] != "meta"]
    if len(found) != 1 or found[0] is None or others:
        raise Invalid("This operation takes one parameter, 'meta', with a valueMeta.")
    return {kind: found[0].get(kind, []) for kind in _KINDS}


def _merged(labels: list[Any], more: list[Any]) -> list[Any]:
    known = {_identity(label) for label in labels}
    new = {_identity(label): label for label in more if _identity(label) not in known}
    return [*labels, *new.values()]


def _without(labels: list[Any], gone: list[Any]) -> list[Any]:
    identities = {_identity(label) for label in gone}
    return [label for label in labels if _identity(label) not in identities]


def _identity(label: Any) -> Any:
    """What makes two labels the same: the URL of a profile; system and code of a tag or security label."""
    if isinstance(label, str):
        return label
    return label.get("system"), label.get("code"), None if "code" in label else label.get("display")


def _with(meta: dict[str, Any], labels: Labels) -> dict[str, Any]:
    return {**{k: v for k, v in meta.items() if k not in _KINDS}, **{k: v for k, v in labels.items() if v}}


def _version(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(f"A version is a number; {text[:40]!r} is not.")
    return int(text)


def _meta(exchange: Exchange, meta: dict[str, Any]) -> Answer:
    """The output `return`; without a value where there is no label at all."""
    parameter = {"name": "return", **({"valueMeta": meta} if meta else {})}
    body = codec.encode({"resourceType": "Parameters", "parameter": [parameter]})
    return Answer(200, answer.pretty(body) if exchange.pretty else body)
