"""Checking a tree against a profile."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from carespine.fhir import definitions, json_text
from carespine.fhir.faults import shown
from carespine.fhir.validation import places, reference_text
from carespine.fhir.validation.findings import ERROR, INFORMATION, WARNING, Findings
from carespine.fhir.validation.invariants import invariants
from carespine.fhir.validation.places import Place
from carespine.fhir.validation.profiles import matching
from carespine.fhir.validation.profiles.items import Item, children, resolved, resource_type
from carespine.fhir.validation.profiles.loading import load
from carespine.fhir.validation.profiles.rules import Profile, Rule, TypeRule
from carespine.fhir.validation.profiles.slicing import Undecided, slice_of
from carespine.fhir.validation.scope import Scope

_OWN = "http://hl7.org/fhir/StructureDefinition/"


class Checker:
    """Checks items of one resource; what it finds goes to the scope's findings."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    # --- profiles ------------------------------------------------------------------------------

    def profile(self, url: str) -> Profile | None:
        """The profile of a URL; None if it is not known."""
        return load(url, self.scope.context)

    def profiles(self, urls: Iterable[str]) -> list[Profile]:
        """Those of the profiles that are known."""
        return [found for url in urls if (found := self.profile(url)) is not None]

    def type_of_profile(self, url: str) -> str:
        """The type that a profile is about; empty if it is not known."""
        plain = url.partition("|")[0].removeprefix(_OWN)
        if plain in definitions.type_names():
            return plain
        found = self.profile(url)
        return "" if found is None else found.type

    def check(self, item: Item, profile: Profile) -> None:
        """Report where an item breaks a profile."""
        key = (profile.url, id(item.value))
        if key in self.scope.active:
            return
        self.scope.active.add(key)
        try:
            self._item(item, profile.root, profile)
        finally:
            self.scope.active.discard(key)

    def meets_one(self, item: Item, urls: Iterable[str]) -> bool:
        """Whether an item meets one of the profiles."""
        return any(
            self.faults(item, each) is None for each in self.profiles(urls) if self._fits_type(item, each)
        )

    def faults(self, item: Item, profile: Profile) -> Findings | None:
        """The findings where an item breaks a profile; None if it meets it."""
        findings = Findings()
        inner = Checker(self.scope.apart(findings))
        inner.check(item, profile)
        return findings if findings.has_errors() else None

    def _fits_type(self, item: Item, profile: Profile) -> bool:
        return item.type == profile.type or (
            profile.type in definitions.type_names() and definitions.is_a(item.type, profile.type)
        )

    # --- items ---------------------------------------------------------------------------------

    def _item(self, item: Item, rule: Rule, profile: Profile) -> None:
        """What a rule says of one item and of all below it."""
        self._value(item, rule, profile)
        self._types(item, rule, profile)
        for invariant in invariants(rule.constraints, item.type):
            if item.value is not None:
                invariant.check(item.value, item.place, self.scope)
        if rule.binding is not None and item.value is not None:
            rule.binding.check(item.value, item.type, item.place, self.scope)
        below = rule.children
        if rule.content is not None and not below and rule.content in profile.by_id:
            below = profile.by_id[rule.content].children
        for child in below.values():
            if child.says_something:
                self._children(item, child, profile)

    def _children(self, parent: Item, rule: Rule, profile: Profile) -> None:
        found = children(parent, rule.name)
        self._count(found, rule, parent, profile)
        if rule.must_support and not found and self.scope.context.must_support:
            message = f"has no {rule.described()}, which {profile.url} marks as must-support."
            self.scope.findings.add(INFORMATION, "informational", parent.place, message, profile.url)
        if rule.slicing is not None and (rule.slices or rule.slicing.rules == "closed"):
            self._slices(found, rule, parent, profile)
        elif rule.slices:
            self._slices_by_name(found, rule, parent, profile)
        for item in found:
            self._item(item, rule, profile)

    def _count(self, found: list[Item], rule: Rule, parent: Item, profile: Profile) -> None:
        if len(found) < rule.min:
            has = f"has only {len(found)} {rule.described()}" if found else f"has no {rule.described()}"
            message = f"{has}; {profile.url} requires at least {rule.min}."
            self._error("required", parent.place, message, profile)
        if rule.max is not None and len(found) > rule.max:
            if rule.max == 0:
                message = f"has {rule.described()}, which {profile.url} does not allow."
            else:
                message = f"has {len(found)} {rule.described()}; {profile.url} allows at most {rule.max}."
            self._error("structure", parent.place, message, profile)

    # --- slices --------------------------------------------------------------------------------

    def _slices(self, found: list[Item], rule: Rule, parent: Item, profile: Profile) -> None:
        slicing = rule.slicing
        assert slicing is not None  # noqa: S101 - the caller has looked
        members: dict[int, list[Item]] = {}
        order: list[tuple[int, Item]] = []
        for item in found:
            try:
                chosen = slice_of(item, rule.slices, slicing, profile, self)
            except Undecided as problem:
                message = f"cannot be put into a slice of {profile.url}: {problem}."
                self.scope.findings.add(WARNING, "not-supported", item.place, message, profile.url)
                return
            position = len(rule.slices) if chosen is None else rule.slices.index(chosen)
            order.append((position, item))
            members.setdefault(position, []).append(item)
            if chosen is None and slicing.rules == "closed":
                names = ", ".join(str(each.slice_name) for each in rule.slices) or "none"
                message = f"is in none of the slices that {profile.url} allows here ({names})."
                self._error("structure", item.place, message, profile)
        self._order(order, rule, profile)
        for position, each in enumerate(rule.slices):
            if each.says_something:
                self._slice(members.get(position, []), each, parent, profile)

    def _slice(self, found: list[Item], rule: Rule, parent: Item, profile: Profile) -> None:
        self._count(found, rule, parent, profile)
        if rule.must_support and not found and self.scope.context.must_support:
            message = f"has no {rule.described()}, which {profile.url} marks as must-support."
            self.scope.findings.add(INFORMATION, "informational", parent.place, message, profile.url)
        if rule.slicing is not None and rule.slices:
            self._slices(found, rule, parent, profile)
        for item in found:
            self._item(item, rule, profile)

    def _slices_by_name(self, found: list[Item], rule: Rule, parent: Item, profile: Profile) -> None:
        """Slices of a choice without a slicing of its own: by their types."""
        for each in rule.slices:
            codes = {one.code for one in each.types}
            self._slice([item for item in found if item.type in codes], each, parent, profile)

    def _order(self, order: list[tuple[int, Item]], rule: Rule, profile: Profile) -> None:
        slicing = rule.slicing
        assert slicing is not None  # noqa: S101 - the caller has looked
        open_at_end = slicing.rules == "openAtEnd"
        highest, unsliced = 0, len(rule.slices)
        ended = False
        for position, item in order:
            if position == unsliced:
                ended = True
            elif ended and open_at_end:
                message = f"comes after items of no slice; {profile.url} allows those at the end only."
                self._error("structure", item.place, message, profile)
            elif slicing.ordered and position < highest:
                name = rule.slices[position].slice_name
                message = f"(slice {name}) stands out of order; {profile.url} orders its slices."
                self._error("structure", item.place, message, profile)
            else:
                highest = position

    # --- values --------------------------------------------------------------------------------

    def _value(self, item: Item, rule: Rule, profile: Profile) -> None:
        value = item.value
        if rule.fixed is not None and not matching.is_fixed(value, rule.fixed[0]):
            message = f"is {_short(value)}; {profile.url} fixes it to {_short(rule.fixed[0])}."
            self._error("value", item.place, message, profile)
        if rule.pattern is not None and not matching.fits(value, rule.pattern[0]):
            message = f"is {_short(value)}; {profile.url} requires it to hold {_short(rule.pattern[0])}."
            self._error("value", item.place, message, profile)
        if rule.longest is not None and isinstance(value, str) and len(value) > rule.longest:
            message = f"has {len(value)} characters; {profile.url} allows at most {rule.longest}."
            self._error("too-long", item.place, message, profile)
        if value is None:
            return
        if rule.least is not None and _compare(value, rule.least) == -1:
            message = f"is {_short(value)}; {profile.url} requires at least {_short(rule.least)}."
            self._error("value", item.place, message, profile)
        if rule.most is not None and _compare(value, rule.most) == 1:
            message = f"is {_short(value)}; {profile.url} allows at most {_short(rule.most)}."
            self._error("value", item.place, message, profile)

    def _types(self, item: Item, rule: Rule, profile: Profile) -> None:
        if not rule.types or rule is profile.root:
            return
        allowed = [each for each in rule.types if _is_of(item.type, each.code)]
        if not allowed:
            names = " or ".join(dict.fromkeys(each.code for each in rule.types))
            message = f"is of type {item.type}; {profile.url} allows {names}."
            self._error("structure", item.place, message, profile)
            return
        urls = [url for each in allowed for url in each.profiles]
        if urls and all(each.profiles for each in allowed):
            self._profiled(item, urls, profile)
        if any(each.targets for each in allowed) and isinstance(item.value, dict):
            self._target(item, allowed, profile)

    def _profiled(self, item: Item, urls: list[str], profile: Profile) -> None:
        known = self.profiles(urls)
        for url in urls:
            if self.profile(url) is None:
                message = f"should meet {url}, which is not known here and was not checked."
                self.scope.findings.add(WARNING, "not-found", item.place, message, profile.url)
        if len(known) == len(urls) == 1:
            self.check(item, known[0])
        elif known and len(known) == len(urls) and not self.meets_one(item, urls):
            message = f"meets none of the profiles that {profile.url} allows: {', '.join(urls)}."
            self._error("structure", item.place, message, profile)

    # --- references ----------------------------------------------------------------------------

    def _target(self, item: Item, allowed: list[TypeRule], profile: Profile) -> None:
        urls = [url for each in allowed for url in each.targets]
        types = {self.type_of_profile(url) for url in urls}
        self._aggregation(item, allowed, profile)
        target = resolved(item, self.scope)
        text = str(item.value.get("reference", ""))
        named = target.type if target is not None else reference_text.type_of(text) or item.value.get("type")
        if named is None or "" in types:
            return
        if not any(_is_of(str(named), each) for each in types):
            message = f"points to {named}; {profile.url} allows {' or '.join(sorted(types))}."
            self._error("structure", item.place, message, profile)
            return
        if target is not None:
            self._target_profile(item, target, urls, profile)

    def _target_profile(self, item: Item, target: Item, urls: list[str], profile: Profile) -> None:
        """The resource pointed to meets one of the profiles; R4's own types it meets by its structure."""
        fitting = [url for url in urls if _is_of(target.type, self.type_of_profile(url))]
        if any(url.partition("|")[0].removeprefix(_OWN) in definitions.type_names() for url in fitting):
            return
        findings = Findings()
        scope = self.scope.target(target.value, places.root(target.type), findings)
        whole = Item(target.value, target.type, scope.place)
        if not Checker(scope).meets_one(whole, fitting):
            message = f"points to a {target.type} that meets none of: {', '.join(fitting)}."
            self._error("structure", item.place, message, profile)

    def _aggregation(self, item: Item, allowed: list[TypeRule], profile: Profile) -> None:
        modes = {mode for each in allowed for mode in each.aggregation}
        text = item.value.get("reference")
        if not modes or not isinstance(text, str):
            return
        contained = text.startswith("#")
        bundled = (
            not contained
            and self.scope.bundle is not None
            and (self.scope.bundle.find(text, self.scope.full_url) is not None)
        )
        actual = "contained" if contained else "bundled" if bundled else "referenced"
        if actual not in modes and not (bundled and "referenced" in modes):
            message = f"is a {actual} reference; {profile.url} allows {' or '.join(sorted(modes))}."
            self._error("structure", item.place, message, profile)

    def _error(self, code: str, place: Place, message: str, profile: Profile) -> None:
        self.scope.findings.add(ERROR, code, place, message, profile.url)


