"""What a search asks for, as values: the clauses that storage turns into SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from carespine.fhir.definitions import SearchParameter


@dataclass(frozen=True, slots=True)
class TokenValue:
    """`code` (system None), `|code` (system empty), `system|` (code None), `system|code`."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class OfTypeValue:
    """`:of-type`: an identifier's type and value."""

    system: str
    code: str
    value: str


@dataclass(frozen=True, slots=True)
class StringValue:
    """`text` as asked, `normal` as it compares (for `phonetic` its sound)."""

    text: str
    normal: str


@dataclass(frozen=True, slots=True)
class UriValue:
    """A URI, or the value set of `:in` and `:not-in`, or the code of `:above` and `:below`."""

    uri: str


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """A resource on this server by `id` and perhaps `type`, or anything by `url` (then `id` is empty)."""

    type: str | None
    id: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class DateValue:
    """`low` to `high`: microseconds since 1970, half-open, as wide as the date was written.

    `prefix` is eq, ne, gt, lt, ge, le, sa, eb or ap; for ap see `approximately`.
    """

    prefix: str
    low: int
    high: int

    def approximately(self, now: int) -> tuple[int, int]:
        """The interval of `ap`: a tenth of the distance to `now` (microseconds) wider on both sides.

        Source: FHIR R4 search.html#prefix ("10 % of the gap between now and the date").
        """
        margin = max(abs(now - self.low), abs(now - self.high)) // 10
        return self.low - margin, self.high + margin


@dataclass(frozen=True, slots=True)
class NumberValue:
    """`value` as written; `low` to `high` what its precision stands for, half-open (ap: a tenth around)."""

    prefix: str
    value: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number with a unit: system and code both, code alone (system empty: any), or neither.

    Without a system, `code` may be the code or the printed unit.
    """

    number: NumberValue
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class MissingValue:
    """`:missing`: whether the value must be absent."""

    missing: bool


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """The equality components of a composite, in order."""

    parts: tuple[TokenValue | StringValue | ReferenceValue | UriValue, ...]


@dataclass(frozen=True, slots=True)
class NearValue:
    """Within a distance of a place; degrees and kilometres."""

    latitude: float
    longitude: float
    distance_km: float


Value = (
    TokenValue
    | OfTypeValue
    | StringValue
    | UriValue
    | ReferenceValue
    | DateValue
    | NumberValue
    | QuantityValue
    | MissingValue
    | CompositeValue
    | NearValue
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a resource type with values, of which one must match.

    `modifier` is missing, exact, contains, text, not, above, below, in, not-in, identifier, of-type or None
    (a reference's type modifier is already in its values). `row` is the name under which rows of ranges and
    strings are filed: the parameter's code, but for a ranged component of a composite.
    """

    resource_type: str
    parameter: SearchParameter
    modifier: str | None
    values: tuple[Value, ...]
    row: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What a reference parameter points to must match one branch; each branch is for one type."""

    resource_type: str
    parameter: SearchParameter
    branches: tuple[Clause, ...]

    @property
    def target_types(self) -> tuple[str, ...]:
        """The types that the branches are for, in their order."""
        return tuple(branch.resource_type for branch in self.branches)


@dataclass(frozen=True, slots=True)
class Has:
    """Some `source_type` must point here with its `parameter` and match `clause`."""

    resource_type: str
    source_type: str
    parameter: SearchParameter
    clause: Clause


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the clauses, all of the same resource type."""

    resource_type: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of the clauses, all of the same resource type."""

    resource_type: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The clause must not hold."""

    resource_type: str
    clause: Clause


Clause = Criterion | Chain | Has | AnyOf | AllOf | Not


@dataclass(frozen=True, slots=True)
class Include:
    """`_include`, `_revinclude`. `code` may be `*`, `target_type` None (any); `iterate`: of includes, too."""

    source_type: str
    code: str
    target_type: str | None
    iterate: bool


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one resource type. `ignored` names the parameters that lenient handling left out."""

    resource_type: str
    clauses: tuple[Clause, ...] = ()
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int | None = None
    total: str | None = None
    elements: tuple[str, ...] = ()
    summary: str | None = None
    ignored: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_selective(self) -> bool:
        """Whether anything is asked of the resources, beyond their type."""
        return bool(self.clauses)

    @property
    def text(self) -> str:
        """The query as it was written, `Type?name=value&...`, not percent-encoded; for the audit."""
        return f"{self.resource_type}?" + "&".join(f"{name}={value}" for name, value in self.pairs)
