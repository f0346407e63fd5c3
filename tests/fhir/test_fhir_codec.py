"""What the codec accepts, what it refuses, and how it says so."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from carespine.fhir import codec
from carespine.kernel.errors import Invalid, Unprocessable

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Text</p></div>'


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "Weight"}, **more}


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def faults(tree: dict[str, Any]) -> list[tuple[str, str | None]]:
    with pytest.raises(Unprocessable) as refused:
        codec.check(tree)
    return [(issue.code, issue.expression) for issue in refused.value.issues]


@pytest.mark.parametrize(
    "tree",
    [
        patient(),
        patient(id="A-1.b", meta={"versionId": "1", "lastUpdated": "2024-02-29T10:00:00.123+01:00"}),
        patient(birthDate="1970"),
        patient(birthDate="1970-06"),
        patient(_birthDate={"extension": [{"url": "http://example.org/x", "valueCode": "unknown"}]}),
        patient(deceasedBoolean=False),
        patient(multipleBirthInteger=2),
        patient(
            name=[{"given": ["Ann", None], "_given": [None, {"extension": [{"url": "u", "valueCode": "x"}]}]}]
        ),
        patient(name=[{"_given": [{"extension": [{"url": "u", "valueCode": "x"}]}]}]),
        patient(text={"status": "generated", "div": DIV}),
        patient(contained=[{"resourceType": "Organization", "id": "o", "name": "O"}]),
        patient(photo=[{"contentType": "image/png", "data": "aGVs\r\nbG8="}]),
        observation(valueQuantity={"value": Decimal("1.50"), "unit": "kg"}),
        observation(valueQuantity={"value": 70, "comparator": "<"}),
        observation(effectiveDateTime="2016-12-31T23:59:60Z"),
        observation(valueTime="23:59:59.5"),
        observation(_status={"extension": [{"url": "u", "valueCode": "x"}]}),
        {**observation(_status={"extension": [{"url": "u", "valueCode": "x"}]}), "status": "amended"},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient()}]},
        {
            "resourceType": "Parameters",
            "parameter": [
                {
                    "name": "p",
                    "part": [{"name": "q", "valueUuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}],
                }
            ],
        },
    ],
)
def test_a_resource_that_keeps_the_structure_is_accepted_and_comes_back_the_same(
    tree: dict[str, Any],
) -> None:
    codec.check(tree)
    assert codec.decode(codec.encode(tree)) == tree


@pytest.mark.parametrize(
    ("tree", "code", "expression"),
    [
        (patient(birthDat="1970"), "structure", "Patient"),
        (patient(birthDate="1970-13"), "value", "Patient.birthDate"),
        (patient(birthDate="2023-02-29"), "value", "Patient.birthDate"),
        (patient(birthDate="0000"), "value", "Patient.birthDate"),
        (patient(birthDate="1970-06-01T00:00:00Z"), "value", "Patient.birthDate"),
        (patient(active="true"), "value", "Patient.active"),
        (patient(active=1), "value", "Patient.active"),
        (patient(gender="mail"), "code-invalid", "Patient.gender"),
        (patient(gender=["male"]), "code-invalid", "Patient.gender"),
        (patient(name={"family": "A"}), "structure", "Patient.name"),
        (patient(name=[]), "structure", "Patient.name"),
        (patient(name=[{}]), "structure", "Patient.name[0]"),
        (patient(name=[None]), "structure", "Patient.name[0]"),
        (patient(name=[{"family": ""}]), "value", "Patient.name[0].family"),
        (patient(name=[{"family": "a\x00b"}]), "value", "Patient.name[0].family"),
        (patient(name=[{"family": ["A"]}]), "value", "Patient.name[0].family"),
        (patient(name=[{"family": None}]), "value", "Patient.name[0].family"),
        (patient(name=[{"given": [None]}]), "structure", "Patient.name[0].given[0]"),
        (patient(name=[{"given": ["A", ""]}]), "value", "Patient.name[0].given[1]"),
        (patient(name=[{"given": [None], "_given": [None]}]), "structure", "Patient.name[0].given[0]"),
        (
            patient(name=[{"given": ["A"], "_given": [None, {"extension": [{"url": "u"}]}]}]),
            "structure",
            "Patient.name[0].given",
        ),
        (patient(name=[{"id": "only"}]), "structure", "Patient.name[0]"),
        (patient(managingOrganization=[{"display": "x"}]), "structure", "Patient.managingOrganization"),
        (patient(deceasedBoolean=True, deceasedDateTime="2020"), "structure", "Patient"),
        (
            patient(deceasedBoolean=True, _deceasedDateTime={"extension": [{"url": "u"}]}),
            "structure",
            "Patient",
        ),
        (patient(deceased=True), "structure", "Patient"),
        (patient(id="a b"), "value", "Patient.id"),
        (patient(id="x" * 65), "value", "Patient.id"),
        (patient(implicitRules="a b"), "value", "Patient.implicitRules"),
        (patient(language=" en"), "value", "Patient.language"),
        (patient(multipleBirthInteger=2**31), "value", "Patient.multipleBirth.ofType(integer)"),
        (patient(multipleBirthInteger=Decimal("1.0")), "value", "Patient.multipleBirth.ofType(integer)"),
        (patient(photo=[{"data": "a==="}]), "value", "Patient.photo[0].data"),
        (patient(text={"status": "generated", "div": "<p/>"}), "value", "Patient.text.div"),
        (patient(text={"status": "generated"}), "required", "Patient.text"),
        (patient(extension=[{"valueCode": "x"}]), "required", "Patient.extension[0]"),
        (patient(contained=[{"resourceType": "Nothing"}]), "structure", "Patient.contained[0]"),
        (patient(contained=[{"id": "x"}]), "structure", "Patient.contained[0]"),
        (patient(contained=["x"]), "structure", "Patient.contained[0]"),
        (
            patient(contained=[{"resourceType": "Organization", "nam": "x"}]),
            "structure",
            "Patient.contained[0]",
        ),
        ({"resourceType": "Observation", "status": "final"}, "required", "Observation"),
        (observation(valueQuantity={"value": "1.5"}), "value", "Observation.value.ofType(Quantity).value"),
        (observation(valueQuantity={"value": 1.5}), "value", "Observation.value.ofType(Quantity).value"),
        (
            observation(effectiveDateTime="2020-01-01T10:00"),
            "value",
            "Observation.effective.ofType(dateTime)",
        ),
        (observation(effectiveInstant="2020-01-01"), "value", "Observation.effective.ofType(instant)"),
        (observation(valueTime="24:00:00"), "value", "Observation.value.ofType(time)"),
        (observation(component=[{"valueString": "x"}]), "required", "Observation.component[0]"),
        (
            observation(component=[{"code": {"text": "x"}, "_valueString": {"id": "x"}}]),
            "structure",
            "Observation.component[0].value.ofType(string)",
        ),
    ],
)
def test_a_fault_is_named_with_its_kind_and_place(tree: dict[str, Any], code: str, expression: str) -> None:
    assert faults(tree) == [(code, expression)]


def test_several_faults_are_reported_together_each_with_what_was_found_and_expected() -> None:
    with pytest.raises(Unprocessable) as refused:
        codec.check(patient(gender="mail", birthDate="yesterday", nam=[{"family": "x"}]))
    assert [issue.diagnostics for issue in refused.value.issues] == [
        "Patient.gender is 'mail'; expected one of female, male, other, unknown.",
        "Patient.birthDate is 'yesterday'; expected a date: YYYY, YYYY-MM or YYYY-MM-DD.",
        "Patient has an element 'nam'; Patient has none of that name. Did you mean name?",
    ]
    assert refused.value.message.endswith("(2 more)")


def test_a_choice_written_without_its_type_is_explained() -> None:
    with pytest.raises(Unprocessable, match="for example valueQuantity"):
        codec.check(observation(value={"value": 1}))


@pytest.mark.parametrize(
    "text", ["1.50", "1.0E-7", "0.000000100", "100", "1E+2", "-0.00", "123456789.123456789123456789"]
)
def test_decimals_keep_their_digits(text: str) -> None:
    raw = f'{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"valueQuantity":{{"value":{text}}}}}'
    value = codec.decode(raw.encode())["valueQuantity"]["value"]
    again = codec.decode(codec.encode(codec.decode(raw.encode())))["valueQuantity"]["value"]
    assert Decimal(value).as_tuple() == Decimal(text).as_tuple() == Decimal(again).as_tuple()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"resourceType":"Patient"',
        b'{"resourceType":"Patient"} x',
        b'{"resourceType":"Patient",}',
        b'\xef\xbb\xbf{"resourceType":"Patient"}',
        b'{"resourceType":"Patient","language":"\xff"}',
        b'{"resourceType":"Patient","language":"\\ud800"}',
        b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
        b'{"resourceType":"Patient","multipleBirthInteger":01}',
        b'{"resourceType":"Patient","multipleBirthInteger":1e99999999999999999999}',
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[]",
        b"null",
        b'"Patient"',
        b"{}",
        b'{"resourceType":null}',
        b'{"resourceType":["Patient"]}',
        b'{"resourceType":"patient"}',
        b'{"resourceType":"DomainResource"}',
    ],
)
def test_what_is_not_readable_or_no_resource_is_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid):
        codec.decode(raw)


def test_a_resource_of_another_type_than_expected_is_invalid() -> None:
    with pytest.raises(Invalid, match="expected Observation"):
        codec.decode(b'{"resourceType":"Patient"}', "Observation")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"resourceType":"Patient","active":true,"active":false}',
        b'{"resourceType":"Patient","active":true,"active" :false}',
        b'{"resourceType":"Patient","active":true,"active"  :false}',
        b'{"resourceType":"Patient","active":true,\n"active"\n:\nfalse}',
        b'{"resourceType":"Patient","active":true,"active"\r\n\t :false}',
        b'{"resourceType":"Patient","active":true,"\\u0061ctive":false}',
        b'{"resourceType":"Patient","name":[{"text":"\\":","family":"A","family":"B"}]}',
        b'{"resourceType":"Patient","name":[{"text":":","family":"A","family":"B"}]}',
    ],
)
def test_a_key_repeated_in_one_object_is_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid, match="repeats a key"):
        codec.decode(raw)


@pytest.mark.parametrize("text", [":", '":', '" :', 'a\\":b', "\\", '{"a":"b"}', ":\n:"])
def test_texts_that_look_like_keys_are_not_taken_for_repeated_ones(text: str) -> None:
    tree = patient(name=[{"text": text, "family": "A"}])
    for raw in (
        codec.encode(tree),
        json.dumps(tree, indent=2).encode(),
        json.dumps(tree, separators=(" , ", " : ")).encode(),
    ):
        assert codec.decode(raw) == tree


def test_nesting_beyond_the_limit_is_refused_and_below_it_accepted() -> None:
    def nested(levels: int) -> dict[str, Any]:
        extension: dict[str, Any] = {"url": "u", "valueCode": "x"}
        for _ in range(levels):
            extension = {"url": "u", "extension": [extension]}
        return patient(extension=[extension])

    codec.decode(codec.encode(nested(50)))
    with pytest.raises(Unprocessable, match="nested too deeply"):
        codec.decode(codec.encode(nested(61)))
    with pytest.raises(Unprocessable, match="nested too deeply"):
        codec.decode(codec.encode(nested(400)))
