"""Composite parameters: values that must stand together, such as a component's code and its quantity.

Where the group is the resource itself (`Observation.code-value-quantity`) nothing is indexed: the components'
own parameters on the same resource say the same. Within repeating groups (`Observation.component`),
components that are searched by equality become one combined key; a component that is a range becomes a row
whose name holds the equality components (`keys.composite_row`). With two ranged components the two are not
tied to one group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import SearchParameter
from carespine.fhir.search import forms, keys, paths, ranges
from carespine.fhir.search.entries import IndexEntries
from carespine.fhir.search.keys import Form
from carespine.fhir.search.paths import Path, Step
from carespine.fhir.search.steps import walk

RANGED = frozenset({"date", "number", "quantity"})
GroupConverter = Callable[[Any, Any, IndexEntries], None]


@cache
def component_types(code: str, resource_type: str) -> tuple[str, ...]:
    """The parameter types of a composite's components."""
    parameter = definitions.search_parameters(resource_type)[code]
    urls = (url for url, _ in parameter.components)
    return tuple(definitions.search_parameter_by_url(url, resource_type).type for url in urls)


@cache
def component_codes(code: str, resource_type: str) -> tuple[str, ...]:
    """The codes of the parameters that define a composite's components."""
    parameter = definitions.search_parameters(resource_type)[code]
    urls = (url for url, _ in parameter.components)
    return tuple(definitions.search_parameter_by_url(url, resource_type).code for url in urls)


@cache
def has_groups(code: str, resource_type: str) -> tuple[bool, bool]:
    """Whether a composite looks at (the resource itself, groups within it)."""
    parameter = definitions.search_parameters(resource_type)[code]
    found = paths.parse(parameter.expression, resource_type, resource_type)
    return any(not path.steps for path in found), any(path.steps for path in found)


@cache
def root_codes(code: str, resource_type: str) -> tuple[str, ...]:
    """For each component a parameter that finds it on the resource itself and never within a group.

    `combo-code` will not do for `combo-code-value-quantity`: it would let one component's code meet another's
    value.
    """
    parameter = definitions.search_parameters(resource_type)[code]
    groups = _group_steps(parameter, resource_type)
    kinds = component_types(code, resource_type)
    return tuple(
        _root_code(set(paths.parse(text, resource_type, resource_type)), kind, groups, resource_type)
        for kind, (_, text) in zip(kinds, parameter.components, strict=True)
    )


def _root_code(wanted: set[Path], kind: str, groups: tuple[tuple[Step, ...], ...], resource_type: str) -> str:
    fitting = []
    for each in definitions.search_parameters(resource_type).values():
        if each.type != kind or not each.expression:
            continue
        found = set(paths.parse(each.expression, resource_type, resource_type))
        in_groups = any(path.steps[: len(steps)] == steps for path in found for steps in groups)
        if wanted <= found and not in_groups:
            fitting.append((len(found), each.code))
    return min(fitting)[1]


def _group_steps(parameter: SearchParameter, resource_type: str) -> tuple[tuple[Step, ...], ...]:
    found = paths.parse(parameter.expression, resource_type, resource_type)
    return tuple(path.steps for path in found if path.steps)


@cache
def row_code(code: str, resource_type: str) -> str:
    """The composite under whose name the rows are filed: the first of those that look for the same in the
    same groups.

    Observation's `combo-code-value-quantity` and `component-code-value-quantity` share the rows of its
    components.
    """
    composites = [
        each for each in definitions.search_parameters(resource_type).values() if each.type == "composite"
    ]
    wanted = _looks_for(definitions.search_parameters(resource_type)[code], resource_type)
    return min(each.code for each in composites if _looks_for(each, resource_type) == wanted)


def _looks_for(parameter: SearchParameter, resource_type: str) -> tuple[object, ...]:
    groups = _group_steps(parameter, resource_type)
    return groups, tuple(expression for _, expression in parameter.components)


def group_converter(parameter: SearchParameter, group_type: str, resource_type: str) -> GroupConverter:
    """How one group is indexed: called with (group, resource, entries)."""
    kinds = component_types(parameter.code, resource_type)
    parsed = [paths.parse(text, group_type, resource_type) for _, text in parameter.components]
    components = list(zip(kinds, parsed, strict=True))
    equal = [(kind, found) for kind, found in components if kind not in RANGED]
    files_rows = row_code(parameter.code, resource_type) == parameter.code
    ranged = [(place, kind, found) for place, (kind, found) in enumerate(components) if kind in RANGED]

    def convert(group: Any, resource: Any, entries: IndexEntries) -> None:
        forms_found = [_forms(kind, found, group, resource) for kind, found in equal]
        values_found = [list(_values(found, group, resource)) for _, _, found in ranged]
        if not all(forms_found) or not all(values_found):
            return
        entries.keys.add(keys.key(resource_type, parameter.code, keys.PRESENT_FORM))
        if not ranged:
            combined = keys.composite_forms(forms_found)
            entries.keys |= keys.keys(resource_type, parameter.code, combined)
        if not files_rows:
            return
        named = list(product(*_with_code(forms_found)))
        for (place, kind, _), values in zip(ranged, values_found, strict=True):
            names = [keys.composite_row(parameter.code, place, chosen) for chosen in named]
            _add_rows(names, kind, values, entries)

    return convert


def _with_code(components: list[list[Form]]) -> list[list[Form]]:
    """Without the forms of a system alone: a range over all codes of a system is not worth its rows."""
    return [[form for form in found if form[0] != keys.SYSTEM] for found in components]


def _forms(kind: str, found: tuple[Path, ...], group: Any, resource: Any) -> list[Form]:
    result: list[Form] = []
    for path, value in _values(found, group, resource):
        forms_of = forms.forms_function(kind, path.type, path.element)
        if forms_of is not None:
            result += forms_of(value)
    return result


def _add_rows(names: list[str], kind: str, values: list[tuple[Path, Any]], entries: IndexEntries) -> None:
    for path, value in values:
        if kind == "quantity" and path.type in ranges.AMOUNTS:
            amount = ranges.AMOUNTS[path.type](value)
            if amount is not None:
                low, high, system, code, unit = amount
                entries.quantities += ((name, system, code, low, high, unit) for name in names)
        elif kind == "number" and path.type in ranges.NUMBERS:
            span = ranges.NUMBERS[path.type](value)
            entries.numbers += ((name, *span) for name in names) if span else ()
        elif kind == "date" and path.type in ranges.DATES:
            span = ranges.DATES[path.type](value)
            entries.dates += ((name, *span) for name in names) if span else ()


def _values(found: tuple[Path, ...], group: Any, resource: Any) -> Iterator[tuple[Path, Any]]:
    for path in found:
        for value in walk(path.steps, resource if path.from_resource else group, resource):
            yield path, value
