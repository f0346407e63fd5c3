"""Walking from nodes to their elements, the work that nearly every expression mostly consists of."""

from __future__ import annotations

from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.model import Item, Items
from carespine.fhir.fhirpath.registry import Fn
from carespine.fhir.fhirpath.values import Quantity, TypeInfo


def member(name: str) -> Fn:
    """The elements `name` of what is at hand."""

    def run(item: Item, frame: Frame) -> Items:
        if type(item) is not tuple:
            return [] if item is None else _of_system_value(item, name)
        read = item[1].readers[name]
        return [] if read is None else read(item)

    return run


def path(start: Fn, names: tuple[str, ...]) -> Fn:
    """The elements at the end of a path of names that begins at `start`."""
    if not names:
        return start

    def run(item: Item, frame: Frame) -> Items:
        items = start(item, frame)
        for name in names:
            found: Items = []
            for each in items:
                if type(each) is tuple:
                    read = each[1].readers[name]
                    if read is not None:
                        found += read(each)
                else:
                    found += _of_system_value(each, name)
            items = found
        return items

    return run


def _of_system_value(value: Item, name: str) -> Items:
    if isinstance(value, Quantity):
        members: dict[str, Item] = {"value": value.value, "unit": value.unit, "code": value.unit}
        return [members[name]] if name in members else []
    if isinstance(value, TypeInfo):
        found = {"namespace": value.namespace, "name": value.name, "baseType": value.base_type}.get(name)
        return [] if found is None else [found]
    return []
