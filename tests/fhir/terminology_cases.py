"""The spec table of the terminology operations: small resources, requests, and what comes out.

`tests/fhir/test_terminology_spec.py` runs every case; `tools/generate_docs.py` writes them as docs/terminology.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Tree = dict[str, Any]
COLOURS = "https://example.org/CodeSystem/colours"
SET = "https://example.org/ValueSet"
MAP = "https://example.org/ConceptMap"
PAINTS = "https://example.org/CodeSystem/paints"


def _colour(code: str, display: str, *inner: Tree, **more: Any) -> Tree:
    tree = {"code": code, "display": display, **more}
    return {**tree, "concept": list(inner)} if inner else tree


def _is(code: str, **value: Any) -> Tree:
    return {"code": code, **value}


def _french(text: str) -> list[Tree]:
    return [{"language": "fr", "value": text}]


COLOUR_SYSTEM: Tree = {
    "resourceType": "CodeSystem",
    "id": "colours",
    "url": COLOURS,
    "version": "2",
    "name": "Colours",
    "status": "active",
    "content": "complete",
    "caseSensitive": True,
    "property": [
        {"code": "warm", "type": "boolean"},
        {"code": "hex", "type": "string"},
        {
            "code": "notSelectable",
            "uri": "http://hl7.org/fhir/concept-properties#notSelectable",
            "type": "boolean",
        },
        {"code": "inactive", "uri": "http://hl7.org/fhir/concept-properties#inactive", "type": "boolean"},
    ],
    "concept": [
        _colour(
            "red",
            "Red",
            _colour("crimson", "Crimson red", property=[_is("hex", valueString="#dc143c")]),
            _colour("scarlet", "Scarlet", definition="A bright red."),
            designation=_french("Rouge"),
            property=[_is("warm", valueBoolean=True), _is("hex", valueString="#ff0000")],
        ),
        _colour(
            "blue",
            "Blue",
            _colour("navy", "Navy blue", designation=_french("Bleu marine")),
            designation=_french("Bleu"),
            property=[_is("warm", valueBoolean=False)],
        ),
        _colour("mauve", "Mauve", property=[_is("inactive", valueBoolean=True)]),
        _colour("any", "Any colour", property=[_is("notSelectable", valueBoolean=True)]),
    ],
}


def _set(name: str, *include: Tree, exclude: list[Tree] | None = None, **compose: Any) -> Tree:
    parts = {**compose, "include": list(include), **({"exclude": exclude} if exclude else {})}
    tree = {"resourceType": "ValueSet", "id": name, "url": f"{SET}/{name}", "name": name, "status": "active"}
    return {**tree, "compose": parts}


def _filter(property: str, op: str, value: str) -> Tree:
    return {"system": COLOURS, "filter": [{"property": property, "op": op, "value": value}]}


def _codes(*codes: str) -> Tree:
    return {"system": COLOURS, "concept": [{"code": code} for code in codes]}


VALUE_SETS = [
    _set("all", {"system": COLOURS}),
    _set(
        "picked", {"system": COLOURS, "concept": [{"code": "navy", "display": "Deep blue"}, {"code": "red"}]}
    ),
    _set("reds", _filter("concept", "is-a", "red")),
    _set("no-reds", {"system": COLOURS}, exclude=[_filter("concept", "is-a", "red")]),
    _set("active", {"system": COLOURS}, inactive=False),
    _set("imports", {"valueSet": [f"{SET}/reds"]}, _codes("navy", "red")),
    _set("both", {"valueSet": [f"{SET}/imports", f"{SET}/picked"]}),
    _set("narrowed", {"system": COLOURS, "valueSet": [f"{SET}/picked"]}),
    _set("loop", {"valueSet": [f"{SET}/loop"]}),
    _set("lost", {"valueSet": [f"{SET}/nowhere"]}),
    _set("unknown-system", {"system": "https://example.org/CodeSystem/nowhere"}),
    _set("mixed", _codes("red"), {"system": PAINTS, "concept": [{"code": "red"}, {"code": "oil"}]}),
    _set("units", {"system": "http://unitsofmeasure.org"}),
    _set(
        "units-listed",
        {"system": "http://unitsofmeasure.org", "concept": [{"code": "mg"}, {"code": "{nonsense"}]},
    ),
]
CONCEPT_MAP: Tree = {
    "resourceType": "ConceptMap",
    "id": "paint",
    "url": f"{MAP}/paint",
    "name": "paint",
    "status": "active",
    "sourceUri": f"{SET}/all",
    "targetUri": f"{SET}/paints",
    "group": [
        {
            "source": COLOURS,
            "target": PAINTS,
            "element": [
                {
                    "code": "red",
                    "target": [{"code": "P1", "display": "Paint one", "equivalence": "equivalent"}],
                },
                {
                    "code": "navy",
                    "target": [
                        {
                            "code": "P2",
                            "equivalence": "wider",
                            "product": [
                                {"property": "https://example.org/finish", "system": PAINTS, "value": "matt"}
                            ],
                        }
                    ],
                },
                {"code": "mauve", "target": [{"equivalence": "unmatched"}]},
            ],
            "unmapped": {"mode": "fixed", "code": "P0", "display": "Some paint"},
        }
    ],
}
RESOURCES: list[Tree] = [COLOUR_SYSTEM, *VALUE_SETS, CONCEPT_MAP]


@dataclass(frozen=True, slots=True)
class Case:
    """A request and its answer. `expected`: the codes of an expansion (`red(crimson scarlet)` where nested), the
    outputs by name, or a status and a part of the message."""

    operation: str
    parameter: str
    says: str
    request: Tree
    expected: str | Tree | tuple[int, str]


_URL = "url"


def _expand(parameter: str, says: str, name: str, expected: Any, **more: Any) -> Case:
    request = {_URL: f"{SET}/{name}", **{key.replace("_", "-"): value for key, value in more.items()}}
    return Case("ValueSet/$expand", parameter, says, request, expected)


def _filtered(says: str, property: str, op: str, value: str, expected: Any) -> Case:
    value_set = {**_set("filtered", _filter(property, op, value)), "id": "filtered"}
    request = {"valueSet": value_set, "excludeNested": True}
    return Case("ValueSet/$expand", f"filter `{op}`", says, request, expected)


def _in_set(parameter: str, says: str, request: Tree, expected: Any) -> Case:
    return Case("ValueSet/$validate-code", parameter, says, request, expected)


def _in_system(parameter: str, says: str, request: Tree, expected: Any) -> Case:
    return Case("CodeSystem/$validate-code", parameter, says, request, expected)


_SHADES: Tree = {
    "resourceType": "CodeSystem",
    "url": "urn:shades",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "teal", "display": "Teal"}],
}
_SHADED: Tree = {
    "resourceType": "ValueSet",
    "url": "urn:sent",
    "status": "active",
    "compose": {"include": [{"system": "urn:shades"}]},
}
_WHOLE = "red(crimson scarlet) blue(navy) mauve any"
CASES = [
    _expand("url", "A whole system, as its hierarchy", "all", _WHOLE),
    _expand("url", "Listed codes keep their order", "picked", "navy red"),
    _expand("url", "An unknown one is not found", "none", (404, "not known")),
    Case(
        "ValueSet/$expand",
        "url",
        "R4's own value sets are there",
        {"url": "http://hl7.org/fhir/ValueSet/administrative-gender"},
        "male female other unknown",
    ),
    Case("ValueSet/$expand", "url", "A URL or a value set is needed", {}, (400, "Give the url")),
    _expand(
        "valueSetVersion",
        "A version that is not here is not found",
        "all",
        (404, "not known"),
        valueSetVersion="9",
    ),
    Case("ValueSet/$expand", "valueSet", "A value set can be sent", {"valueSet": VALUE_SETS[1]}, "navy red"),
    _expand("filter", "Every word begins some word of a display", "all", "crimson", filter="cri re"),
    _expand("filter", "Designations are found too", "all", "navy", filter="mar"),
    _expand("filter", "A code is found as a whole", "all", "scarlet", filter="scarlet"),
    _expand("filter", "Nothing found is an empty expansion", "all", "", filter="green"),
    _expand("count", "A page is flat; the total is of all", "all", "red crimson", count=2),
    _expand("offset", "The next page", "all", "scarlet blue", count=2, offset=2),
    _expand("count", "None: only the total", "all", "", count=0),
    _expand("count", "Not a number", "all", (400, "whole number"), count="many"),
    _expand(
        "activeOnly",
        "Leaves out what is inactive",
        "all",
        "red(crimson scarlet) blue(navy) any",
        activeOnly=True,
    ),
    _expand(
        "excludeNested", "A flat list", "all", "red crimson scarlet blue navy mauve any", excludeNested=True
    ),
    _expand(
        "excludeNotForUI",
        "Leaves out what is abstract",
        "all",
        "red(crimson scarlet) blue(navy) mauve",
        excludeNotForUI=True,
    ),
    _expand("exclude-system", "Leaves out a system", "mixed", "red", **{"exclude-system": PAINTS}),
    _expand(
        "check-system-version",
        "Another version is refused",
        "all",
        (422, "version 1"),
        **{"check-system-version": f"{COLOURS}|1", "system-version": f"{COLOURS}|2"},
    ),
    _expand(
        "system-version", "A version needs a bar", "all", (400, "with a bar"), **{"system-version": COLOURS}
    ),
    _expand("compose.exclude", "Less what is excluded", "no-reds", "blue(navy) mauve any"),
    _expand(
        "compose.inactive",
        "`false` leaves out what is inactive",
        "active",
        "red(crimson scarlet) blue(navy) any",
    ),
    _expand(
        "compose.include.valueSet",
        "A value set is imported; nothing comes twice",
        "imports",
        "red(crimson scarlet) navy",
    ),
    _expand("compose.include.valueSet", "Of several: what is in all of them", "both", "red navy"),
    _expand("compose.include.valueSet", "Beside a system: what is in both", "narrowed", "red navy"),
    _expand("compose.include.valueSet", "Itself is refused", "loop", (422, "includes itself")),
    _expand("compose.include.valueSet", "An unknown one is refused", "lost", (422, "not known")),
    _expand("compose.include.system", "An unknown one is refused", "unknown-system", (422, "not known")),
    _expand("compose.include.system", "A grammar cannot be listed", "units", (422, "cannot be listed")),
    _expand("compose.include.system", "Listed codes obey the grammar", "units-listed", "mg"),
    _filtered("The concept and all below it", "concept", "is-a", "red", "red crimson scarlet"),
    _filtered("All below it", "concept", "descendent-of", "red", "crimson scarlet"),
    _filtered("All others", "concept", "is-not-a", "red", "blue navy mauve any"),
    _filtered("The concept and all above it", "concept", "generalizes", "navy", "blue navy"),
    _filtered("A property's value", "warm", "=", "true", "red"),
    _filtered("Children by their parent", "parent", "=", "blue", "navy"),
    _filtered("One of several values", "hex", "in", "#ff0000,#dc143c", "red crimson"),
    _filtered("None of several values", "warm", "not-in", "true,false", "crimson scarlet navy mauve any"),
    _filtered("Codes by a pattern, as a whole", "code", "regex", "[a-v]+y", "navy any"),
    _filtered("Values by a pattern", "hex", "regex", "#d.*", "crimson"),
    _filtered("The property is there", "hex", "exists", "true", "red crimson"),
    _filtered("It is not", "hex", "exists", "false", "scarlet blue navy mauve any"),
    _filtered("An unknown property is refused", "taste", "=", "sweet", (422, "no property")),
    _filtered("An unknown code is refused", "concept", "is-a", "green", (422, "does not have")),
    _filtered("A pattern that could take for ever is refused", "code", "regex", "(a+)+b", (422, "repeats")),
    _expand(
        "tx-resource",
        "What is sent counts for this request",
        "picked",
        "red",
        **{
            "tx-resource": [
                {
                    **_SHADED,
                    "url": f"{SET}/picked",
                    "compose": {"include": [{"system": COLOURS, "concept": [{"code": "red"}]}]},
                }
            ]
        },
    ),
    _in_set(
        "code, system",
        "In the set",
        {"url": f"{SET}/reds", "system": COLOURS, "code": "crimson"},
        {
            "result": True,
            "display": "Crimson red",
            "code": "crimson",
            "system": COLOURS,
            "version": "2",
            "issue": None,
        },
    ),
    _in_set(
        "code, system",
        "Not in the set",
        {"url": f"{SET}/reds", "system": COLOURS, "code": "navy"},
        {"result": False, "issue": "error not-in-vs code"},
    ),
    _in_set(
        "code, system",
        "No code of the system",
        {"url": f"{SET}/reds", "system": COLOURS, "code": "green"},
        {"result": False, "message": "Nor is it a code", "issue": "error invalid-code code"},
    ),
    _in_set(
        "code, system",
        "An unknown system",
        {"url": f"{SET}/reds", "system": "urn:x", "code": "red"},
        {
            "result": False,
            "message": "not known here",
            "issue": "error not-found code",
            "x-caused-by-unknown-system": "urn:x",
        },
    ),
    _in_set(
        "code",
        "The system is inferred where one has it",
        {"url": f"{SET}/reds", "code": "red"},
        {"result": True},
    ),
    _in_set(
        "code",
        "Under several systems it is not",
        {"url": f"{SET}/mixed", "code": "red"},
        {"result": False, "message": "several systems"},
    ),
    _in_set(
        "inferSystem",
        "`false` wants the system",
        {"url": f"{SET}/reds", "code": "red", "inferSystem": False},
        (400, "inferSystem"),
    ),
    _in_set(
        "display",
        "The right one",
        {"url": f"{SET}/all", "system": COLOURS, "code": "red", "display": "red"},
        {"result": True, "message": "in case"},
    ),
    _in_set(
        "display",
        "A designation is right",
        {"url": f"{SET}/all", "system": COLOURS, "code": "red", "display": "Rouge"},
        {"result": True},
    ),
    _in_set(
        "display",
        "A wrong one",
        {"url": f"{SET}/all", "system": COLOURS, "code": "red", "display": "Green"},
        {"result": False, "display": "Red"},
    ),
    _in_set(
        "display",
        "The value set's own counts",
        {"url": f"{SET}/picked", "system": COLOURS, "code": "navy", "display": "Deep blue"},
        {"result": True, "display": "Deep blue"},
    ),
    _in_set(
        "displayLanguage",
        "The display in a language",
        {"url": f"{SET}/all", "system": COLOURS, "code": "navy", "displayLanguage": "fr"},
        {"result": True, "display": "Bleu marine"},
    ),
    _in_set(
        "coding",
        "As a Coding",
        {"url": f"{SET}/reds", "coding": {"system": COLOURS, "code": "red"}},
        {"result": True},
    ),
    _in_set(
        "codeableConcept",
        "One coding is enough",
        {
            "url": f"{SET}/reds",
            "codeableConcept": {
                "coding": [{"system": COLOURS, "code": "navy"}, {"system": COLOURS, "code": "red"}]
            },
        },
        {"result": True},
    ),
    _in_set(
        "codeableConcept",
        "None is in the set",
        {"url": f"{SET}/reds", "codeableConcept": {"coding": [{"system": COLOURS, "code": "navy"}]}},
        {"result": False},
    ),
    _in_set(
        "codeableConcept",
        "Without codings there is nothing to check",
        {"url": f"{SET}/reds", "codeableConcept": {"text": "red"}},
        {"result": False},
    ),
    _in_set(
        "abstract",
        "`false` refuses abstract concepts",
        {"url": f"{SET}/all", "system": COLOURS, "code": "any", "abstract": False},
        {"result": False, "message": "abstract"},
    ),
    _in_set(
        "code, coding",
        "Only one of them",
        {"url": f"{SET}/reds", "code": "red", "coding": {"code": "red"}},
        (400, "Give one of"),
    ),
    _in_set(
        "systemVersion",
        "Another version than the set uses",
        {"url": f"{SET}/all", "system": COLOURS, "code": "red", "systemVersion": "1"},
        {"result": False, "message": "version 2"},
    ),
    _in_set("url", "An unknown value set", {"url": "urn:nowhere", "code": "red"}, (404, "not known")),
    _in_set(
        "valueSet",
        "A value set can be sent",
        {"valueSet": VALUE_SETS[2], "system": COLOURS, "code": "red"},
        {"result": True},
    ),
    _in_set(
        "code, system",
        "A unit of a grammar",
        {"url": f"{SET}/units", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
        {"result": True},
    ),
    _in_set(
        "code, system",
        "No unit of the grammar",
        {"url": f"{SET}/units", "system": "http://unitsofmeasure.org", "code": "furlong"},
        {"result": False},
    ),
    _in_set(
        "code",
        "R4's languages by their grammar",
        {"url": "http://hl7.org/fhir/ValueSet/all-languages", "system": "urn:ietf:bcp:47", "code": "en-GB"},
        {"result": True, "display": "English (United Kingdom)"},
    ),
    _in_set(
        "code",
        "R4's media types by their grammar",
        {"url": "http://hl7.org/fhir/ValueSet/mimetypes", "system": "urn:ietf:bcp:13", "code": "text/ html"},
        {"result": False},
    ),
    _in_set(
        "code",
        "R4's currencies",
        {"url": "http://hl7.org/fhir/ValueSet/currencies", "system": "urn:iso:std:iso:4217", "code": "GBP"},
        {"result": True, "display": "British Pound"},
    ),
    _in_set(
        "code",
        "Units by a unit they compare with",
        {
            "url": "http://hl7.org/fhir/ValueSet/all-distance-units",
            "system": "http://unitsofmeasure.org",
            "code": "km",
        },
        {"result": True},
    ),
    _in_set(
        "lenient-display-validation",
        "A wrong display is only a warning",
        {
            "url": f"{SET}/reds",
            "coding": {"system": COLOURS, "code": "red", "display": "Green"},
            "lenient-display-validation": True,
        },
        {"result": True, "display": "Red", "issue": "warning invalid-display Coding.display"},
    ),
    _in_set(
        "tx-resource",
        "What is sent counts for this request",
        {"url": "urn:sent", "system": "urn:shades", "code": "teal", "tx-resource": [_SHADES, _SHADED]},
        {"result": True, "display": "Teal"},
    ),
    _in_set(
        "tx-resource",
        "Supplements are refused",
        {"url": f"{SET}/reds", "code": "red", "tx-resource": [{**_SHADES, "content": "supplement"}]},
        (422, "Supplements"),
    ),
    _in_set(
        "tx-resource",
        "Nothing else can be sent",
        {"url": f"{SET}/reds", "code": "red", "tx-resource": [{"resourceType": "Patient"}]},
        (400, "with a url"),
    ),
    _in_system(
        "url, code",
        "A code of the system",
        {"url": COLOURS, "code": "red"},
        {"result": True, "display": "Red"},
    ),
    _in_system("url, code", "Codes keep their case", {"url": COLOURS, "code": "RED"}, {"result": False}),
    _in_system(
        "url, code",
        "Inactive ones are said",
        {"url": COLOURS, "code": "mauve"},
        {"result": True, "message": "inactive"},
    ),
    _in_system(
        "url",
        "An unknown system",
        {"url": "urn:nowhere", "code": "red"},
        {"result": False, "message": "not known"},
    ),
    _in_system(
        "url",
        "One whose content is not here",
        {"url": "http://snomed.info/sct", "code": "22298006"},
        {"result": False, "message": "not loaded"},
    ),
    _in_system(
        "version",
        "A version that is not here",
        {"url": COLOURS, "version": "1", "code": "red"},
        {"result": False},
    ),
    _in_system(
        "coding", "Names the system", {"coding": {"system": COLOURS, "code": "red"}}, {"result": True}
    ),
    _in_system(
        "coding",
        "Of another system",
        {"url": COLOURS, "coding": {"system": PAINTS, "code": "red"}},
        {"result": False},
    ),
    _in_system(
        "codeableConcept",
        "One coding is enough",
        {"url": COLOURS, "codeableConcept": {"coding": [{"system": COLOURS, "code": "red"}]}},
        {"result": True},
    ),
    _in_system(
        "codeSystem",
        "A code system can be sent",
        {"codeSystem": COLOUR_SYSTEM, "code": "red"},
        {"result": True},
    ),
    _in_system(
        "display",
        "A wrong one",
        {"url": COLOURS, "code": "red", "display": "Green"},
        {"result": False, "display": "Red"},
    ),
    Case(
        "CodeSystem/$lookup",
        "code, system",
        "Name, version, display",
        {"system": COLOURS, "code": "red"},
        {"name": "Colours", "version": "2", "display": "Red", "property": "warm hex", "designation": "Rouge"},
    ),
    Case(
        "CodeSystem/$lookup",
        "property",
        "Those asked for",
        {"system": COLOURS, "code": "red", "property": ["child", "warm"]},
        {"property": "child child warm", "designation": None},
    ),
    Case(
        "CodeSystem/$lookup",
        "property",
        "The parents",
        {"system": COLOURS, "code": "navy", "property": "parent"},
        {"property": "parent"},
    ),
    Case(
        "CodeSystem/$lookup",
        "property",
        "An unknown one",
        {"system": COLOURS, "code": "red", "property": "taste"},
        (400, "no property"),
    ),
    Case(
        "CodeSystem/$lookup",
        "displayLanguage",
        "The display in a language",
        {"system": COLOURS, "code": "navy", "displayLanguage": "fr"},
        {"display": "Bleu marine"},
    ),
    Case(
        "CodeSystem/$lookup",
        "coding",
        "As a Coding",
        {"coding": {"system": COLOURS, "code": "scarlet"}},
        {"display": "Scarlet", "property": "definition parent"},
    ),
    Case(
        "CodeSystem/$lookup",
        "code",
        "An unknown code",
        {"system": COLOURS, "code": "green"},
        (404, "not a code"),
    ),
    Case(
        "CodeSystem/$lookup",
        "system",
        "An unknown system",
        {"system": "urn:nowhere", "code": "red"},
        (404, "not known"),
    ),
    Case(
        "CodeSystem/$lookup",
        "code, system",
        "A unit",
        {"system": "http://unitsofmeasure.org", "code": "mg"},
        {"display": "mg"},
    ),
    Case(
        "CodeSystem/$subsumes",
        "codeA, codeB",
        "The same",
        {"system": COLOURS, "codeA": "red", "codeB": "red"},
        {"outcome": "equivalent"},
    ),
    Case(
        "CodeSystem/$subsumes",
        "codeA, codeB",
        "Above",
        {"system": COLOURS, "codeA": "red", "codeB": "crimson"},
        {"outcome": "subsumes"},
    ),
    Case(
        "CodeSystem/$subsumes",
        "codeA, codeB",
        "Below",
        {"system": COLOURS, "codeA": "crimson", "codeB": "red"},
        {"outcome": "subsumed-by"},
    ),
    Case(
        "CodeSystem/$subsumes",
        "codeA, codeB",
        "Neither",
        {"system": COLOURS, "codeA": "red", "codeB": "blue"},
        {"outcome": "not-subsumed"},
    ),
    Case(
        "CodeSystem/$subsumes",
        "codingA, codingB",
        "As Codings",
        {"codingA": {"system": COLOURS, "code": "blue"}, "codingB": {"system": COLOURS, "code": "navy"}},
        {"outcome": "subsumes"},
    ),
    Case(
        "CodeSystem/$subsumes",
        "codingA, codingB",
        "Of two systems",
        {"codingA": {"system": COLOURS, "code": "blue"}, "codingB": {"system": PAINTS, "code": "x"}},
        (400, "one code system"),
    ),
    Case("CodeSystem/$subsumes", "codeB", "Is needed", {"system": COLOURS, "codeA": "red"}, (400, "codeB")),
    Case(
        "CodeSystem/$subsumes",
        "codeA",
        "An unknown code",
        {"system": COLOURS, "codeA": "green", "codeB": "red"},
        (404, "not a code"),
    ),
    Case(
        "ConceptMap/$translate",
        "url, code, system",
        "A match",
        {"url": f"{MAP}/paint", "system": COLOURS, "code": "red"},
        {"result": True, "match": "equivalent P1"},
    ),
    Case(
        "ConceptMap/$translate",
        "url, code, system",
        "With a product",
        {"url": f"{MAP}/paint", "system": COLOURS, "code": "navy"},
        {"result": True, "match": "wider P2"},
    ),
    Case(
        "ConceptMap/$translate",
        "url, code, system",
        "Unmatched is no translation",
        {"url": f"{MAP}/paint", "system": COLOURS, "code": "mauve"},
        {"result": False, "match": "unmatched"},
    ),
    Case(
        "ConceptMap/$translate",
        "url, code, system",
        "What the map does not list",
        {"url": f"{MAP}/paint", "system": COLOURS, "code": "any"},
        {"result": True, "match": "inexact P0"},
    ),
    Case(
        "ConceptMap/$translate",
        "reverse",
        "Back again",
        {"url": f"{MAP}/paint", "system": PAINTS, "code": "P2", "reverse": True},
        {"result": True, "match": "narrower navy"},
    ),
    Case(
        "ConceptMap/$translate",
        "targetsystem",
        "Another system has none",
        {"url": f"{MAP}/paint", "system": COLOURS, "code": "red", "targetsystem": "urn:x"},
        {"result": False},
    ),
    Case(
        "ConceptMap/$translate",
        "source, target",
        "The maps between two value sets",
        {"source": f"{SET}/all", "target": f"{SET}/paints", "system": COLOURS, "code": "red"},
        {"result": True, "match": "equivalent P1"},
    ),
    Case(
        "ConceptMap/$translate",
        "coding",
        "As a Coding",
        {"url": f"{MAP}/paint", "coding": {"system": COLOURS, "code": "red"}},
        {"result": True},
    ),
    Case(
        "ConceptMap/$translate",
        "codeableConcept",
        "As a CodeableConcept",
        {"url": f"{MAP}/paint", "codeableConcept": {"coding": [{"system": COLOURS, "code": "red"}]}},
        {"result": True},
    ),
    Case(
        "ConceptMap/$translate",
        "conceptMap",
        "A map can be sent",
        {"conceptMap": CONCEPT_MAP, "system": COLOURS, "code": "red"},
        {"result": True},
    ),
    Case(
        "ConceptMap/$translate",
        "dependency",
        "Is refused",
        {
            "url": f"{MAP}/paint",
            "system": COLOURS,
            "code": "red",
            "dependency": [{"name": "element", "valueUri": "urn:x"}],
        },
        (400, "dependency"),
    ),
    Case(
        "ConceptMap/$translate",
        "url",
        "An unknown map",
        {"url": "urn:nowhere", "system": COLOURS, "code": "red"},
        (404, "not known"),
    ),
]
