"""Which operation a path names, and how it may be called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.kernel.errors import NotAllowed, NotFound
from carespine.kernel.ids import is_fhir_id
from carespine.spine.fhir_api.operations import (
    document,
    everything,
    export,
    expunge,
    importing,
    lastn,
    meta,
    own,
    reindex,
    submitting,
    subscribing,
    terminology,
    validate,
)

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.answer import Answer
    from carespine.spine.fhir_api.exchange import Exchange

Interaction = Callable[["Session", "Exchange"], Awaitable["Answer"]]
_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
_OWN = "{{base}}/OperationDefinition/" + own.PREFIX + "{}"
_EXPORT = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{type}export"
_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-"
_SUBSCRIPTION = frozenset({"Subscription"})
_ON_TYPE = frozenset({"type", "instance"})
_LEVELS = {1: "system", 2: "type", 3: "instance", 5: "version"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `types` None for every type. One that `writes` refuses GET unless it is `safe`: then what it
    writes is a job, and nothing in the record. `url` is its definition where R4 itself has none, {type} the type.
    """

    name: str
    run: Interaction
    levels: frozenset[str]
    types: frozenset[str] | None = None
    writes: bool = False
    safe: bool = False
    url: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        return ("POST",) if self.writes and not self.safe else ("GET", "HEAD", "POST")

    def definition(self, resource_type: str, base: str) -> str:
        """The canonical URL of its definition; `base` is that of this server."""
        if self.url is not None:
            lower = "" if resource_type == "Resource" else f"{resource_type.lower()}-"
            return self.url.format(type=lower, base=base)
        return f"{_DEFINITION}{resource_type if self.types else 'Resource'}-{self.name}"


OPERATIONS = (
    Operation(
        "everything", everything.everything, frozenset({"instance"}), frozenset({"Encounter", "Patient"})
    ),
    Operation("export", export.export, frozenset({"system"}), writes=True, safe=True, url=_EXPORT),
    Operation(
        "export",
        export.export,
        frozenset({"type"}),
        frozenset({"Patient"}),
        writes=True,
        safe=True,
        url=_EXPORT,
    ),
    Operation(
        "export",
        export.export,
        frozenset({"instance"}),
        frozenset({"Group"}),
        writes=True,
        safe=True,
        url=_EXPORT,
    ),
    Operation("import", importing.start, frozenset({"system"}), writes=True, url=_OWN.format("import")),
    Operation("status", subscribing.status, _ON_TYPE, _SUBSCRIPTION, url=f"{_BACKPORT}status"),
    Operation("events", subscribing.events, frozenset({"instance"}), _SUBSCRIPTION, url=f"{_BACKPORT}events"),
    Operation(
        "get-ws-binding-token",
        subscribing.binding_token,
        frozenset({"instance"}),
        _SUBSCRIPTION,
        writes=True,
        safe=True,
        url=f"{_BACKPORT}get-ws-binding-token",
    ),
    Operation(
        "document",
        document.document,
        frozenset({"instance", "type"}),
        frozenset({"Composition"}),
        writes=True,
        safe=True,
    ),
    Operation("convert", document.convert, frozenset({"system"}), writes=True),
    Operation(
        "expunge",
        expunge.expunge,
        frozenset({"system", "type", "instance"}),
        writes=True,
        url=_OWN.format("expunge"),
    ),
    Operation("space", expunge.space, frozenset({"system"}), url=_OWN.format("space")),
    Operation("submit-cgm-bundle", submitting.submit, frozenset({"system"}), writes=True, url=submitting.URL),
    Operation("lastn", lastn.lastn, frozenset({"type"}), frozenset({"Observation"})),
    Operation("reindex", reindex.reindex, frozenset({"system"}), writes=True, url=_OWN.format("reindex")),
    Operation("meta", meta.show, frozenset({"system", "type", "instance", "version"})),
    Operation("meta-add", meta.add, frozenset({"instance"}), writes=True),
    Operation("meta-delete", meta.delete, frozenset({"instance"}), writes=True),
    Operation("validate", validate.validate, frozenset({"type", "instance"})),
    Operation("expand", terminology.expand, _ON_TYPE, frozenset({"ValueSet"})),
    Operation("validate-code", terminology.validate_code, _ON_TYPE, frozenset({"CodeSystem", "ValueSet"})),
    Operation("lookup", terminology.lookup, frozenset({"type"}), frozenset({"CodeSystem"})),
    Operation("subsumes", terminology.subsumes, _ON_TYPE, frozenset({"CodeSystem"})),
    Operation("translate", terminology.translate, _ON_TYPE, frozenset({"ConceptMap"})),
    Operation(
        "closure",
        terminology.closure,
        frozenset({"system"}),
        writes=True,
        url=f"{_DEFINITION}ConceptMap-closure",
    ),
)


def is_operation(parts: Sequence[str]) -> bool:
    """Whether a path names an operation."""
    return bool(parts) and parts[-1].startswith("$")


def declared(resource_type: str | None, base: str) -> list[dict[str, str]]:
    """The operations as the CapabilityStatement lists them, of a type or (None) of the system."""
    if resource_type is None:
        found = [operation for operation in OPERATIONS if "system" in operation.levels]
    else:
        found = [item for item in OPERATIONS if _has(item, resource_type) and item.levels != {"system"}]
    return [
        {"name": operation.name, "definition": operation.definition(resource_type or "Resource", base)}
        for operation in found
    ]


def route(method: str, parts: Sequence[str]) -> tuple[Interaction, bool]:
    """The operation that a path names, and whether it writes.

    Raises NotFound where there is none for this path, NotAllowed for another method than GET and POST, and for
    GET of one that writes.
    """
    operation = _find(parts)
    if method not in operation.methods:
        allowed = ", ".join([*operation.methods, "OPTIONS"])
        raise NotAllowed(f"{method} is not supported for {parts[-1]}.", headers={"Allow": allowed})
    return operation.run, operation.writes


def methods(parts: Sequence[str]) -> tuple[str, ...]:
    """The methods that the operation of a path takes; none where there is no such operation."""
    try:
        return _find(parts).methods
    except NotFound:
        return ()


def _find(parts: Sequence[str]) -> Operation:
    *target, name = parts
    if target and target[0] not in definitions.resource_types():
        raise NotFound(f"{target[0][:60]!r} is not a resource type of FHIR R4.")
    if len(target) > 1 and not is_fhir_id(target[1]):
        raise NotFound(f"{target[1][:70]!r} cannot be an id: 1 to 64 letters, digits, '-' and '.'.")
    level = _LEVELS.get(len(parts))
    operation = next((item for item in OPERATIONS if _is(item, name, level, target)), None)
    if operation is None or (level == "version" and target[2] != "_history"):
        raise NotFound(f"There is no operation {'/'.join(parts)[:120]!r}.")
    return operation


def _is(operation: Operation, name: str, level: str | None, target: Sequence[str]) -> bool:
    """Whether this is the operation that a path names."""
    return f"${operation.name}" == name and level in operation.levels and _has(operation, *target[:1])


def _has(operation: Operation, resource_type: str | None = None) -> bool:
    return operation.types is None or resource_type in operation.types
