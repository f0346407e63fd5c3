"""Update, patch and delete by a condition: PUT, PATCH, DELETE Type?criteria (R4 http 3.1.0.4.3 and following)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from carespine.fhir import codec
from carespine.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from carespine.kernel.ids import new_id
from carespine.spine.fhir_api import answer, methods
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.interactions import matching
from carespine.spine.fhir_api.patching.patch import patch_one

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.rows import Stored

_OUTPUT_ONLY = frozenset({"_format", "_pretty", "_elements", "_summary"})


async def update(session: Session, exchange: Exchange) -> Answer:
    """PUT Type?criteria: create where there is none, under the id that the body brings; update where there is one."""
    resource_type = exchange.parts[0]
    tree = codec.decode(exchange.body, resource_type)
    found = await _found(session, exchange)
    if found is None:
        return await _create(session, exchange, tree)
    if tree.setdefault("id", found.id) != found.id:
        raise Invalid(
            f"The condition finds another {resource_type} than the one whose id the body names.",
            expression=f"{resource_type}.id",
        )
    by_app = exchange.actor.kind == "app"
    await session.update(tree, if_match=exchange.if_match(), checked=True, demand_match=by_app)
    return answer.written(exchange, session.written(resource_type, found.id).stored(), created=False)


async def patch(session: Session, exchange: Exchange) -> Answer:
    """PATCH Type?criteria; raises NotFound where there is none."""
    found = await _found(session, exchange)
    if found is None:
        raise NotFound(f"The condition matches no {exchange.parts[0]}.")
    return await patch_one(session, exchange, found.type, found.id)


async def delete(session: Session, exchange: Exchange) -> Answer:
    """DELETE Type?criteria; as with a plain delete, nothing to delete is no error."""
    found = await _found(session, exchange)
    if found is None:
        session.nothing_to_delete(exchange.parts[0])
        return Answer(204, None)
    gone = await session.delete(found.type, found.id, if_match=exchange.if_match())
    return Answer(204, None, {"ETag": gone.etag} if gone else {})


async def _found(session: Session, exchange: Exchange) -> Stored | None:
    """The one resource that the criteria find, or None; raises PreconditionFailed where they find several."""
    criteria = [(name, value) for name, value in exchange.pairs if name not in _OUTPUT_ONLY]
    if not criteria:
        raise NotAllowed(
            f"{exchange.method} needs Type/id, or Type? with a condition.",
            headers=methods.allow(exchange.parts),
        )
    found: Stored | None = await matching(session, exchange.parts[0], urlencode(criteria))
    return found


async def _create(session: Session, exchange: Exchange, tree: dict[str, Any]) -> Answer:
    resource_type, resource_id = exchange.parts[0], tree.setdefault("id", new_id())
    await session.update(tree, if_match=exchange.if_match(), checked=True)
    write = session.written(resource_type, resource_id)
    if write.previous is not None and not write.previous.deleted:
        raise Conflict(
            f"The condition matches nothing, but there is a {resource_type} with the id that the body brings.",
            expression=f"{resource_type}.id",
        )
    return answer.written(exchange, write.stored(), created=True)
