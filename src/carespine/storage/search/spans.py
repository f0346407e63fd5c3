"""Values of dates, numbers and quantities as tests of a stored range, with the bounds that an index can serve.

Most stored ranges are narrow: a day at most for dates, a point for numbers. For those, what is asked of the high
end bounds the low end as well, so that one stretch of an index on the low end holds all of them. The few wide ones
have an index of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from carespine.fhir.fhirpath import ucum
from carespine.fhir.search.criteria import DateValue, NumberValue

# As in the index for wide dates (migration 0006).
DAY_US = 86_400_000_000
Bound = float | int | None


@dataclass(frozen=True, slots=True)
class Side:
    """The least and the most that a low end may be; None where it is open."""

    least: Bound = None
    most: Bound = None

    def within(self, other: Side) -> Side:
        """What lies in both."""
        leasts = [bound for bound in (self.least, other.least) if bound is not None]
        mosts = [bound for bound in (self.most, other.most) if bound is not None]
        return Side(max(leasts, default=None), min(mosts, default=None))


@dataclass(frozen=True, slots=True)
class Test:
    """What a stored range must satisfy: `holds` in SQL with {low}, {high} and the numbers {0}, {1}; the bounds on
    the low ends of narrow and of wide ranges, which follow from it."""

    holds: str
    numbers: tuple[float | int, ...]
    narrow: Side
    wide: Side


@dataclass(frozen=True, slots=True)
class Part:
    """One way to match: all of the tests, in one of the units (None: in any)."""

    tests: tuple[Test, ...]
    units: tuple[int, ...] | None = None

    def joined(self, other: Part) -> Part | None:
        """Both at once on one row; None where no unit is left."""
        units = self.units if other.units is None else other.units
        if self.units is not None and other.units is not None:
            units = tuple(sorted(set(self.units) & set(other.units)))
            if not units:
                return None
        return Part((*self.tests, *other.tests), units)

    @property
    def narrow(self) -> Side:
        return _all(test.narrow for test in self.tests)

    @property
    def wide(self) -> Side:
        return _all(test.wide for test in self.tests)


def _all(sides: Iterable[Side]) -> Side:
    found = Side()
    for side in sides:
        found = found.within(side)
    return found


# How a stored range [low, high) compares with the asked range [{0}, {1}). Source: FHIR R4 search.html#prefix.
_DATES = {
    "eq": "{low} >= {0} and {high} <= {1}",
    "ne": "not ({low} >= {0} and {high} <= {1})",
    "gt": "{high} > {1}",
    "lt": "{low} < {0}",
    "ge": "({high} > {1} or {low} >= {0})",
    "le": "({low} < {0} or {high} <= {1})",
    "sa": "{low} >= {1}",
    "eb": "{high} <= {0}",
    "ap": "{low} < {1} and {high} > {0}",
    "po": "{low} < {1} and {high} > {0}",
}


def of_date(value: DateValue, now: int) -> Test:
    """A date's test; `now` (microseconds since 1970) is what `ap` is measured from."""
    low, high = value.approximately(now) if value.prefix == "ap" else (value.low, value.high)
    reach = high - DAY_US + 1  # the least low end of a narrow range that ends after `high`
    sides = {
        "eq": (Side(low, high - 1), Side(low, high - 1)),
        "gt": (Side(least=reach), Side()),
        "lt": (Side(most=low - 1), Side(most=low - 1)),
        "ge": (Side(least=min(low, reach)), Side()),
        "le": (Side(most=high - 1), Side(most=high - 1)),
        "sa": (Side(least=high), Side(least=high)),
        "eb": (Side(most=low - 1), Side(most=low - 1)),
        "ap": (Side(low - DAY_US + 1, high - 1), Side(most=high - 1)),
        "po": (Side(low - DAY_US + 1, high - 1), Side(most=high - 1)),
    }
    narrow, wide = sides.get(value.prefix, (Side(), Side()))
    return Test(_DATES[value.prefix], (low, high), narrow, wide)


# Stored numbers are points, or closed ranges. {0} and {1} are the precision of the number asked for, or the number
# itself twice where R4 ignores its precision (gt, lt, ge, le, sa, eb). Source: FHIR R4 search.html#number.
_NUMBERS = {
    "eq": "{low} >= {0} and {high} < {1}",
    "ne": "not ({low} >= {0} and {high} < {1})",
    "gt": "{high} > {0}",
    "lt": "{low} < {0}",
    "ge": "{high} >= {0}",
    "le": "{low} <= {0}",
    "sa": "{low} > {0}",
    "eb": "{high} < {0}",
    "ap": "{low} <= {1} and {high} >= {0}",
}
_BY_PRECISION = ("eq", "ne", "ap")


def of_number(value: NumberValue, *, asked: str | None = None, stored: str | None = None) -> Test:
    """A number's test; converted from the UCUM unit `asked` to `stored`, exactly, where both are given."""
    ends = (value.low, value.high) if value.prefix in _BY_PRECISION else (value.value, value.value)
    a, b = (_converted(Fraction(end), asked, stored) for end in ends)
    sides = {
        "eq": (Side(a, b), Side(a, b)),
        "gt": (Side(least=a), Side()),
        "lt": (Side(most=a), Side(most=a)),
        "ge": (Side(least=a), Side()),
        "le": (Side(most=a), Side(most=a)),
        "sa": (Side(least=a), Side(least=a)),
        "eb": (Side(most=a), Side(most=a)),
        "ap": (Side(a, b), Side(most=b)),
    }
    narrow, wide = sides.get(value.prefix, (Side(), Side()))
    return Test(_NUMBERS[value.prefix], (a, b), narrow, wide)


def _converted(number: Fraction, asked: str | None, stored: str | None) -> float:
    """The double nearest to the number: stored ones are made in the same way, so that order is kept."""
    one, other = ucum.unit(asked or ""), ucum.unit(stored or "")
    if one is not None and other is not None and asked != stored:
        number = (number * one.factor + one.zero - other.zero) / other.factor
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