def check_profile(node: Any, url: str, place: Place, scope: Scope) -> bool:
    """Report where a node breaks a profile; False where the profile is not known."""
    profile = load(url, scope.context)
    if profile is None:
        return False
    Checker(scope).check(Item(node, place[1].type, place), profile)
    return True


def check_resource(tree: dict[str, Any], url: str, place: Place, scope: Scope) -> bool:
    """The same for a whole resource, which must be of the profile's type."""
    profile = load(url, scope.context)
    if profile is None:
        return False
    actual = resource_type(tree, "Resource")
    if not _is_of(actual, profile.type):
        message = f"is a {actual}; the profile {url} is about {profile.type}."
        scope.findings.add(ERROR, "structure", place, message, url)
        return True
    Checker(scope).check(Item(tree, actual, place), profile)
    return True


def conforms(node: Any, url: str, scope: Scope) -> bool | None:
    """Whether a resource meets a profile; None where the profile is not known or the node is no resource."""
    profile = load(url, scope.context)
    if profile is None or not isinstance(node, dict) or "resourceType" not in node:
        return None
    findings = Findings()
    check_resource(node, url, scope.place, scope.apart(findings))
    return not findings.has_errors()


def _is_of(actual: str, wanted: str) -> bool:
    if actual == wanted:
        return True
    if wanted in ("BackboneElement", "Element") and "." in actual:
        return True
    known = definitions.type_names()
    return actual in known and wanted in known and definitions.is_a(actual, wanted)


def _short(value: Any) -> str:
    return shown(value) if not isinstance(value, dict | list) else _json(value)


def _json(value: Any) -> str:
    text = json_text.write(value).decode()
    return text if len(text) <= 160 else f"{text[:160]}..."


def _compare(value: Any, bound: Any) -> int | None:
    """-1, 0 or 1 where a value is below, at or above a bound; None where that cannot be told."""
    if isinstance(value, dict) and isinstance(bound, dict):
        if (value.get("system"), value.get("code")) != (bound.get("system"), bound.get("code")):
            return None
        value, bound = value.get("value"), bound.get("value")
    if isinstance(value, str) and isinstance(bound, str):
        length = min(len(value), len(bound))
        value, bound = value[:length], bound[:length]
        return int(value > bound) - int(value < bound)
    try:
        left, right = Decimal(value), Decimal(bound)
    except (TypeError, ValueError, InvalidOperation):
        return None
    return (left > right) - (left < right)
