"""What an element definition of a profile says beyond what R4 says of the same element."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from carespine.fhir import conformance, definitions
from carespine.fhir.validation.bindings import binding_of

if TYPE_CHECKING:
    from carespine.fhir.validation.profiles.rules import Rule

_URL = "http://hl7.org/fhir/StructureDefinition/"


def additions(rule: Rule) -> bool:
    """Whether a rule says anything of its own. Trims from it what R4 says already."""
    rule.constraints = tuple(
        each for each in rule.constraints if (each["key"], each.get("expression")) not in _own_constraints()
    )
    core = _core(rule.path)
    if core is not None and rule.binding == binding_of(core):
        rule.binding = None
    if rule.slicing is not None and (rule.slices or rule.slicing.rules == "closed"):
        return True
    if rule.fixed or rule.pattern or rule.constraints or rule.binding or rule.must_support or rule.content:
        return True
    if rule.least is not None or rule.most is not None or rule.longest is not None or rule.slice_name:
        return True
    return _types_differ(rule, core) or _counts_differ(rule, core)


def _counts_differ(rule: Rule, core: dict[str, Any] | None) -> bool:
    if core is None:
        return rule.min > 0 or rule.max is not None
    most = None if core["max"] == "*" else int(core["max"])
    return rule.min != core["min"] or rule.max != most


def _types_differ(rule: Rule, core: dict[str, Any] | None) -> bool:
    if core is None:
        return any(each.profiles or each.targets for each in rule.types)
    own = {(each.code, each.profiles, frozenset(each.targets)) for each in rule.types}
    base = {
        (each["code"], tuple(each.get("profile", ())), frozenset(each.get("targetProfile", ())))
        for each in core.get("type", ())
    }
    return own != base and bool(own)


@cache
def _own_constraints() -> frozenset[tuple[str, str | None]]:
    """Key and expression of every constraint of R4's own types."""
    return frozenset(
        (each["key"], each.get("expression"))
        for rows in (_rows(name) for name in _structures())
        for row in rows.values()
        for each in row.get("constraint", ())
    )


def _structures() -> tuple[str, ...]:
    return tuple(name for name in definitions.type_names() if "." not in name)


@cache
def _rows(name: str) -> dict[str, dict[str, Any]]:
    tree = conformance.read("StructureDefinition", _URL + name)
    return {} if tree is None else {row["path"]: row for row in tree["snapshot"]["element"]}


def _core(path: str) -> dict[str, Any] | None:
    """R4's own definition of the element of a path such as `Patient.name.family`; None where there is none."""
    first, *names = path.split(".")
    owner, row = first, _rows(first).get(first)
    for name in names:
        row = _rows(owner.partition(".")[0]).get(f"{owner}.{name}")
        if row is None:
            return None
        types = [part["code"] for part in row.get("type", ())]
        if "contentReference" in row:
            owner = row["contentReference"].rpartition("#")[2]
        elif types in (["BackboneElement"], ["Element"]):
            owner = f"{owner}.{name}"
        else:
            owner = types[0] if len(types) == 1 else ""
    return row
