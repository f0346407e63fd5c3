"""Converters: a value of a FHIR type becomes index entries of the parameters that it belongs to.

One converter serves all parameters of a kind that meet at the same place of a resource (`code` and
`combo-code`). What repeats across resources (codes, patients, dates) is remembered with its keys, so that
hashing is rare.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from carespine.fhir.definitions import Element
from carespine.fhir.search import forms, keys, normal, ranges
from carespine.fhir.search.entries import IndexEntries
from carespine.fhir.search.keys import Form

Converter = Callable[[Any, IndexEntries], None]
# Ours: values remembered per converter; a few hundred bytes each.
_REMEMBERED = 1024
# Ours: longer texts are cut in the index of beginnings and parts; their exact keys are not.
MAX_INDEXED_TEXT = 1000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(dict[K, V]):
    """A bounded memory of a function: looking up what is known costs no call."""

    def __init__(self, make: Callable[[K], V]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, wanted: K) -> V:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[wanted] = self.make(wanted)
        return value


@dataclass(frozen=True, slots=True)
class Place:
    """Where values come from: a resource type, the parameters that meet there, and the element.

    What is found there is filed once, under the one name that these parameters share (extraction.filed).
    """

    resource_type: str
    name: str
    codes: tuple[str, ...]
    element: Element | None = None

    def keys(self, found: Sequence[Form]) -> frozenset[int]:
        """The keys of the forms and of being present."""
        return keys.keys(self.resource_type, self.name, (keys.PRESENT_FORM, *found))

    def row(self, *cells: Any) -> tuple[tuple[Any, ...], ...]:
        """The one row of a value."""
        return ((self.name, *cells),)

    def references(self, resource_type: str, resource_id: str) -> tuple[tuple[str, str, str], ...]:
        """One row for each parameter: these are not stored, and are asked for by code."""
        return tuple((code, resource_type, resource_id) for code in self.codes)


def converter(param_type: str, fhir_type: str, place: Place) -> Converter | None:
    """How a FHIR type is indexed under parameters of the kind; None if R4 does not index it so."""
    if param_type in {"date", "number", "quantity"}:
        return _ranged(param_type, fhir_type, place)
    special = _SPECIAL.get((param_type, fhir_type))
    if special is not None:
        return special(place)
    forms_of = forms.forms_function(param_type, fhir_type, place.element)
    if forms_of is None:
        return None
    if param_type == "uri":
        return _uris(forms_of, place)
    return _primitive(forms_of, place) if fhir_type[0].islower() else _plain(forms_of, place)


def _ranged(param_type: str, fhir_type: str, place: Place) -> Converter | None:
    if param_type == "date" and fhir_type in ranges.DATES:
        return _dates(ranges.DATES[fhir_type], place, is_text=fhir_type not in {"Period", "Timing"})
    if param_type == "number" and fhir_type in ranges.NUMBERS:
        return _numbers(ranges.NUMBERS[fhir_type], place)
    if param_type == "quantity" and fhir_type in ranges.AMOUNTS:
        return _quantities(ranges.AMOUNTS[fhir_type], place)
    return None


def _primitive(forms_of: forms.FormsOf, place: Place) -> Converter:
    memo = Memo[Any, frozenset[int]](lambda value: place.keys(forms_of(value)))

    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= memo[value]

    return convert


def _plain(forms_of: forms.FormsOf, place: Place) -> Converter:
    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= place.keys(forms_of(value))

    return convert


def _text_rows(place: Place, *texts: str | None) -> tuple[tuple[str, str], ...]:
    return tuple(row for text in texts if text for row in place.row(normal.text(text)[:MAX_INDEXED_TEXT]))


def _codings(place: Place) -> Converter:
    def make(wanted: tuple[str | None, str | None, str | None]) -> tuple[frozenset[int], Any]:
        system, code, display = wanted
        return place.keys(keys.token_forms(system, code)), _text_rows(place, display)

    memo = Memo(make)

    def convert(value: Any, entries: IndexEntries) -> None:
        get = value.get
        found, texts = memo[get("system"), get("code"), get("display")]
        entries.keys |= found
        entries.texts += texts

    return convert


def _concepts(place: Place) -> Converter:
    coding = _codings(place)
    present = place.keys(())
    memo = Memo[str, Any](lambda text: _text_rows(place, text))

    def convert(value: Any, entries: IndexEntries) -> None:
        if "coding" in value:
            for item in value["coding"]:
                coding(item, entries)
        else:
            entries.keys |= present
        if "text" in value:
            entries.texts += memo[value["text"]]

    return convert


def _identifiers(place: Place) -> Converter:
    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= place.keys(forms.of_identifier(value))
        if "type" in value and "text" in value["type"]:
            entries.texts += _text_rows(place, value["type"]["text"])

    return convert


def _references(place: Place) -> Converter:
    present = place.keys(())

    def make(wanted: tuple[str, str]) -> tuple[frozenset[int], Any]:
        local = forms.local_reference(*wanted)
        if local is None:
            return place.keys(forms.of_reference_text(*wanted)), ()
        return place.keys([(keys.REFERENCE, *local)]), place.references(*local)

    return _by_reference(place, present, make)


def referring(place: Place) -> Converter:
    """References to one resource type, at a place where all references are filed: of those to resources on this
    server, only that they are there."""
    present = place.keys(())

    def make(wanted: tuple[str, str]) -> tuple[frozenset[int], Any]:
        local = forms.local_reference(*wanted)
        if local is None:
            return place.keys(forms.of_reference_text(*wanted)), ()
        return present, place.references(*local)

    return _by_reference(place, present, make)


def _by_reference(
    place: Place, present: frozenset[int], make: Callable[[tuple[str, str]], tuple[frozenset[int], Any]]
) -> Converter:
    memo = Memo(make)

    def convert(value: Any, entries: IndexEntries) -> None:
        if "reference" in value:
            found, rows = memo[value["reference"], entries.base_url]
            entries.keys |= found
            entries.references += rows
        else:
            entries.keys |= present
        if "identifier" in value:
            tokens = forms.of_identifier(value["identifier"])
            entries.keys |= place.keys([keys.identifier_form(form) for form in tokens])
        if "display" in value:
            entries.texts += _text_rows(place, value["display"])

    return convert


def _strings(place: Place) -> Converter:
    def make(value: str) -> tuple[frozenset[int], Any]:
        return place.keys(forms.of_string(value)), _text_rows(place, value)

    memo = Memo(make)

    def convert(value: Any, entries: IndexEntries) -> None:
        found, rows = memo[value]
        entries.keys |= found
        entries.strings += rows

    return convert


def _in_parts(names: tuple[str, ...]) -> Callable[[Place], Converter]:
    def for_place(place: Place) -> Converter:
        text, present = _strings(place), place.keys(())

        def convert(value: Any, entries: IndexEntries) -> None:
            entries.keys |= present
            for part in forms.parts(value, names):
                text(part, entries)

        return convert

    return for_place


def _sounds(place: Place) -> Converter:
    """`phonetic`: how the parts of a name sound."""

    def make(value: str) -> tuple[frozenset[int], Any]:
        sound = normal.phonetic(value)
        return place.keys([(keys.NORMAL, sound)] if sound else []), place.row(sound) if sound else ()

    memo = Memo(make)

    def convert(value: Any, entries: IndexEntries) -> None:
        for part in forms.parts(value, forms.NAME_PARTS):
            found, rows = memo[part]
            entries.keys |= found
            entries.strings += rows

    return convert


def _dates(range_of: Callable[[Any], Any], place: Place, *, is_text: bool) -> Converter:
    present = place.keys(())

    def rows_of(value: Any) -> tuple[Any, ...]:
        span = range_of(value)
        return place.row(*span) if span else ()

    memo = Memo[str, Any](rows_of)

    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= present
        entries.dates += memo[value] if is_text else rows_of(value)

    return convert


def _numbers(range_of: Callable[[Any], Any], place: Place) -> Converter:
    present = place.keys(())

    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= present
        span = range_of(value)
        if span is not None:
            entries.numbers += place.row(*span)

    return convert


def _quantities(amount_of: Callable[[Any], ranges.Amount | None], place: Place) -> Converter:
    present = place.keys(())

    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= present
        amount = amount_of(value)
        if amount is not None:
            low, high, system, code, unit = amount
            entries.quantities += place.row(system, code, low, high, unit)

    return convert


def _uris(forms_of: forms.FormsOf, place: Place) -> Converter:
    memo = Memo[str, Any](lambda value: (place.keys(forms_of(value)), place.row(value)))

    def convert(value: Any, entries: IndexEntries) -> None:
        found, rows = memo[value]
        entries.keys |= found
        entries.uris += rows

    return convert


def _positions(place: Place) -> Converter:
    present = place.keys(())

    def convert(value: Any, entries: IndexEntries) -> None:
        entries.keys |= present
        if "latitude" in value and "longitude" in value:
            entries.positions.append((float(value["latitude"]), float(value["longitude"])))

    return convert


_SPECIAL: dict[tuple[str, str], Callable[[Place], Converter]] = {
    ("token", "Coding"): _codings,
    ("token", "CodeableConcept"): _concepts,
    ("token", "Identifier"): _identifiers,
    ("reference", "Reference"): _references,
    ("string", "string"): _strings,
    ("string", "markdown"): _strings,
    ("string", "HumanName"): _in_parts(forms.NAME_PARTS),
    ("string", "Address"): _in_parts(forms.ADDRESS_PARTS),
    ("phonetic", "HumanName"): _sounds,
    ("special", "Location.position"): _positions,
}
