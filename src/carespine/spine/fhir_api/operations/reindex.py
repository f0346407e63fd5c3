"""$reindex: index what is stored by the search parameters of now. The job is in spine/reindexing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.kernel.errors import Forbidden, Invalid
from carespine.security import roles
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs
from carespine.spine.fhir_api.operations.export import accepted
from carespine.spine.jobs import handle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

KIND = "reindex"


async def reindex(session: Session, exchange: Exchange) -> Answer:
    """POST $reindex with `type` (any number of times): 202 and where to ask for the state.

    Without a type, the types of the parameters that are not ready; where all are ready, everything.
    """
    pairs = inputs.given(exchange)
    inputs.demand_known(pairs, frozenset({"type"}))
    if not roles.allows(session.actor, "SearchParameter", "u"):
        raise Forbidden(f"As {session.actor.role}, {session.actor.name} may not reindex.")
    types = [part.strip() for _, value in pairs for part in value.split(",")]
    return accepted(exchange, await ask(session, types, url=exchange.base))


async def ask(session: Session, types: Sequence[str], *, url: str) -> str:
    """The job that indexes these types (none: as needed) anew; raises Invalid for a name that is none."""
    for name in types:
        if name not in definitions.resource_types():
            raise Invalid(f"{name[:60]!r} is not a resource type of R4.")
    request = {"url": f"{url}/$reindex", "types": sorted(set(types))}
    job = await handle.ask(session, KIND, request)
    await session.audit("E", KIND, description="asked for", detail={"job": job})
    return job
