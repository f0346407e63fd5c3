"""The forms (see `keys`) in which values answer token, reference, string and uri parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.fhir.search import keys, normal
from carespine.fhir.search.keys import Form

FormsOf = Callable[[Any], list[Form]]

# FHIR R4 search.html#token: a boolean's implied system.
BOOLEANS = "http://terminology.hl7.org/CodeSystem/special-values"
# Systems of `code` elements whose value set R4 leaves open; see the definitions of those value sets.
_OPEN_SYSTEMS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": "urn:ietf:bcp:13",
    "http://hl7.org/fhir/ValueSet/languages": "urn:ietf:bcp:47",
    "http://hl7.org/fhir/ValueSet/currencies": "urn:iso:std:iso:4217",
    "http://hl7.org/fhir/ValueSet/ucum-units": "http://unitsofmeasure.org",
}
NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")


def of_coding(value: dict[str, Any]) -> list[Form]:
    """A Coding."""
    return keys.token_forms(value.get("system"), value.get("code"))


def of_concept(value: dict[str, Any]) -> list[Form]:
    """A CodeableConcept: all its codings."""
    return [form for coding in value.get("coding", ()) for form in of_coding(coding)]


def of_identifier(value: dict[str, Any]) -> list[Form]:
    """An Identifier, and for :of-type its value under each of its types."""
    text = value.get("value")
    forms = keys.token_forms(value.get("system"), text)
    for coding in value.get("type", {}).get("coding", ()):
        if text and "system" in coding and "code" in coding:
            forms.append((keys.OF_TYPE, coding["system"], coding["code"], text))
    return forms


def of_contact(value: dict[str, Any]) -> list[Form]:
    """A ContactPoint: R4 makes its use the token's system."""
    text = value.get("value")
    return keys.token_forms(value.get("use"), normal.contact(text) if text else None)


def of_text(value: str) -> list[Form]:
    """A string, id or uri as a token without a system."""
    return keys.token_forms(None, value)


def of_boolean(value: bool) -> list[Form]:
    """true or false."""
    code = "true" if value else "false"
    return [*keys.token_forms(BOOLEANS, code), (keys.NO_SYSTEM, code)]


def of_code(element: Element | None) -> FormsOf:
    """A `code`: its system is implied by the value set it is bound to."""
    systems = _implied_systems(element.binding[1] if element and element.binding else "")

    def forms_of(value: str) -> list[Form]:
        forms: list[Form] = [(keys.CODE, value), (keys.NO_SYSTEM, value)]
        for system, codes in systems.items():
            if codes is None or value in codes:
                forms += [(keys.SYSTEM_CODE, system, value), (keys.SYSTEM, system)]
        return forms

    return forms_of


@cache
def _implied_systems(value_set: str) -> Mapping[str, frozenset[str] | None]:
    if value_set in _OPEN_SYSTEMS:
        return {_OPEN_SYSTEMS[value_set]: None}
    return dict(definitions.code_systems(value_set) or {})


def of_uri(value: str) -> list[Form]:
    """A uri, url, canonical or oid under a uri parameter; a canonical is found without its version, too."""
    plain = normal.without_version(value)
    return [(keys.URI, value)] if plain == value else [(keys.URI, value), (keys.URI, plain)]


def of_string(value: str) -> list[Form]:
    """A string as it is, and as it compares."""
    return [(keys.EXACT, value), (keys.NORMAL, normal.text(value))]


def local_reference(value: str, base_url: str = "") -> tuple[str, str] | None:
    """The (type, id) of `Patient/1` or `Patient/1/_history/2`; of an absolute URL only below `base_url`."""
    if base_url and value.startswith(base_url):
        value = value[len(base_url) :].lstrip("/")
    parts = value.split("/")
    if len(parts) not in {2, 4} or not definitions.is_resource(parts[0]) or not parts[1]:
        return None
    return parts[0], parts[1]


def of_reference_text(value: str, base_url: str = "") -> list[Form]:
    """A reference's text or a canonical. A reference to something contained (`#x`) cannot be searched for."""
    if value.startswith("#"):
        return []
    local = local_reference(value, base_url)
    if local is not None:
        return keys.reference_forms(*local)
    return keys.url_forms(value)


def of_reference(value: dict[str, Any]) -> list[Form]:
    """A Reference, and for :identifier its identifier."""
    forms = of_reference_text(value["reference"]) if "reference" in value else []
    if "identifier" in value:
        forms += [keys.identifier_form(form) for form in of_identifier(value["identifier"])]
    return forms


def of_resource(value: dict[str, Any]) -> list[Form]:
    """A resource in the place of a reference to it (the first entry of a document)."""
    return keys.reference_forms(value["resourceType"], value["id"]) if "id" in value else []


def parts(value: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """The strings of a HumanName or an Address, one for each part."""
    found: list[str] = []
    for name in names:
        part = value.get(name)
        if isinstance(part, list):
            found += [item for item in part if item is not None]
        elif part is not None:
            found.append(part)
    return found


_TOKENS: dict[str, FormsOf] = {
    "Coding": of_coding,
    "CodeableConcept": of_concept,
    "Identifier": of_identifier,
    "ContactPoint": of_contact,
    "boolean": of_boolean,
    "id": of_text,
    "string": of_text,
    "uri": of_text,
}
_OTHERS: dict[str, dict[str, FormsOf]] = {
    "reference": {
        "Reference": of_reference,
        "canonical": of_reference_text,
        "uri": of_reference_text,
        "Resource": of_resource,
    },
    "uri": {"uri": of_uri, "url": of_uri, "canonical": of_uri, "oid": of_uri},
    "string": {"string": of_string, "markdown": of_string},
}


def forms_function(param_type: str, fhir_type: str, element: Element | None) -> FormsOf | None:
    """How values of a FHIR type are searched by equality under a kind of parameter; None if they are not."""
    if param_type == "token":
        return of_code(element) if fhir_type == "code" else _TOKENS.get(fhir_type)
    return _OTHERS.get(param_type, {}).get(fhir_type)
