"""PATCH Type/id: a JSON, FHIRPath or merge patch, then an update with what comes out (R4 http 3.1.0.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, json_text
from carespine.kernel.errors import Invalid, Unprocessable
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.patching import fhirpath_patch, json_patch, merge_patch
from carespine.spine.fhir_api.patching.empties import has_empties, prune

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

JSON_PATCH = "application/json-patch+json"
_PLAIN = "application/json"
FORMATS = ("application/fhir+json", JSON_PATCH, merge_patch.MERGE_PATCH)
_FIXED = ("resourceType", "id")
_SERVERS_OWN = ("versionId", "lastUpdated")


async def patch(session: Session, exchange: Exchange) -> Answer:
    """PATCH Type/id; apps must say which version they change."""
    return await patch_one(session, exchange, exchange.parts[0], exchange.parts[1])


async def patch_one(session: Session, exchange: Exchange, resource_type: str, resource_id: str) -> Answer:
    """Patch this resource with the exchange's body; raises NotFound or Gone where it is not there."""
    by_app = exchange.actor.kind == "app"
    current = await session.take(
        resource_type, resource_id, if_match=exchange.if_match(), demand_match=by_app
    )
    await session.update(patched(json_text.read(current.body), exchange), if_match=current.version)
    return answer.written(exchange, session.written(resource_type, resource_id).stored(), created=False)


def patched(tree: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """The tree as the exchange's body changes it, of the same type and id; its structure is still to be checked."""
    try:
        changed = _applied(tree, exchange)
    except RecursionError as error:
        raise Invalid("The patch is nested too deeply.") from error
    if not isinstance(changed, dict):
        raise Unprocessable("The patch leaves no resource.")
    for name in _FIXED:
        if changed.get(name) != tree[name]:
            raise Unprocessable(
                f"A patch cannot change {name!r}.", expression=f"{tree['resourceType']}.{name}"
            )
    meta = changed.get("meta", {})
    for name in _SERVERS_OWN if isinstance(meta, dict) else ():
        if meta.get(name, tree["meta"][name]) != tree["meta"][name]:
            raise Unprocessable(
                f"A patch cannot change 'meta.{name}'.", expression=f"{tree['resourceType']}.meta.{name}"
            )
    return changed


def _applied(tree: dict[str, Any], exchange: Exchange) -> Any:
    media = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == merge_patch.MERGE_PATCH or (media == _PLAIN and _is_no_resource(exchange.body)):
        return _pruned(merge_patch.apply(tree, changes := merge_patch.read(exchange.body)), [changes])
    if media != JSON_PATCH:
        return fhirpath_patch.apply(tree, codec.decode(exchange.body, "Parameters"))
    operations = json_patch.read(exchange.body)
    return _pruned(json_patch.apply(tree, operations), [operation.get("value") for operation in operations])


def _pruned(changed: Any, brought: list[Any]) -> Any:
    """Without what a removal emptied. An empty value that the patch itself brings is left to be refused."""
    if isinstance(changed, dict) and not any(has_empties(value) for value in brought):
        prune(changed)
    return changed


def _is_no_resource(body: bytes) -> bool:
    """Whether plain JSON is a merge patch, as fhirpy sends it: a resource would say its type."""
    given = json_text.read(body)
    return isinstance(given, dict) and "resourceType" not in given
