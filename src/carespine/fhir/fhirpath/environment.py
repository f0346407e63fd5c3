"""What an evaluation leans on besides the resource: variables, the clock, hooks to the world outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carespine.fhir.fhirpath.model import Items, Node, root
from carespine.kernel import clock

Resolve = Callable[[str], "dict[str, Any] | None"]
MemberOf = Callable[[Any, str], "bool | None"]
Subsumes = Callable[[Any, Any], "bool | None"]
ConformsTo = Callable[[Any, str], "bool | None"]
Trace = Callable[[str, "list[Any]"], None]


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything an expression can refer to that is not in the resource.

    `variables`: name (without `%`) to a value or list of values; resources as dicts.
    `resource` is `%resource` and `root_resource` `%rootResource` where they differ from what is evaluated.
    `resolve(reference)` gives the resource behind a reference or canonical URL; contained resources and
    entries of the same bundle are found without it. `member_of(code | Coding | CodeableConcept,
    value_set_url)`, `subsumes(a, b)` and `conforms_to(resource, profile_url)` answer None where they do not
    know the URL. `trace(name, values)` hears `trace()`; without it nothing is written, because values are
    patient data. `now` is the moment that now(), today() and timeOfDay() tell; without it the clock is read
    once an evaluation, and told as in London.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] | None = None
    root_resource: dict[str, Any] | None = None
    resolve: Resolve | None = None
    member_of: MemberOf | None = None
    subsumes: Subsumes | None = None
    conforms_to: ConformsTo | None = None
    trace: Trace | None = None
    now: datetime | None = None


EMPTY = Environment()


class Frame:
    """The state of one evaluation: what `%context`, `$index`, `$total`, defined variables are now."""

    __slots__ = ("_now", "context", "environment", "index", "total", "variables")

    def __init__(self, context: Node, environment: Environment) -> None:
        self.context = context
        self.environment = environment
        self.index: int | None = None
        self.total: Items = []
        self.variables: dict[str, Items] | None = None
        self._now: datetime | None = None

    @property
    def resource(self) -> Node:
        given = self.environment.resource
        return self.context if given is None else root(given)

    @property
    def root_resource(self) -> Node:
        given = self.environment.root_resource
        return self.resource if given is None else root(given)

    @property
    def now(self) -> datetime:
        if self._now is None:
            self._now = self.environment.now or clock.now().astimezone(clock.LONDON)
        return self._now
