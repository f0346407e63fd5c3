"""Units of measure: reads UCUM codes and says what they are worth in base units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from carespine.fhir.fhirpath.ucum_units import (
    ARBITRARY,
    BASE,
    BINARY_PREFIXES,
    METRIC,
    PLAIN,
    PREFIXES,
    SCALES,
)

SYSTEM = "http://unitsofmeasure.org"
_CACHED = 4096
_LONGEST = 200
_LARGEST_EXPONENT = 99
# An exact fraction of 10 to the 999,999 would take minutes to reckon with; nothing measured comes near this.
_LARGEST_MAGNITUDE = 300
# UCUM marks these as metric, so that k[iU] and dB are codes. Source: UCUM tables 8 and 12.
_METRIC_ARBITRARY = frozenset(
    {"[iU]", "Np", "B", "B[SPL]", "B[V]", "B[mV]", "B[uV]", "B[10.nV]", "B[W]", "B[kW]"}
)

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """What one of a unit is: `factor` base units of `dimensions`, from a zero at `zero` base units."""

    factor: Fraction
    dimensions: Dimensions
    zero: Fraction = Fraction(0)

    def times(self, other: Unit, sign: int = 1) -> Unit:
        factor = self.factor * other.factor if sign > 0 else self.factor / other.factor
        return Unit(factor, _merge(self.dimensions, other.dimensions, sign))

    def power(self, exponent: int) -> Unit:
        return Unit(self.factor**exponent, _merge((), self.dimensions, exponent))

    def in_base(self, value: Decimal) -> Fraction:
        """`value` of this unit as a number of base units; OverflowError for one beyond all measure."""
        if abs(value.adjusted()) > _LARGEST_MAGNITUDE:
            raise OverflowError
        return Fraction(value) * self.factor + self.zero


ONE = Unit(Fraction(1), ())


def _merge(left: Iterable[tuple[str, int]], right: Iterable[tuple[str, int]], times: int) -> Dimensions:
    total = dict(left)
    for base, exponent in right:
        total[base] = total.get(base, 0) + exponent * times
    return tuple(sorted((base, exponent) for base, exponent in total.items() if exponent))


@lru_cache(maxsize=_CACHED)
def unit(code: str) -> Unit | None:
    """The meaning of a UCUM code, case sensitive; None if it is not one that this table knows."""
    if len(code) > _LONGEST:
        return None
    if code in SCALES:
        degree, zero = SCALES[code]
        return Unit(Fraction(degree), (("K", 1),), Fraction(zero))
    try:
        return _Reader(code).whole()
    except (ValueError, ZeroDivisionError):
        return None


def are_comparable(left: str, right: str) -> bool:
    """Whether amounts of two UCUM codes measure the same kind of thing."""
    one, other = unit(left), unit(right)
    return one is not None and other is not None and one.dimensions == other.dimensions


# Longest first where one code is the beginning of another.
_ANNOTATION = re.compile(r"\{[!-z|~ ]*\}")
_COMPONENT = re.compile(
    r"(?P<symbol>(?:\[[^\[\]{}]*\]|10[*^]|[^\[\]{}()./\s\d+-])+?)(?P<exponent>[+-]?\d+)?(?=[./){]|$)"
)
_NUMBER = re.compile(r"\d+(?=[./){]|$)")


class _Reader:
    """UCUM's grammar: factors joined by `.` and `/`, from left to right, with brackets and annotations."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.at = 0

    def whole(self) -> Unit:
        if not self.code:
            raise ValueError("empty")
        result = self.term()
        if self.at != len(self.code):
            raise ValueError(self.code)
        return result

    def peek(self) -> str:
        return self.code[self.at : self.at + 1]

    def term(self) -> Unit:
        result = ONE
        sign = 1
        if self.peek() == "/":
            self.at, sign = self.at + 1, -1
        while True:
            result = result.times(self.component(), sign)
            joint = self.peek()
            if not joint or joint not in "./":
                return result
            self.at += 1
            sign = 1 if joint == "." else -1

    def component(self) -> Unit:
        if self.peek() == "(":
            self.at += 1
            result = self.term()
            if self.peek() != ")":
                raise ValueError(self.code)
            self.at += 1
            return result
        if match := _ANNOTATION.match(self.code, self.at):
            self.at = match.end()
            return ONE
        result = self.simple()
        if match := _ANNOTATION.match(self.code, self.at):
            self.at = match.end()
        return result

    def simple(self) -> Unit:
        if match := _NUMBER.match(self.code, self.at):
            self.at = match.end()
            return Unit(Fraction(match.group()), ())
        match = _COMPONENT.match(self.code, self.at)
        if match is None:
            raise ValueError(self.code)
        self.at = match.end()
        exponent = int(match["exponent"] or 1)
        if abs(exponent) > _LARGEST_EXPONENT:
            raise ValueError(self.code)
        return _symbol(match["symbol"]).power(exponent)


@lru_cache(maxsize=_CACHED)
def _symbol(symbol: str) -> Unit:
    """A unit symbol with or without a prefix."""
    found = _atom(symbol)
    if found is not None:
        return found
    for length in (2, 1):
        prefix, rest = symbol[:length], symbol[length:]
        if rest in METRIC or rest in BASE or rest in _METRIC_ARBITRARY:
            atom = _atom(rest) or ONE
            if prefix in PREFIXES:
                return Unit(Fraction(10) ** PREFIXES[prefix] * atom.factor, atom.dimensions)
            if prefix in BINARY_PREFIXES and rest in ("bit", "By"):
                return Unit(2 ** BINARY_PREFIXES[prefix] * atom.factor, atom.dimensions)
    raise ValueError(symbol)


def _atom(symbol: str) -> Unit | None:
    if symbol in BASE or symbol in ARBITRARY:
        return Unit(Fraction(1), ((symbol, 1),))
    row = METRIC.get(symbol) or PLAIN.get(symbol)
    if row is None:
        return None
    amount, code = row
    value = _Reader(code).whole()
    return Unit(Fraction(amount) * value.factor, value.dimensions)
