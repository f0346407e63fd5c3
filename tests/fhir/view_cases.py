"""The spec table of ViewDefinitions: small resources, a view, and its rows. A case for each feature of v2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]
Rows = list[tuple[Any, ...]]

ANN: Tree = {
    "resourceType": "Patient",
    "id": "ann",
    "active": True,
    "birthDate": "1970-06",
    "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1970-06-01T10:00:00Z"}]},
    "gender": "female",
    "name": [
        {"use": "official", "family": "Abel", "given": ["Ann", "Ada"]},
        {"use": "nickname", "given": ["Annie"]},
    ],
    "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "a@example.org"}],
    "contact": [
        {
            "name": {"family": "Abel"},
            "telecom": [{"system": "phone", "value": "2"}, {"system": "phone", "value": "3"}],
        }
    ],
    "extension": [{"url": "urn:colour", "valueCode": "red"}],
    "generalPractitioner": [{"reference": "Practitioner/p1"}, {"reference": "Organization/o1"}],
    "managingOrganization": {"reference": "https://example.org/fhir/Organization/o2/_history/3"},
}
BEN: Tree = {"resourceType": "Patient", "id": "ben", "active": False, "name": [{"family": "Bond"}]}
CAT: Tree = {"resourceType": "Patient", "id": "cat"}
PEOPLE = [ANN, BEN, CAT]
PULSE: Tree = {
    "resourceType": "Observation",
    "id": "pulse",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "subject": {"reference": "Patient/ann"},
    "effectiveDateTime": "2026-01-01",
    "valueQuantity": {"value": 71, "unit": "/min"},
}
MOOD: Tree = {
    "resourceType": "Observation",
    "id": "mood",
    "status": "amended",
    "code": {"coding": [{"code": "a"}, {"code": "b"}]},
    "valueString": "fine",
}
QUESTIONS: Tree = {
    "resourceType": "Questionnaire",
    "id": "q",
    "status": "active",
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [{"linkId": "1.1", "type": "string"}, {"linkId": "1.2", "type": "string"}],
        },
        {"linkId": "2", "type": "string"},
    ],
}


@dataclass(frozen=True, slots=True)
class Case:
    """A view over resources: the columns in order and its rows, or a part of the refusal."""

    feature: str
    says: str
    select: list[Tree]
    rows: Rows | str
    resources: list[Tree] = field(default_factory=lambda: PEOPLE)
    where: list[str] = field(default_factory=list)
    constants: list[Tree] = field(default_factory=list)

    @property
    def view(self) -> Tree:
        tree: Tree = {
            "resourceType": "ViewDefinition",
            "name": "case",
            "status": "active",
            "resource": self.resources[0]["resourceType"],
            "select": self.select,
        }
        if self.where:
            tree["where"] = [{"path": path} for path in self.where]
        return {**tree, "constant": self.constants} if self.constants else tree


def columns(**paths: str) -> Tree:
    return {"column": [{"name": name, "path": path} for name, path in paths.items()]}


def _one(feature: str, says: str, path: str, *values: Any, resources: list[Tree] | None = None) -> Case:
    return Case(feature, says, [columns(it=path)], [(value,) for value in values], resources or [ANN])


def _refused(feature: str, says: str, tree: Tree, part: str) -> Case:
    return Case(feature, says, [tree], part, [ANN])


def _many(path: str) -> Tree:
    return {"column": [{"name": "it", "path": path, "collection": True}]}


_TELECOM = {"forEach": "telecom", "column": [{"name": "system", "path": "system"}]}
_CONTACT = {"forEachOrNull": "contact.telecom", "column": [{"name": "phone", "path": "value"}]}
_CODES = [{"name": "code", "valueString": "official"}, {"name": "born", "valueDate": "1980-01-01"}]
CASES = [
    Case(
        "column",
        "Values of each resource; null where there is none",
        [columns(id="id", family="name.first().family")],
        [("ann", "Abel"), ("ben", "Bond"), ("cat", None)],
    ),
    Case(
        "column",
        "Several selects stand side by side",
        [columns(id="id"), columns(active="active")],
        [("ann", True), ("ben", False), ("cat", None)],
    ),
    Case(
        "column",
        "Numbers and truths keep their kind",
        [columns(value="value.ofType(Quantity).value", final="status = 'final'")],
        [(71, True), (None, False)],
        [PULSE, MOOD],
    ),
    _one("column", "The resource type can stand in front", "Patient.gender", "female"),
    Case(
        "column",
        "Several values for one row are refused",
        [columns(given="name.given")],
        "3 values for one row",
        [ANN],
    ),
    Case(
        "collection",
        "A list; empty where there is none",
        [_many("name.given")],
        [(["Ann", "Ada", "Annie"],), ([],), ([],)],
    ),
    Case("collection", "One value is a list of one", [_many("gender")], [(["female"],)], [ANN]),
    Case(
        "type, tag, description",
        "Are accepted",
        [
            {
                "column": [
                    {
                        "name": "id",
                        "path": "id",
                        "type": "id",
                        "description": "x",
                        "tag": [{"name": "ansi/type", "value": "CHARACTER VARYING"}],
                    }
                ]
            }
        ],
        [("ann",)],
        [ANN],
    ),
    Case("where", "Rows of what meets the condition", [columns(id="id")], [("ann",)], where=["active"]),
    Case(
        "where",
        "All of several conditions",
        [columns(id="id")],
        [("ben",)],
        where=["name.exists()", "active = false"],
    ),
    Case("where", "No answer is no", [columns(id="id")], [("ann",)], where=["birthDate > @1960-01-01"]),
    Case(
        "where",
        "Something else than true or false is refused",
        [columns(id="id")],
        "true or false",
        where=["name.family.first() | gender"],
    ),
    Case(
        "where",
        "A condition of another type is found beforehand",
        [columns(id="id")],
        "this gives string",
        where=["name.family"],
    ),
    Case(
        "constant",
        "A text in a path and in a condition",
        [columns(family="name.where(use = %code).family")],
        [("Abel",)],
        where=["name.where(use = %code).exists()"],
        constants=_CODES,
    ),
    Case("constant", "A date", [columns(id="id")], [("ann",)], where=["birthDate < %born"], constants=_CODES),
    Case(
        "constant",
        "Whole numbers, decimals and truths",
        [columns(a="%whole + 1", b="%part", c="%yes")],
        [(3, "1.50", True)],
        [ANN],
        constants=[
            {"name": "whole", "valueInteger": 2},
            {"name": "part", "valueString": "1.50"},
            {"name": "yes", "valueBoolean": True},
        ],
    ),
    Case("constant", "One that is not defined is refused", [columns(a="%nowhere")], "%nowhere", [ANN]),
    Case(
        "constant",
        "One without a value is refused",
        [columns(a="id")],
        "needs one value",
        [ANN],
        constants=[{"name": "x"}],
    ),
    Case(
        "constant",
        "A value of another kind is refused",
        [columns(a="id")],
        "not a value",
        [ANN],
        constants=[{"name": "x", "valueInteger": "many"}],
    ),
    Case(
        "forEach",
        "A row for each item; none for a resource without",
        [columns(id="id"), _TELECOM],
        [("ann", "phone"), ("ann", "email")],
    ),
    Case(
        "forEach",
        "Over a path of several steps",
        [{"forEach": "contact.telecom", **columns(phone="value")}],
        [("2",), ("3",)],
    ),
    Case(
        "forEach",
        "Over what a function finds",
        [{"forEach": "telecom.where(system = 'email')", **columns(mail="value")}],
        [("a@example.org",)],
    ),
    Case(
        "forEach",
        "Over values, as $this",
        [{"forEach": "name.given", **columns(given="$this")}],
        [("Ann",), ("Ada",), ("Annie",)],
    ),
    Case(
        "forEach",
        "Within another: rows of the inner beside the outer",
        [
            {
                "forEach": "name",
                **columns(use="use"),
                "select": [{"forEach": "given", **columns(given="$this")}],
            }
        ],
        [("official", "Ann"), ("official", "Ada"), ("nickname", "Annie")],
    ),
    Case(
        "forEach",
        "Two side by side: every combination",
        [_TELECOM, {"forEach": "name", **columns(use="use")}],
        [("phone", "official"), ("phone", "nickname"), ("email", "official"), ("email", "nickname")],
        [ANN],
    ),
    Case(
        "forEachOrNull",
        "A row of nulls where there is none",
        [columns(id="id"), _CONTACT],
        [("ann", "2"), ("ann", "3"), ("ben", None), ("cat", None)],
    ),
    Case(
        "forEachOrNull",
        "Beside a forEach that finds nothing: no row",
        [_TELECOM, _CONTACT],
        [("phone", "2"), ("phone", "3"), ("email", "2"), ("email", "3")],
    ),
    Case(
        "select",
        "Nested without iteration: the same row",
        [{"column": [{"name": "id", "path": "id"}], "select": [columns(gender="gender")]}],
        [("ann", "female")],
        [ANN],
    ),
    Case(
        "unionAll",
        "The rows of each part, one after the other",
        [
            columns(id="id"),
            {
                "unionAll": [
                    {"forEach": "telecom", **columns(value="value")},
                    {"forEach": "contact.telecom", **columns(value="value")},
                ]
            },
        ],
        [("ann", "1"), ("ann", "a@example.org"), ("ann", "2"), ("ann", "3")],
        [ANN],
    ),
    Case(
        "unionAll",
        "Within an iteration and beside columns",
        [
            {
                "forEach": "contact",
                **columns(family="name.family"),
                "unionAll": [{"forEach": "telecom", **columns(v="value")}, columns(v="name.family")],
            }
        ],
        [("Abel", "2"), ("Abel", "3"), ("Abel", "Abel")],
        [ANN],
    ),
    Case(
        "unionAll",
        "Within a union",
        [{"unionAll": [columns(v="id"), {"unionAll": [columns(v="gender"), columns(v="birthDate")]}]}],
        [("ann",), ("female",), ("1970-06",)],
        [ANN],
    ),
    _refused(
        "unionAll",
        "Other columns in one part are refused",
        {"unionAll": [columns(a="id"), columns(b="id")]},
        "same columns",
    ),
    _refused(
        "unionAll",
        "Another order is refused",
        {"unionAll": [columns(a="id", b="gender"), columns(b="gender", a="id")]},
        "same columns",
    ),
    Case(
        "repeat",
        "Follows a path down, outer before inner",
        [{"repeat": ["item"], **columns(link="linkId")}],
        [("1",), ("1.1",), ("1.2",), ("2",)],
        [QUESTIONS],
    ),
    Case(
        "repeat",
        "Beside a column of the resource",
        [columns(id="id"), {"repeat": ["item"], **columns(link="linkId", row="%rowIndex")}],
        [("q", "1", 0), ("q", "1.1", 1), ("q", "1.2", 2), ("q", "2", 3)],
        [QUESTIONS],
    ),
    Case(
        "%rowIndex",
        "Counts from 0 in each iteration",
        [
            {
                "forEach": "name",
                **columns(i="%rowIndex"),
                "select": [{"forEach": "given", **columns(j="%rowIndex")}],
            }
        ],
        [(0, 0), (0, 1), (1, 0)],
        [ANN],
    ),
    Case(
        "%rowIndex",
        "Is 0 at the top, and in a row of nulls",
        [columns(i="%rowIndex"), {"forEachOrNull": "contact", **columns(j="%rowIndex", k="gender")}],
        [(0, 0, None), (0, 0, None)],
        [ANN, BEN],
    ),
    Case(
        "%rowIndex",
        "Can be reckoned with in a row of nulls; an iteration within it has no place",
        [
            {
                "forEachOrNull": "contact",
                **columns(
                    line="%rowIndex + 1", name="name.family", all="name.family & '-' & %rowIndex.toString()"
                ),
                "select": [columns(same="%rowIndex"), {"forEach": "telecom", **columns(inner="%rowIndex")}],
            }
        ],
        [(1, None, "-0", 0, None)],
        [BEN],
    ),
    _one("getResourceKey()", "The key of the resource", "getResourceKey()", "ann"),
    _one(
        "getReferenceKey()", "The key of what is referred to", "managingOrganization.getReferenceKey()", "o2"
    ),
    _one("getReferenceKey()", "Of one type only", "generalPractitioner.getReferenceKey(Practitioner)", "p1"),
    _one("getReferenceKey()", "Null for another type", "managingOrganization.getReferenceKey(Patient)", None),
    Case(
        "getReferenceKey()",
        "Equals getResourceKey() of the resource",
        [columns(it="subject.getReferenceKey(Patient) = 'ann'")],
        [(True,)],
        [PULSE],
    ),
    _one("ofType()", "A value of one type", "value.ofType(string)", None, "fine", resources=[PULSE, MOOD]),
    _one("extension()", "A value by its URL", "extension('urn:colour').value.ofType(code)", "red"),
    _one(
        "extension()",
        "Of a primitive",
        "birthDate.extension('urn:time').value.ofType(dateTime)",
        "1970-06-01T10:00:00Z",
    ),
    _one("join()", "A list as one text", "name.given.join(', ')", "Ann, Ada, Annie"),
    _one("join()", "Without a separator", "name.given.join()", "AnnAdaAnnie"),
    _refused(
        "join()", "Another separator than a text is refused", columns(it="name.given.join(1)"), "takes a text"
    ),
    _one("lowBoundary()", "The earliest that is meant", "birthDate.lowBoundary()", "1970-06-01"),
    _one("highBoundary()", "The latest that is meant", "birthDate.highBoundary()", "1970-06-30"),
    _one("where()", "Of a list, those that are so", "telecom.where(system = 'phone').value", "1"),
    _one(
        "exists(), empty()",
        "Whether there are any",
        "telecom.exists(system = 'fax') or contact.empty()",
        False,
    ),
    _one("first(), index", "The first, and one by number", "name.first().given[1]", "Ada"),
    _one(
        "and, or, not()",
        "Truths together",
        "active and (gender = 'male' or gender = 'female') and deceased.exists().not()",
        True,
    ),
    _one("arithmetic", "Sums and comparisons", "name.count() * 2 + 1 > 4", True),
    _refused(
        "name",
        "A column needs a name of letters, digits and underscores",
        {"column": [{"name": "1 x", "path": "id"}]},
        "needs a name",
    ),
    _refused(
        "name",
        "The same name twice is refused",
        columns(a="id") | {"select": [columns(a="id")]},
        "called 'a'",
    ),
    _refused(
        "path",
        "Faults of FHIRPath are said with their place",
        columns(a="name.("),
        "select[0].column[0].path",
    ),
    _refused("path", "An unknown function is refused", columns(a="name.shout()"), "shout"),
    _refused(
        "select",
        "forEach and forEachOrNull exclude one another",
        {**_TELECOM, "forEachOrNull": "name"},
        "not several",
    ),
    _refused("select", "One without anything is refused", {"forEach": "name"}, "needs a column"),
    _refused(
        "select", "An unknown element is refused", {**columns(a="id"), "colour": "red"}, "no element 'colour'"
    ),
]
