"""What a validation leans on besides the resource: definitions, terminology, other resources, how strict to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from carespine.fhir import conformance
from carespine.fhir.validation.terminology import R4, BuiltInTerminology, Find, Terminology

Tree = dict[str, Any]
Resolve = Callable[[str], "Tree | None"]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """`find(kind, url)` gives a StructureDefinition, ValueSet or CodeSystem; `terminology` answers for codes.

    `resolve(reference)` gives a resource outside the tree; without it only contained resources and entries of
    the same bundle are looked up, and what is not found there is not held against the reference.
    `require_references`: what `resolve` does not find is an error. `must_support`: report elements that a profile marks
    as must-support and that are absent. A context keeps what it compiles, so make one and use it for many.
    """

    find: Find = conformance.read
    terminology: Terminology = R4
    resolve: Resolve | None = None
    require_references: bool = False
    must_support: bool = False
    compiled: dict[str, Any] = field(default_factory=dict)


STANDARD = Context()


def with_definitions(resources: dict[tuple[str, str], Tree], **others: Any) -> Context:
    """A context that knows more StructureDefinitions, ValueSets and CodeSystems than R4's own.

    `resources`: (kind, URL without version) to resource. They come before R4's own of the same URL.
    """

    def find(kind: str, url: str) -> Tree | None:
        plain, _, version = url.partition("|")
        own = resources.get((kind, plain))
        if own is not None and (not version or own.get("version") == version):
            return own
        return conformance.read(kind, url)

    return Context(
        find=find, terminology=others.pop("terminology", None) or BuiltInTerminology(find), **others
    )
