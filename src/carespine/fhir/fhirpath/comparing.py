"""Equality, equivalence and order of items and collections."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from carespine.fhir.fhirpath import quantities, temporal
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items, system
from carespine.fhir.fhirpath.temporal import Temporal
from carespine.fhir.fhirpath.values import Quantity, system_name

_WHOLE = (int, Decimal)
# Rounding to a place must not fail for want of digits.
_WIDE = Context(prec=400)


def is_number(value: Any) -> bool:
    return isinstance(value, _WHOLE) and not isinstance(value, bool)


# --- = -----------------------------------------------------------------------------------------


def equal_collections(left: Items, right: Items) -> bool | None:
    """`left = right`: None where either is empty or an item's equality is open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equal(left[0], right[0])
    answers = [equal(one, other) for one, other in zip(left, right, strict=True)]
    if False in answers:
        return False
    return None if None in answers else True


def equal(left: Item, right: Item) -> bool | None:
    """Whether two items are equal; None where precision leaves it open or a primitive has no value."""
    one, other = system(left), system(right)
    if type(one) is str and type(other) is str:
        return one == other
    return None if one is None or other is None else _equal_values(one, other)


def _equal_values(one: Any, other: Any) -> bool | None:
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        return _equal_temporals(one, other)
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        return _equal_quantities(one, other)
    if type(one) is tuple and type(other) is tuple:
        return _same_tree(one[0], other[0])
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _equal_temporals(left: Temporal, right: Temporal) -> bool | None:
    if not temporal.are_comparable(left, right):
        return False
    order = temporal.compare(left, right)
    return None if order is None else order == 0


def _equal_quantities(left: Any, right: Any) -> bool | None:
    one, other = quantities.as_quantity(left), quantities.as_quantity(right)
    if one is None or other is None:
        return False
    order = quantities.compare(one, other)
    return None if order is None else order == 0


def _same_tree(left: Any, right: Any) -> bool:
    """JSON equality; numbers by value, so that 1.0 and 1.00 agree, but true and 1 do not."""
    return left is right or _tree_key(left) == _tree_key(right)


# --- keys for sets of items --------------------------------------------------------------------


def key(item: Item) -> Any:
    """A hashable that two items share if they are equal: what a collection is searched with."""
    value = system(item)
    if type(value) is str:
        return value
    return ("no value", _tree_key(item[2])) if value is None else _value_key(value)


def _value_key(value: Any) -> Any:
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Temporal):
        return (isinstance(value, temporal.Time), value.offset is None, temporal.in_utc(value))
    if isinstance(value, Quantity):
        return quantities.key(value)
    return _tree_key(value[0]) if type(value) is tuple else value


def _tree_key(tree: Any) -> Any:
    if isinstance(tree, dict):
        return frozenset((name, _tree_key(value)) for name, value in tree.items())
    if isinstance(tree, list):
        return ("list", *map(_tree_key, tree))
    return ("boolean", tree) if isinstance(tree, bool) else tree


def distinct(items: Items) -> Items:
    """The items without those equal to an earlier one, in order."""
    if len(items) < 2:
        return items
    found: dict[Any, Item] = {}
    for item in items:
        found.setdefault(key(item), item)
    return list(found.values())


# --- ~ -----------------------------------------------------------------------------------------


def equivalent_collections(left: Items, right: Items) -> bool:
    """`left ~ right`: the same items in any order; two empty collections are equivalent."""
    return len(left) == len(right) and _pair_up(left, right, equivalent)


def equivalent(left: Item, right: Item) -> bool:
    """Whether two items say the same, apart from letter case, white space and finer precision."""
    one, other = system(left), system(right)
    if one is None or other is None:
        return False
    if isinstance(one, str) and isinstance(other, str):
        return _folded(one) == _folded(other)
    return _equivalent_values(one, other)


def _equivalent_values(one: Any, other: Any) -> bool:
    if is_number(one) and is_number(other):
        return equivalent_numbers(Decimal(one), Decimal(other))
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        return temporal.are_comparable(one, other) and temporal.compare(one, other) == 0
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        return _equivalent_quantities(one, other)
    if type(one) is tuple and type(other) is tuple:
        return _equivalent_trees(one[0], other[0])
    return type(one) is type(other) and bool(one == other)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def equivalent_numbers(left: Decimal, right: Decimal) -> bool:
    """Equality in the precision of the less precise, zeros at the end not counted."""
    places = min(_places(left), _places(right))
    step = Decimal(1).scaleb(-places)
    return left.quantize(step, ROUND_HALF_UP, _WIDE) == right.quantize(step, ROUND_HALF_UP, _WIDE)


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _equivalent_quantities(left: Any, right: Any) -> bool:
    one, other = quantities.as_quantity(left), quantities.as_quantity(right)
    if one is None or other is None:
        return False
    both = quantities.in_coarser_unit(one, other)
    return both is not None and equivalent_numbers(*both)


def _equivalent_trees(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        # An element's id belongs to its place, not to what it says.
        names = (left.keys() | right.keys()) - {"id"}
        return all(_equivalent_trees(left.get(name), right.get(name)) for name in names)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and _pair_up(left, right, _equivalent_trees)
    if isinstance(left, str) and isinstance(right, str):
        return _folded(left) == _folded(right)
    return bool(left == right)


def _pair_up(left: Items, right: Items, agree: Callable[[Any, Any], bool]) -> bool:
    rest = list(right)
    for one in left:
        at = next((at for at, other in enumerate(rest) if agree(one, other)), None)
        if at is None:
            return False
        del rest[at]
    return True


# --- < -----------------------------------------------------------------------------------------


def order(left: Item, right: Item) -> int | None:
    """-1, 0 or 1; None where it is open. FhirPathEvaluationError where the types have no order."""
    one, other = system(left), system(right)
    if one is None or other is None:
        return None
    if (isinstance(one, str) and isinstance(other, str)) or (is_number(one) and is_number(other)):
        return int(one > other) - int(one < other)
    if isinstance(one, Temporal) and isinstance(other, Temporal) and temporal.are_comparable(one, other):
        return temporal.compare(one, other)
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        amounts = quantities.as_quantity(one), quantities.as_quantity(other)
        if amounts[0] is not None and amounts[1] is not None:
            return quantities.compare(amounts[0], amounts[1])
    raise FhirPathEvaluationError(f"{describe(left)} and {describe(right)} have no order")


def describe(item: Item) -> str:
    """The type of an item in words for a message; never its value."""
    return item[1].name if type(item) is tuple else system_name(item)
