"""Laws that hold for any damage to a resource: the two passes over its structure agree, and nothing crashes."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.fhir import codec
from carespine.fhir.faults import find_faults
from carespine.fhir.search import index
from carespine.fhir.structure import Broken, count_keys
from carespine.kernel.errors import Invalid

SEEDS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "text": {"status": "generated", "div": "<div>x</div>"},
        "contained": [{"resourceType": "Organization", "id": "o1", "name": "Practice"}],
        "extension": [{"url": "http://example.org/a", "valueCodeableConcept": {"text": "x"}}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "active": True,
        "name": [{"use": "official", "family": "Hill", "given": ["Ann", None], "_given": [None, {"id": "g"}]}],
        "telecom": [{"system": "phone", "value": "0113 496 0000"}],
        "gender": "female",
        "_birthDate": {"extension": [{"url": "http://example.org/b", "valueDateTime": "1970-01-01"}]},
        "deceasedBoolean": False,
        "managingOrganization": {"reference": "#o1"},
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://s", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "BP"}]},
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2024-01-01", "end": "2024-01-02T10:00:00Z"},
        "component": [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                "valueQuantity": {"value": 140, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
                "referenceRange": [{"high": {"value": 150}}],
            }
        ],
    },
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
                "resource": {"resourceType": "Questionnaire", "status": "draft", "item": [
                    {"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string", "maxLength": 5}]}
                ]},
                "request": {"method": "POST", "url": "Questionnaire"},
            }
        ],
    },
]  # fmt: skip
for seed in SEEDS:
    if seed["resourceType"] == "Patient":
        seed["name"][0]["_given"][1] = {"extension": [{"url": "http://example.org/c", "valueString": "x"}]}

JUNK = st.sampled_from(
    [None, True, 0, -1, 1.5, "", " ", "x", "male", "\x00", "2020-02-30", [], {}, [None], [[]], [{}], {"id": "x"},
     {"x": 1}, {"resourceType": "Patient"}, {"resourceType": "Foo"}, {"url": "u"}, {"reference": "Patient/1"}]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "id",
        "url",
        "extension",
        "resourceType",
        "value",
        "valueString",
        "_valueString",
        "given",
        "_given",
        "status",
        "x",
    ]
)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key or position) in the tree."""
    found: list[tuple[Any, Any]] = []
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    for key in keys:
        found.append((tree, key))
        if isinstance(tree[key], dict | list):
            found += places(tree[key])
    return found


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A good resource after one to three random changes."""
    tree = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(tree)))
        change = draw(st.sampled_from(["replace", "remove", "rename", "add", "wrap", "double"]))
        if change == "replace":
            container[key] = copy.deepcopy(draw(JUNK))
        elif change == "remove" and len(tree) > 1:
            del container[key]
        elif change == "rename" and isinstance(container, dict):
            container[draw(NAMES)] = container.pop(key)
        elif change == "add" and isinstance(container, dict):
            container[draw(NAMES)] = copy.deepcopy(draw(JUNK))
        elif change == "wrap":
            container[key] = [container[key]]
        elif change == "double" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
    return tree


def test_the_seeds_themselves_are_good() -> None:
    for tree in SEEDS:
        codec.check(tree)


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_the_fast_and_the_slow_pass_agree_on_what_is_broken(tree: dict[str, Any]) -> None:
    try:
        count_keys(tree)
    except Broken:
        assert find_faults(tree)
    else:
        assert not find_faults(tree)


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_whatever_is_accepted_can_be_indexed_and_written_and_read_again(tree: dict[str, Any]) -> None:
    try:
        codec.check(tree)
    except Invalid:
        return
    assert index(tree).keys
    assert codec.decode(codec.encode(tree)) == tree


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_cut_or_altered_bytes_give_a_resource_or_an_invalid_error(data: st.DataObject) -> None:
    raw = bytearray(codec.encode(data.draw(st.sampled_from(SEEDS))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    with contextlib.suppress(Invalid):
        assert isinstance(codec.decode(cut), dict)
