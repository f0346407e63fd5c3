"""How a query is read, and how it is refused."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.fhir import definitions
from carespine.fhir.search import (
    AllOf,
    AnyOf,
    Chain,
    Criterion,
    DateValue,
    Has,
    Include,
    MissingValue,
    NearValue,
    OfTypeValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    moments,
    parse,
)
from carespine.kernel.errors import Invalid


def only(resource_type: str, name: str, value: str) -> Any:
    (clause,) = parse(resource_type, [(name, value)]).clauses
    return clause


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("identifier", "a", (TokenValue(None, "a"),)),
        ("identifier", "s|a,b", (TokenValue("s", "a"), TokenValue(None, "b"))),
        ("identifier", "|a", (TokenValue("", "a"),)),
        ("identifier", "s|", (TokenValue("s", None),)),
        ("identifier", "s|a\\|b\\,c\\\\d", (TokenValue("s", "a|b,c\\d"),)),
        ("identifier:of-type", "s|c|v", (OfTypeValue("s", "c", "v"),)),
        ("identifier:text", "nhs", (StringValue("nhs", "nhs"),)),
        ("name", "Zoë", (StringValue("Zoë", "zoe"),)),
        ("name:contains", "a,b", (StringValue("a", "a"), StringValue("b", "b"))),
        ("name:missing", "true", (MissingValue(True),)),
        ("birthdate", "ge1970", (DateValue("ge", *moments.interval("1970")),)),
        (
            "birthdate",
            "1970-01-01T10:00:00 01:00",
            (DateValue("eq", *moments.interval("1970-01-01T10:00:00+01:00")),),
        ),
        ("organization", "1", (ReferenceValue(None, "1"),)),
        ("organization", "Organization/1", (ReferenceValue("Organization", "1"),)),
        ("organization:Organization", "1", (ReferenceValue("Organization", "1"),)),
        (
            "organization",
            "http://x.example/Organization/1",
            (ReferenceValue(None, "", "http://x.example/Organization/1"),),
        ),
        ("organization:identifier", "s|a", (TokenValue("s", "a"),)),
        ("_profile", "http://p|1", (UriValue("http://p|1"),)),
        ("_profile:below", "http://p", (UriValue("http://p"),)),
        ("language:in", "http://vs", (UriValue("http://vs"),)),
        ("phone", "0113 496", (TokenValue(None, "0113496"),)),
        ("_text", "Heart", (StringValue("heart", "heart"),)),
        ("_list", "42", (ReferenceValue("List", "42"),)),
    ],
)
def test_values_are_read_by_the_type_and_modifier_of_their_parameter(
    name: str, value: str, expected: tuple[Any, ...]
) -> None:
    clause = only("Patient", name, value)
    assert isinstance(clause, Criterion)
    assert clause.values == expected


def test_quantities_have_a_number_its_implicit_range_and_a_unit() -> None:
    (value,) = only("Observation", "value-quantity", "lt5.40|http://unitsofmeasure.org|mg").values
    assert isinstance(value, QuantityValue)
    assert (value.number.prefix, value.number.value, value.system, value.code) == (
        "lt",
        Decimal("5.40"),
        "http://unitsofmeasure.org",
        "mg",
    )
    assert (value.number.low, value.number.high) == (Decimal("5.395"), Decimal("5.405"))
    (bare,) = only("Observation", "value-quantity", "5||mg").values
    assert isinstance(bare, QuantityValue)
    assert (bare.number.prefix, bare.system, bare.code) == ("eq", "", "mg")


def test_an_approximate_number_is_a_tenth_wide_on_both_sides() -> None:
    (value,) = only("RiskAssessment", "probability", "ap0.5").values
    assert (value.low, value.high) == (Decimal("0.45"), Decimal("0.55"))


def test_near_has_a_place_and_a_distance_in_kilometres() -> None:
    assert only("Location", "near", "53.8|-1.55|2000|m").values == (NearValue(53.8, -1.55, 2.0),)
    assert only("Location", "near", "53.8|-1.55").values == (NearValue(53.8, -1.55, 50.0),)


def test_a_chain_has_a_branch_for_each_type_that_knows_the_parameter() -> None:
    chain = only("Observation", "subject.name", "ann")
    assert isinstance(chain, Chain)
    assert set(chain.target_types) == {
        name for name in chain.parameter.targets if "name" in definitions.search_parameters(name)
    }
    assert {"Location", "Patient"} <= set(chain.target_types)
    narrowed = only("Observation", "subject:Patient.organization.name", "park")
    assert isinstance(narrowed, Chain)
    (inner,) = narrowed.branches
    assert isinstance(inner, Chain)
    assert (inner.resource_type, inner.target_types) == ("Patient", ("Organization",))


def test_has_names_the_source_its_reference_and_what_it_must_match() -> None:
    has = only("Patient", "_has:Observation:patient:code", "8480-6")
    assert isinstance(has, Has)
    assert (has.source_type, has.parameter.code) == ("Observation", "patient")
    assert isinstance(has.clause, Criterion)
    assert has.clause.values == (TokenValue(None, "8480-6"),)
    nested = only("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent", "x")
    assert isinstance(nested, Has)
    assert isinstance(nested.clause, Has)


def test_a_composite_on_the_resource_itself_is_both_of_its_parts() -> None:
    clause = only("Observation", "code-value-quantity", "8480-6$gt140")
    assert isinstance(clause, AllOf)
    assert [part.parameter.code for part in clause.clauses if isinstance(part, Criterion)] == [
        "code",
        "value-quantity",
    ]


def test_a_combination_never_mixes_one_components_code_with_anothers_value() -> None:
    clause = only("Observation", "combo-code-value-quantity", "8480-6$gt140")
    assert isinstance(clause, AnyOf)
    root, group = clause.clauses
    assert isinstance(root, AllOf)
    assert [part.parameter.code for part in root.clauses if isinstance(part, Criterion)] == [
        "code",
        "value-quantity",
    ]
    assert isinstance(group, Criterion)
    assert group.row == "combo-code-value-quantity$1$c|8480-6"
    alone = only("Observation", "component-code-value-quantity", "8480-6$gt140")
    assert isinstance(alone, Criterion)
    assert alone.row == group.row


def test_what_governs_the_answer_is_kept_apart_from_what_is_searched() -> None:
    query = parse(
        "Patient",
        [
            ("_sort", "-birthdate,_id"),
            ("_count", "20"),
            ("_total", "accurate"),
            ("_summary", "text"),
            ("_elements", "name,Patient.gender"),
            ("_include", "Patient:organization"),
            ("_include:iterate", "Organization:partof:Organization"),
            ("_revinclude", "Observation:subject"),
        ],
    )
    assert not query.is_selective
    assert [(key.parameter.code, key.descending) for key in query.sort] == [
        ("birthdate", True),
        ("_id", False),
    ]
    assert (query.count, query.total, query.summary, query.elements) == (
        20,
        "accurate",
        "text",
        ("name", "gender"),
    )
    assert query.includes == (
        Include("Patient", "organization", None, False),
        Include("Organization", "partof", "Organization", True),
    )
    assert query.revincludes == (Include("Observation", "subject", None, False),)


@pytest.mark.parametrize(
    ("resource_type", "name", "value", "says"),
    [
        ("Patient", "nam", "x", r"no search parameter 'nam'.* Did you mean name\? It has: .*birthdate"),
        ("Patient", "name", "", "empty"),
        ("Patient", "name", "a,,b", "empty"),
        ("Patient", "name", "a\x1fb", "control character"),
        (
            "Patient",
            "name:foo",
            "x",
            "no modifier :foo; as a string parameter it has :missing, :exact, :contains",
        ),
        ("Patient", "name:", "x", "colon without a modifier"),
        ("Patient", "active", "yes", "expected true or false"),
        ("Patient", "birthdate", "yesterday", "not a date"),
        ("Patient", "birthdate", "xx1970", "not a date"),
        ("Patient", "birthdate:exact", "1970", "no modifier :exact"),
        ("Patient", "birthdate:missing", "maybe", "expected true or false"),
        ("Patient", "gender:of-type", "a|b|c", "no modifier :of-type"),
        ("Patient", "identifier", "a|b|c", "expected code, system"),
        ("Patient", "identifier", "|", "expected code, system"),
        ("Patient", "identifier:of-type", "a|b", "system"),
        ("Patient", "organization", "a b", "expected id, Type/id or an absolute URL"),
        ("Patient", "organization", "Foo/1", "expected id, Type/id or an absolute URL"),
        ("Patient", "organization:Patient", "1", "does not refer to Patient; it refers to Organization"),
        ("Patient", "organization:Organization", "Patient/1", "expected a reference to Organization"),
        ("Patient", "birthdate.name", "x", "is no reference"),
        ("Patient", "organization.nam", "x", "Organization has no search parameter 'nam'"),
        ("Patient", "organization:identifier.name", "x", "takes a resource type"),
        ("Patient", "general-practitioner.name", "", "empty"),
        ("Patient", "_has:Observation:patient", "x", "expected _has:Type:reference:parameter"),
        ("Patient", "_has:Foo:patient:code", "x", "no such resource type"),
        ("Patient", "_has:Observation:code:code", "x", "does not refer to Patient"),
        ("Patient", "_has:Encounter:location:status", "x", "does not refer to Patient"),
        ("Observation", "value-quantity", "heavy", "not a number"),
        ("Observation", "value-quantity", "5|mg", "expected a number"),
        ("Observation", "code-value-quantity", "a$b$c", "expected 2 values"),
        ("Observation", "component-code-value-quantity", "http://loinc.org|$gt5", "code beside the system"),
        ("Location", "near", "91|0", "latitude"),
        ("Location", "near", "1|2|3|leagues", "unit"),
        ("Patient", "_sort", "nam", "no search parameter 'nam'"),
        ("Observation", "_sort", "code-value-quantity", "no order"),
        ("Patient", "_count", "-1", "whole number"),
        ("Patient", "_total", "some", "none, estimate, accurate"),
        ("Patient", "_summary", "yes", "true, text, data, count, false"),
        ("Patient", "_elements", "nam", "no nam|'nam'"),
        ("Patient", "_include", "Observation:subject", "search is of Patient"),
        ("Patient", "_include", "Patient", "Type:parameter"),
        ("Patient", "_include", "Patient:birthdate", "no reference"),
        ("Patient", "_revinclude", "Observation:nam", "no search parameter"),
        ("Patient", "_include:deep", "Patient:organization", "no modifier :deep"),
        ("Patient", "_contained", "true", "only false"),
        ("Patient", "organization" + ".partof" * 9, "x", "chains too far"),
    ],
)
def test_what_is_unknown_or_malformed_is_refused_by_name(
    resource_type: str, name: str, value: str, says: str
) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        parse(resource_type, [(name, value)])
    assert parse(resource_type, [(name, value)], lenient=True).ignored == (name,)
    assert len(refused.value.issues) == 1


def test_all_faults_of_a_query_are_reported_and_leniency_keeps_the_rest() -> None:
    pairs = [("nam", "x"), ("gender", "male"), ("_count", "x")]
    with pytest.raises(Invalid) as refused:
        parse("Patient", pairs)
    assert len(refused.value.issues) == 2
    query = parse("Patient", pairs, lenient=True)
    assert query.ignored == ("nam", "_count")
    assert len(query.clauses) == 1
    assert query.text == "Patient?gender=male"


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(Invalid, match="given twice"):
        parse("Patient", [("_count", "1"), ("_count", "2")])


def test_there_is_no_search_of_an_unknown_type() -> None:
    with pytest.raises(Invalid, match="not a resource type"):
        parse("Foo", [])


@settings(deadline=None)
@given(
    st.sampled_from(sorted(definitions.search_parameters("Observation"))),
    st.sampled_from(["", ":missing", ":not", ":exact", ":Patient", ".name", ":x", ".subject.name"]),
    st.text(max_size=20),
)
def test_no_query_whatever_gives_another_error_than_invalid(code: str, more: str, value: str) -> None:
    with contextlib.suppress(Invalid):
        parse("Observation", [(code + more, value)])
