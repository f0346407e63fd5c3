"""Decimal numbers as a search sees them: a value, and the range that its written precision stands for."""

from __future__ import annotations

from decimal import Context, Decimal

# Ours: as in carespine.fhir.primitives; a query must not be able to ask for more than can be stored.
_MAX_EXPONENT = 300
_MAX_DIGITS = 100
_EXACT = Context(prec=_MAX_DIGITS + 2)


def parse(text: str) -> Decimal:
    """The number that a query wrote; ValueError if it is not one, or beyond what is stored."""
    try:
        value = Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not value.is_finite() or "_" in text or text != text.strip() or not text.isascii():
        raise ValueError(f"{text!r} is not a number")
    if abs(value.adjusted()) > _MAX_EXPONENT or len(value.as_tuple().digits) > _MAX_DIGITS:
        raise ValueError(f"{text!r} is beyond the numbers that are stored")
    return value


def implicit_range(value: Decimal) -> tuple[Decimal, Decimal]:
    """The half-open range of all numbers that round to `value` as written: 100 -> 99.5 to 100.5.

    Source: FHIR R4 search.html#number ("100: values that equal 100, to 3 significant figures precision").
    """
    exponent = value.as_tuple().exponent
    half = Decimal((0, (5,), int(exponent) - 1))
    return _EXACT.subtract(value, half), _EXACT.add(value, half)
