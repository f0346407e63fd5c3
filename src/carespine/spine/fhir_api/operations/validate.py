"""$validate: what is wrong with a resource, or would be if it were created, updated or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, json_text
from carespine.fhir.structure import Broken, count_keys
from carespine.kernel.errors import Invalid, Issue
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

# R4, resource-operation-validate.html: the value set resource-validation-mode.
MODES = frozenset({"create", "update", "delete", "profile"})
_NAMES = frozenset({"mode", "profile"})
Tree = dict[str, Any]


async def validate(session: Session, exchange: Exchange) -> Answer:
    """Type/$validate and Type/id/$validate: an OperationOutcome, 200 whatever it says of the resource."""
    tree, pairs = _given(exchange)
    inputs.demand_known(pairs, _NAMES)
    mode = inputs.once(pairs, "mode")
    if mode is not None and mode not in MODES:
        raise Invalid(f"mode is one of {', '.join(sorted(MODES))}, not {mode[:40]!r}.", expression="mode")
    profiles = [value for name, value in pairs if name == "profile"]
    resource_type, *rest = exchange.parts[:-1]
    resource_id = rest[0] if rest else None
    validator = session.validation(f"{resource_type}/{resource_id}" if resource_id else resource_type)
    if tree is None or mode == "delete":
        tree = await _stored(session, resource_type, resource_id, mode)
        if mode == "delete":
            return _outcome(exchange, [])
    issues = [*_demands(tree, resource_type, resource_id, mode)]
    if not issues:
        issues = await validator.issues(session, tree, profiles)
    return _outcome(exchange, issues)


def _given(exchange: Exchange) -> tuple[Tree | None, list[tuple[str, str]]]:
    """The resource, alone or in Parameters, and the other parameters; raises Invalid for a body that is neither."""
    pairs = [(name, value) for name, value in exchange.pairs if not name.startswith("_")]
    if exchange.method != "POST" or not exchange.body:
        return None, pairs
    tree = json_text.read(exchange.body)
    codec.require_resource(tree, None)
    _demand_single_keys(tree, exchange.body)
    wanted = exchange.parts[0]
    if tree["resourceType"] != "Parameters" or (wanted == "Parameters" and not _is_input(tree)):
        return tree, pairs
    resource: Tree | None = None
    for part in tree.get("parameter", ()):
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise Invalid("A parameter needs a name.", expression="Parameters.parameter.name")
        if part["name"] == "resource":
            resource = part.get("resource")
            codec.require_resource(resource, None)
        else:
            pairs.append((part["name"], inputs.text(part)))
    return resource, pairs


def _is_input(tree: Tree) -> bool:
    """Whether a Parameters resource is the operation's input, and not the resource that is to be validated."""
    names = [part.get("name") for part in tree.get("parameter", ()) if isinstance(part, dict)]
    return "resource" in names and set(names) <= {"resource", *_NAMES}


def _demand_single_keys(tree: Tree, raw: bytes) -> None:
    try:
        keys = count_keys(tree)
    except Broken:
        return  # said by the validation
    if twice := json_text.duplicate_keys(raw, keys):
        raise Invalid(f"The JSON text repeats a key within one object: {', '.join(twice)}.")


async def _stored(session: Session, resource_type: str, resource_id: str | None, mode: str | None) -> Tree:
    if resource_id is None:
        raise Invalid(
            "There is nothing to delete: delete is asked of one resource, Type/id/$validate."
            if mode == "delete"
            else "Send the resource to validate, alone or as the parameter 'resource'."
        )
    item = await session.read_stored(resource_type, resource_id)
    tree: Tree = json_text.read(item.body)
    return tree


def _demands(tree: Tree, resource_type: str, resource_id: str | None, mode: str | None) -> list[Issue]:
    """What the place it was sent to, and the mode, ask of it."""
    actual = tree["resourceType"]
    if actual != resource_type:
        return [Issue("invalid", f"This is a {actual}; {resource_type} was to be validated.", actual)]
    if mode == "update" and not isinstance(tree.get("id"), str):
        return [Issue("required", f"{actual} has no id; an update needs one.", actual)]
    if resource_id is not None and mode == "update" and tree.get("id") != resource_id:
        message = f"{actual}.id is {str(tree.get('id'))[:70]!r}; expected {resource_id!r}, as in the URL."
        return [Issue("invalid", message, f"{actual}.id")]
    return []


def _outcome(exchange: Exchange, issues: list[Issue]) -> Answer:
    found = issues or [Issue("informational", "Nothing is wrong with it.", None, "information")]
    body = answer.outcome(found)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)
