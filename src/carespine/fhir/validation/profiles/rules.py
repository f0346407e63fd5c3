"""A profile as a tree of rules, made from the snapshot of its StructureDefinition.

Only what a profile adds to R4 is kept: what R4 asks itself is checked by the walk over types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from carespine.fhir.validation.bindings import Binding, binding_of
from carespine.fhir.validation.profiles.additions import additions

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TypeRule:
    """A type an element may have, the profiles one of which it must then meet, and those of a reference's target."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    aggregation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """How items are told apart: (kind, path) of each discriminator."""

    discriminators: tuple[tuple[str, str], ...]
    rules: str
    ordered: bool


@dataclass(slots=True, eq=False)
class Rule:
    """What a profile says of one element, or of one slice of it. `max` None stands for `*`.

    `fixed` and `pattern` are (JSON value, FHIR type); `content` is the id of the element whose children it shares.
    """

    id: str
    path: str
    name: str
    min: int
    max: int | None
    types: tuple[TypeRule, ...]
    slice_name: str | None = None
    fixed: tuple[Any, str] | None = None
    pattern: tuple[Any, str] | None = None
    least: Any = None
    most: Any = None
    longest: int | None = None
    binding: Binding | None = None
    constraints: tuple[Tree, ...] = ()
    must_support: bool = False
    slicing: Slicing | None = None
    content: str | None = None
    slices: list[Rule] = field(default_factory=list)
    children: dict[str, Rule] = field(default_factory=dict)
    says_something: bool = True

    def described(self) -> str:
        """The element in words of the profile: `identifier (slice nhs)`."""
        return f"{self.name} (slice {self.slice_name})" if self.slice_name else self.name

    def within(self) -> Iterator[Rule]:
        """Its children and slices."""
        yield from self.children.values()
        yield from self.slices


@dataclass(slots=True, eq=False)
class Profile:
    """A profile ready to check with. `type` is the type it is about."""

    url: str
    type: str
    root: Rule
    by_id: dict[str, Rule]


def compile_profile(definition: Tree) -> Profile:
    """The rules of a StructureDefinition that has a snapshot."""
    elements = definition["snapshot"]["element"]
    by_id: dict[str, Rule] = {}
    root = rule_of(elements[0], elements[0]["path"])
    by_id[root.id] = root
    for element in elements[1:]:
        rule = rule_of(element, element["path"].rpartition(".")[2])
        by_id[rule.id] = rule
        _attach(rule, root, by_id)
    _silence(root)
    return Profile(definition["url"], definition["type"], root, by_id)


def rule_of(element: Tree, name: str) -> Rule:
    """The rule of one element definition, alone."""
    most = element.get("max", "*")
    return Rule(
        id=str(element.get("id") or element["path"]),
        path=element["path"],
        name=name.removesuffix("[x]"),
        min=element.get("min", 0),
        max=None if most == "*" else int(most),
        types=tuple(_type_rule(each) for each in element.get("type", ()) if not _is_system(each)),
        slice_name=element.get("sliceName"),
        fixed=typed_value(element, "fixed"),
        pattern=typed_value(element, "pattern"),
        least=(typed_value(element, "minValue") or (None,))[0],
        most=(typed_value(element, "maxValue") or (None,))[0],
        longest=element.get("maxLength"),
        binding=binding_of(element),
        constraints=tuple(element.get("constraint", ())),
        must_support=element.get("mustSupport", False),
        slicing=_slicing(element.get("slicing")),
        content=element["contentReference"].rpartition("#")[2] if "contentReference" in element else None,
    )


def _type_rule(part: Tree) -> TypeRule:
    return TypeRule(
        part["code"],
        tuple(part.get("profile", ())),
        tuple(part.get("targetProfile", ())),
        tuple(part.get("aggregation", ())),
    )


def _is_system(part: Tree) -> bool:
    """`id`, `url` and `value` of types have System types in R4, which say nothing that their format does not."""
    return str(part["code"]).startswith("http://hl7.org/fhirpath/System.")


def typed_value(element: Tree, prefix: str) -> tuple[Any, str] | None:
    """The value of `fixed[x]`, `pattern[x]`, ... and its type; None where there is none."""
    for name, value in element.items():
        if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1].isupper():
            kind = name[len(prefix) :]
            return value, kind if isinstance(value, dict) else kind[0].lower() + kind[1:]
    return None


def _slicing(found: Tree | None) -> Slicing | None:
    if found is None:
        return None
    ways = tuple((each["type"], each["path"]) for each in found.get("discriminator", ()))
    return Slicing(ways, found.get("rules", "open"), found.get("ordered", False))


def _attach(rule: Rule, root: Rule, by_id: dict[str, Rule]) -> None:
    """Put a rule under its parent, or under the element it is a slice of."""
    outer, _, last = rule.id.rpartition(".")
    parent = by_id.get(outer, root)
    name, colon, slice_name = last.partition(":")
    if colon:
        rule.slice_name = rule.slice_name or slice_name
        base = by_id.get(f"{outer}.{name}")
        _sliced(base, slice_name).append(rule) if base is not None else parent.children.setdefault(
            rule.name, rule
        )
        return
    parent.children[rule.name] = rule


def _sliced(base: Rule, slice_name: str) -> list[Rule]:
    """Where a slice belongs: a re-slice (`a/b`) to the slice `a`, all others to the element."""
    outer, slash, _ = slice_name.rpartition("/")
    if slash:
        for each in base.slices:
            if each.slice_name == outer:
                return each.slices
    return base.slices


def _silence(rule: Rule) -> bool:
    """Find out which rules say nothing beyond R4, deepest first; they are not walked."""
    inner = [_silence(each) for each in rule.within()]
    rule.says_something = additions(rule) or True in inner
    return rule.says_something
