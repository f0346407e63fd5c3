"""Which operation a path names, and how it may be called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.kernel.errors import NotAllowed, NotFound
from carespine.kernel.ids import is_fhir_id
from carespine.spine.fhir_api.operations import everything, lastn, meta

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.answer import Answer
    from carespine.spine.fhir_api.exchange import Exchange

Interaction = Callable[["Session", "Exchange"], Awaitable["Answer"]]
_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
_LEVELS = {1: "system", 2: "type", 3: "instance", 5: "version"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `types` None for every type; `writes` means that GET is refused."""

    name: str
    run: Interaction
    levels: frozenset[str]
    types: frozenset[str] | None = None
    writes: bool = False

    def definition(self, resource_type: str) -> str:
        """The canonical URL of its definition in R4."""
        return f"{_DEFINITION}{resource_type if self.types else 'Resource'}-{self.name}"


OPERATIONS = (
    Operation(
        "everything", everything.everything, frozenset({"instance"}), frozenset({"Encounter", "Patient"})
    ),
    Operation("lastn", lastn.lastn, frozenset({"type"}), frozenset({"Observation"})),
    Operation("meta", meta.show, frozenset({"system", "type", "instance", "version"})),
    Operation("meta-add", meta.add, frozenset({"instance"}), writes=True),
    Operation("meta-delete", meta.delete, frozenset({"instance"}), writes=True),
)


def is_operation(parts: Sequence[str]) -> bool:
    """Whether a path names an operation."""
    return bool(parts) and parts[-1].startswith("$")


def declared(resource_type: str | None) -> list[dict[str, str]]:
    """The operations as the CapabilityStatement lists them, of a type or (None) of the system."""
    if resource_type is None:
        found = [operation for operation in OPERATIONS if "system" in operation.levels]
    else:
        found = [operation for operation in OPERATIONS if _has(operation, resource_type)]
    return [
        {"name": operation.name, "definition": operation.definition(resource_type or "Resource")}
        for operation in found
    ]


def route(method: str, parts: Sequence[str]) -> tuple[Interaction, bool]:
    """The operation that a path names, and whether it writes.

    Raises NotFound where there is none for this path, NotAllowed for another method than GET and POST, and for
    GET of one that writes.
    """
    *target, name = parts
    if target and target[0] not in definitions.resource_types():
        raise NotFound(f"{target[0][:60]!r} is not a resource type of FHIR R4.")
    if len(target) > 1 and not is_fhir_id(target[1]):
        raise NotFound(f"{target[1][:70]!r} cannot be an id: 1 to 64 letters, digits, '-' and '.'.")
    level = _LEVELS.get(len(parts))
    operation = next((item for item in OPERATIONS if f"${item.name}" == name), None)
    wrong_place = level == "version" and target[2] != "_history"
    if operation is None or level not in operation.levels or wrong_place or not _has(operation, *target[:1]):
        raise NotFound(f"There is no operation {'/'.join(parts)[:120]!r}.")
    if method not in (("POST",) if operation.writes else ("GET", "POST")):
        allowed = "POST, OPTIONS" if operation.writes else "GET, HEAD, POST, OPTIONS"
        raise NotAllowed(f"{method} is not supported for {name}.", headers={"Allow": allowed})
    return operation.run, operation.writes


def methods(parts: Sequence[str]) -> tuple[str, ...]:
    """The methods that the operation of a path takes; none where there is no such operation."""
    try:
        _, writes = route("POST", parts)
    except NotFound:
        return ()
    return ("POST",) if writes else ("GET", "HEAD", "POST")


def _has(operation: Operation, resource_type: str | None = None) -> bool:
    return operation.types is None or resource_type in operation.types
