"""The values of search parameters as they are written: escapes, prefixes, and one reader per kind of value.

Every reader raises ValueError with what was expected; the caller adds the name of the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from carespine.fhir.search import forms, moments, normal, numbers
from carespine.fhir.search.criteria import (
    DateValue,
    MissingValue,
    NearValue,
    NumberValue,
    OfTypeValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carespine.kernel.ids import is_fhir_id

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_PREFIXED = re.compile(f"(?P<prefix>{'|'.join(PREFIXES)})?(?P<rest>.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,$|])")
# FHIR R4 search.html#prefix: `ap` is "within 10 %" of the value, at the server's choice.
_APPROXIMATE = Decimal("0.1")
# FHIR R4 location.html#search leaves the distance to the server: ours, about a town.
_DEFAULT_KM = 50.0
_KM = {"km": 1.0, "m": 0.001, "[mi_i]": 1.609344, "[mi_us]": 1.609347}


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that are not escaped; the parts keep their escapes."""
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def plain(text: str) -> str:
    """The text without escapes. Raises ValueError when nothing is left, or for control characters."""
    value = _ESCAPED.sub(r"\1", text)
    if not value.strip():
        raise ValueError("the value is empty")
    # They stand between the parts of hashed keys, and no FHIR string may hold them.
    if any(character < " " and character not in "\t\r\n" for character in value):
        raise ValueError("the value has a control character")
    return value


def token(text: str) -> TokenValue:
    """`code`, `system|code`, `|code` or `system|`."""
    parts = split(text, "|")
    if len(parts) == 1:
        return TokenValue(None, plain(text))
    if len(parts) > 2 or not any(parts):
        raise ValueError("expected code, system|code, |code or system|")
    system, code = parts
    return TokenValue(plain(system) if system else "", plain(code) if code else None)


def boolean_token(text: str) -> TokenValue:
    """A token of an element that is true or false."""
    value = token(text)
    if value.code not in {"true", "false"}:
        raise ValueError("expected true or false")
    return value


def contact_token(text: str) -> TokenValue:
    """A token of a telephone number or an e-mail address."""
    value = token(text)
    return TokenValue(value.system, normal.contact(value.code) if value.code else None)


def of_type(text: str) -> OfTypeValue:
    """`system|code|value`."""
    parts = split(text, "|")
    if len(parts) != 3:
        raise ValueError("expected the identifier's type and value: system|code|value")
    system, code, value = map(plain, parts)
    return OfTypeValue(system, code, value)


def string(text: str) -> StringValue:
    """Any text."""
    value = plain(text)
    return StringValue(value, normal.text(value))


def sound(text: str) -> StringValue:
    """A text to be compared by its sound."""
    value = plain(text)
    sounding = normal.phonetic(value)
    if not sounding:
        raise ValueError("expected a name in Latin letters")
    return StringValue(value, sounding)


def uri(text: str) -> UriValue:
    """A URI without spaces."""
    value = plain(text)
    if any(character.isspace() for character in value):
        raise ValueError("expected a URI, without spaces")
    return UriValue(value)


def missing(text: str) -> MissingValue:
    """true or false."""
    if text not in {"true", "false"}:
        raise ValueError("expected true or false")
    return MissingValue(text == "true")


def date(text: str) -> DateValue:
    """A date or date and time, with an optional prefix."""
    prefix, rest = _prefixed(text)
    # A `+` that was not percent-encoded in the query arrives as a space.
    return DateValue(prefix, *moments.interval(rest.replace(" ", "+")))


def number(text: str) -> NumberValue:
    """A number with an optional prefix."""
    prefix, rest = _prefixed(text)
    value = numbers.parse(rest)
    if prefix == "ap":
        margin = abs(value) * _APPROXIMATE
        return NumberValue(prefix, value, value - margin, value + margin)
    return NumberValue(prefix, value, *numbers.implicit_range(value))


def quantity(text: str) -> QuantityValue:
    """`number`, `number|system|code` or `number||code`."""
    parts = split(text, "|")
    if len(parts) not in {1, 3}:
        raise ValueError("expected a number, number|system|code or number||code")
    system, code = (plain(part) if part else "" for part in (parts[1:] or ("", "")))
    if system and not code:
        raise ValueError("expected a unit code after the system")
    return QuantityValue(number(parts[0]), system, code)


def near(text: str) -> NearValue:
    """`latitude|longitude`, `latitude|longitude|distance` or `latitude|longitude|distance|unit`."""
    parts = split(text, "|")
    if len(parts) not in {2, 3, 4} or not parts[0] or not parts[1]:
        raise ValueError("expected latitude|longitude|distance|unit")
    latitude, longitude, *rest = (float(numbers.parse(part)) for part in parts[:3] if part)
    unit = parts[3] if len(parts) == 4 and parts[3] else "km"
    if unit not in _KM:
        raise ValueError(f"expected a unit of {', '.join(_KM)}")
    distance = rest[0] * _KM[unit] if rest else _DEFAULT_KM
    if abs(latitude) > 90 or abs(longitude) > 180 or distance < 0:
        raise ValueError(
            "expected a latitude of -90 to 90, a longitude of -180 to 180, and a distance from 0"
        )
    return NearValue(latitude, longitude, distance)


def reference(text: str, *, only_type: str | None = None, base_url: str = "") -> ReferenceValue:
    """`id`, `Type/id`, or an absolute URL or canonical. `only_type` is the `:Type` modifier."""
    value = plain(text)
    if value.startswith("#"):
        raise ValueError("a contained resource cannot be searched for")
    if is_fhir_id(value):
        return ReferenceValue(only_type, value)
    local = forms.local_reference(value, base_url)
    if local is None and ":" in value:
        return ReferenceValue(None, "", url=value)
    if local is None or not is_fhir_id(local[1]):
        raise ValueError("expected id, Type/id or an absolute URL")
    if only_type not in {None, local[0]}:
        raise ValueError(f"expected a reference to {only_type}")
    return ReferenceValue(*local)


def _prefixed(text: str) -> tuple[str, str]:
    match = _PREFIXED.fullmatch(plain(text))
    if match is None:
        raise ValueError("the value is empty")
    return match["prefix"] or "eq", match["rest"]


_BY_PARAMETER_TYPE: dict[str, Callable[[str], Value]] = {
    "date": date,
    "number": number,
    "quantity": quantity,
    "reference": reference,
    "string": string,
    "token": token,
    "uri": uri,
}
_BY_CODE: dict[str, Callable[[str], Value]] = {
    "near": near,
    "phonetic": sound,
}
_TOKENS_OF: dict[str, Callable[[str], Value]] = {"boolean": boolean_token, "ContactPoint": contact_token}
_BY_MODIFIER: dict[str, Callable[[str], Value]] = {
    "missing": missing,
    "of-type": of_type,
    "text": string,
    "in": uri,
    "not-in": uri,
    "identifier": token,
}


def reader(
    parameter_type: str, code: str, modifier: str | None, types: frozenset[str]
) -> Callable[[str], Value]:
    """The reader of one value of a parameter that finds values of the given FHIR types."""
    if modifier in _BY_MODIFIER:
        return _BY_MODIFIER[modifier]
    if code in _BY_CODE:
        return _BY_CODE[code]
    if parameter_type == "token" and len(types) == 1:
        return _TOKENS_OF.get(next(iter(types)), token)
    return _BY_PARAMETER_TYPE[parameter_type]
