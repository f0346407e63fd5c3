"""Which slice an item belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.fhir.validation import reference_text
from carespine.fhir.validation.membership import inside
from carespine.fhir.validation.profiles import matching
from carespine.fhir.validation.profiles.items import Item, children, select, steps
from carespine.fhir.validation.profiles.rules import Profile, Rule, Slicing, TypeRule
from carespine.fhir.validation.scope import Scope

if TYPE_CHECKING:
    from carespine.fhir.validation.profiles.checking import Checker

_DEFAULT = "@default"


class Undecided(Exception):
    """The discriminators do not tell the slices apart; the text says why."""


def slice_of(
    item: Item, slices: list[Rule], slicing: Slicing, profile: Profile, checker: Checker
) -> Rule | None:
    """The slice an item belongs to; None if to none. Raises Undecided where the profile does not tell."""
    for each in slices:
        if each.slice_name != _DEFAULT and _is_in(item, each, slicing, profile, checker):
            return each
    return next((each for each in slices if each.slice_name == _DEFAULT), None)


def _is_in(item: Item, rule: Rule, slicing: Slicing, profile: Profile, checker: Checker) -> bool:
    if not slicing.discriminators:
        raise Undecided("the slicing names no discriminator")
    return all(_agrees(item, rule, way, path, profile, checker) for way, path in slicing.discriminators)


def _agrees(item: Item, rule: Rule, way: str, path: str, profile: Profile, checker: Checker) -> bool:
    rules = list(select_rules(rule, path, profile, checker))
    found = select(item, path, checker.scope)
    if not rules:
        raise Undecided(f"the slice {rule.slice_name} says nothing of the discriminator {path}")
    match way:
        case "exists":
            return _exists(rules, found)
        case "type":
            types = [each for one in rules for each in one.types]
            return any(_is_of(each, types) for each in found) or _named_type(item, path, types, checker.scope)
        case "profile":
            urls = [url for one in rules for each in one.types for url in each.profiles]
            return any(checker.meets_one(each, urls) for each in found)
        case _:  # value, pattern
            return _has_value(rule, rules, found, path, checker)


def _exists(rules: list[Rule], found: list[Item]) -> bool:
    if any(one.max == 0 for one in rules):
        return not found
    return bool(found) if any(one.min for one in rules) else True


def _has_value(rule: Rule, rules: list[Rule], found: list[Item], path: str, checker: Checker) -> bool:
    tests = [one for one in rules if pinned(one)]
    if not tests:
        raise Undecided(f"the slice {rule.slice_name} fixes no value at the discriminator {path}")
    return all(any(has_pinned(each, test, checker.scope) for each in found) for test in tests)


def pinned(rule: Rule) -> bool:
    """Whether a rule, or one below it, says which value there must be."""
    if rule.fixed is not None or rule.pattern is not None:
        return True
    if rule.binding is not None and rule.binding.strength == "required":
        return True
    return any(pinned(child) for child in rule.children.values())


def has_pinned(item: Item, rule: Rule, scope: Scope) -> bool:
    """Whether an item has the value that a rule, or those below it, say."""
    if rule.fixed is not None:
        return matching.is_fixed(item.value, rule.fixed[0])
    if rule.pattern is not None:
        return matching.fits(item.value, rule.pattern[0])
    below = [child for child in rule.children.values() if pinned(child)]
    if not below and rule.binding is not None:
        return inside(item.value, item.type, rule.binding.value_set, scope.context.terminology) is True
    return all(any(has_pinned(each, child, scope) for each in children(item, child.name)) for child in below)


def _is_of(item: Item, types: Iterable[TypeRule]) -> bool:
    return any(item.type == each.code or _derives(item.type, each.code) for each in types)


def _derives(name: str, ancestor: str) -> bool:
    return (
        definitions.is_resource(name)
        and definitions.is_resource(ancestor)
        and definitions.is_a(name, ancestor)
    )


def _named_type(item: Item, path: str, types: list[TypeRule], scope: Scope) -> bool:
    """For `resolve()`, what the reference itself names, where the resource is not at hand."""
    before, call, after = path.rpartition("resolve()")
    if not call or after:
        return False
    references = (each.value for each in select(item, before, scope) if isinstance(each.value, dict))
    named = {
        reference_text.type_of(str(each.get("reference", ""))) or each.get("type") for each in references
    }
    return any(each.code in named for each in types)


def select_rules(rule: Rule, path: str, profile: Profile, checker: Checker) -> list[Rule]:
    """The rules that a discriminator's path finds from a rule, looking into the profiles of types on the way."""
    here = [(rule, profile)]
    for kind, argument in steps(path):
        here = [found for one, of in here for found in _rule_step(one, of, kind, argument, checker)]
    return [one for one, _ in here]


def _rule_step(
    rule: Rule, profile: Profile, kind: str, argument: str, checker: Checker
) -> list[tuple[Rule, Profile]]:
    match kind:
        case "child":
            # What the slices of the element on the way say counts too: R4's blood pressure fixes its codes there.
            own = [_child(each, argument, profile) for each in (rule, *rule.slices)]
            if any(each is not None for each in own):
                return [(each, profile) for each in own if each is not None]
            return [
                (child, inner)
                for inner in checker.profiles(url for each in rule.types for url in each.profiles)
                if (child := _child(inner.root, argument, inner)) is not None
            ]
        case "extension":
            return _extension_rules(rule, profile, argument)
        case "ofType":
            typed = [each for each in rule.slices if any(one.code == argument for one in each.types)]
            return [(each, profile) for each in typed or [rule]]
        case _:
            return [(_target(rule, checker), profile)]


def _child(rule: Rule, name: str, profile: Profile) -> Rule | None:
    found = rule.children.get(name)
    if found is None and rule.content is not None and rule.content in profile.by_id:
        return profile.by_id[rule.content].children.get(name)
    return found


def _extension_rules(rule: Rule, profile: Profile, url: str) -> list[tuple[Rule, Profile]]:
    extensions = rule.children.get("extension")
    slices = [] if extensions is None else extensions.slices
    return [(each, profile) for each in slices if any(url in one.profiles for one in each.types)]


def _target(rule: Rule, checker: Checker) -> Rule:
    """A stand-in rule for the resource that a reference points to."""
    urls = [url for each in rule.types for url in each.targets]
    types = tuple(TypeRule(checker.type_of_profile(url), (url,)) for url in urls)
    return Rule(rule.id, rule.path, rule.name, rule.min, rule.max, types)
