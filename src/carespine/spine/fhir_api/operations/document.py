"""$document: a Composition with what it refers to, as a document; $convert: a resource in the format asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, definitions, json_text
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import CarespineError, Invalid, Unprocessable
from carespine.kernel.ids import new_id
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[0-9]+)?")


async def document(session: Session, exchange: Exchange) -> Answer:
    """GET or POST Composition/id/$document: the Composition first, then each resource that it names, once.

    The type's $document names the Composition with the parameter `id`.

    With `persist=true` the document is stored as a Bundle, too. Raises Unprocessable where something that it names is
    not here, or out of the asker's reach: a document with holes is none.
    """
    pairs = inputs.given(exchange)
    inputs.demand_known(pairs, frozenset({"persist", "graph", "id"}))
    wanted = inputs.once(pairs, "id")
    if len(exchange.parts) == 3 and wanted is None:
        wanted = exchange.parts[1]
    elif wanted is None or len(exchange.parts) == 3:
        raise Invalid("Name the Composition once: in the address, or with the parameter id.")
    if inputs.once(pairs, "graph") is not None:
        raise Invalid("A graph is not supported: the document holds what the Composition itself names.")
    persist = inputs.once(pairs, "persist")
    if persist not in (None, "true", "false"):
        raise Invalid("persist is true or false.")
    composition = json_text.read(
        (await session.read_stored("Composition", wanted.removeprefix("Composition/"))).body
    )
    resources = [composition, *[await _named(session, *name) for name in _names(composition)]]
    tree: dict[str, Any] = {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{new_id()}"},
        "type": "document",
        "timestamp": fhir_instant(session.clock()),
        "entry": [
            {"fullUrl": f"{exchange.base}/{each['resourceType']}/{each['id']}", "resource": each}
            for each in resources
        ],
    }
    if persist == "true":
        tree = await session.create(tree)
    body = codec.encode(tree)
    headers = {"Location": f"{exchange.base}/Bundle/{tree['id']}"} if persist == "true" else {}
    return Answer(200, answer.pretty(body) if exchange.pretty else body, headers)


async def convert(_session: Session, exchange: Exchange) -> Answer:
    """POST $convert with a resource, or with Parameters that hold one as `input`: the same, in the format that
    Accept or `_format` asks for."""
    if not exchange.body:
        raise Invalid("Send the resource that is to be converted.")
    tree = codec.decode(exchange.body)
    if tree["resourceType"] == "Parameters":
        given = [item.get("resource") for item in tree.get("parameter", ()) if item["name"] == "input"]
        tree = given[0] if len(given) == 1 and given[0] else tree
    body = codec.encode(tree)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)


async def _named(session: Session, resource_type: str, resource_id: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await session.read(resource_type, resource_id)
    except CarespineError as error:
        raise Unprocessable(
            f"The Composition names {resource_type}/{resource_id}, which cannot be had here: {error.message}",
            expression="Composition",
        ) from error
    return found


def _names(composition: dict[str, Any]) -> list[tuple[str, str]]:
    """Every resource on this server that the Composition refers to, in order."""
    return list(dict.fromkeys(_references(composition)))


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        found = _LOCAL.fullmatch(node["reference"]) if isinstance(node.get("reference"), str) else None
        if found and found[1] in definitions.resource_types():
            yield found[1], found[2]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
