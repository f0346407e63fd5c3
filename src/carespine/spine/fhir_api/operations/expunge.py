"""$expunge and $space: what an administrator does to the store. What $expunge removes is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import codec
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

_WHAT = ("expungeDeletedResources", "expungePreviousVersions", "expungeEverything")
_KNOWN = frozenset({*_WHAT, "limit", "confirm"})
_LIMIT, _MOST = 1_000, 10_000


async def expunge(session: Session, exchange: Exchange) -> Answer:
    """POST Type/id/$expunge, Type/$expunge, $expunge; `confirm` repeats what it is about: Type/id, Type, or system.

    One call removes `limit` resources or versions at most (1,000); it answers how many versions went, and whether to
    call again.
    """
    session.demand_administrator("expunge")
    pairs = inputs.given(exchange)
    inputs.demand_known(pairs, _KNOWN)
    target = "/".join(exchange.parts[:-1]) or "system"
    if inputs.once(pairs, "confirm") != target:
        raise Invalid(
            f"What is expunged is gone for good: send the parameter confirm with the value {target!r}."
        )
    wanted = {name for name in _WHAT if _is_true(pairs, name)}
    if not wanted:
        raise Invalid(f"Say what is to go: {', '.join(_WHAT)}.")
    limit = inputs.number(pairs, "limit", _LIMIT, _MOST)
    kind = exchange.parts[0] if len(exchange.parts) > 1 else None
    resource_id = exchange.parts[1] if len(exchange.parts) > 2 else None
    gone = []
    if "expungePreviousVersions" in wanted and "expungeEverything" not in wanted:
        gone += await session.expunge_superseded(kind, resource_id, limit=limit)
    if wanted & {"expungeDeletedResources", "expungeEverything"}:
        deleted_only = "expungeEverything" not in wanted
        gone += await session.expunge_whole(kind, resource_id, deleted_only=deleted_only, limit=limit)
    more = resource_id is None and (len(gone) >= limit or sum(each.versions for each in gone) >= limit)
    parameters: list[dict[str, Any]] = [
        {"name": "count", "valueInteger": sum(each.versions for each in gone)},
        {"name": "more", "valueBoolean": more},
    ]
    return _parameters(exchange, parameters)


async def space(session: Session, exchange: Exchange) -> Answer:
    """GET or POST $space: bytes by resource type, and of the tables as a whole."""
    inputs.demand_known(inputs.given(exchange), frozenset())
    found = await session.space()
    parameters: list[dict[str, Any]] = [{"name": "total", "valueDecimal": found.total}]
    for each in found.types:
        parts = [{"name": "type", "valueCode": each.type}]
        parts += [_number(name, getattr(each, name)) for name in ("current", "current_bytes", "versions")]
        parts += [_number(name, getattr(each, name)) for name in ("history_bytes", "index_bytes")]
        parameters.append({"name": "resource", "part": parts})
    for table in found.tables:
        name = {"name": "name", "valueString": table.name}
        parameters.append({"name": "table", "part": [name, _number("bytes", table.bytes)]})
    return _parameters(exchange, parameters)


def _is_true(pairs: list[tuple[str, str]], name: str) -> bool:
    text = inputs.once(pairs, name)
    if text not in (None, "true", "false"):
        raise Invalid(f"{name} is true or false, not {str(text)[:40]!r}.")
    return text == "true"


def _number(name: str, value: int) -> dict[str, Any]:
    """As a decimal: a table may be larger than an R4 integer can say."""
    return {"name": name.replace("_", "-"), "valueDecimal": value}


def _parameters(exchange: Exchange, parameters: list[dict[str, Any]]) -> Answer:
    body = codec.encode({"resourceType": "Parameters", "parameter": parameters})
    return Answer(200, answer.pretty(body) if exchange.pretty else body)
