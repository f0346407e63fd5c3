"""Every case of the spec table of ViewDefinitions; the quick way held to FHIRPath; the forms of tables."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from view_cases import ANN, BEN, CASES, PEOPLE, Case, columns

from carespine.fhir import json_text, sql_on_fhir
from carespine.fhir.sql_on_fhir import decoding, outputs, straight
from carespine.fhir.sql_on_fhir.rows import Rows
from carespine.kernel.errors import CarespineError, Invalid, Unprocessable


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.feature}-{case.says}")
def test_views_give_the_rows_that_their_spec_table_says(case: Case) -> None:
    if isinstance(case.rows, str):
        with pytest.raises(CarespineError) as refused:
            list(Rows(sql_on_fhir.read(case.view)).of_all(case.resources))
        text = " ".join(f"{issue.expression}: {issue.diagnostics}" for issue in refused.value.issues)
        assert case.rows in f"{text} {refused.value.message}"
        return
    view = sql_on_fhir.read(case.view)
    decode = decoding.decoder(view)
    pruned = [decode(json_text.write(tree)) for tree in case.resources]
    for trees, quickly in ((case.resources, False), (case.resources, True), (pruned, True)):
        assert list(Rows(view, quickly=quickly).of_all(trees)) == case.rows
        assert Rows(view, quickly=quickly).table(trees) == case.rows
    assert straight.Bodies(view).table([json_text.write(tree) for tree in case.resources]) == case.rows


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"resource": "Person2"}, "ViewDefinition.resource"),
        ({"resource": None}, "ViewDefinition.resource"),
        ({"status": "good"}, "ViewDefinition.status"),
        ({"select": []}, "at least one select"),
        ({"select": "id"}, "a list"),
        ({"select": [5]}, "is an object"),
        ({"select": [{"column": [5]}]}, "is an object"),
        ({"select": [{"column": [{"name": "a"}]}]}, "expression is needed"),
        ({"select": [{"column": [{"name": "a", "path": "id", "collection": "yes"}]}]}, "true or false"),
        ({"where": [{}]}, "ViewDefinition.where[0].path"),
        ({"constant": [{"valueString": "x"}]}, "ViewDefinition.constant[0].name"),
        ({"resourceType": "Patient"}, "not a ViewDefinition"),
    ],
)
def test_what_is_wrong_with_a_view_is_said_with_its_place(change: dict[str, Any], part: str) -> None:
    tree = {
        "resourceType": "ViewDefinition",
        "resource": "Patient",
        "status": "active",
        "select": [columns(id="id")],
    }
    with pytest.raises(Unprocessable) as refused:
        sql_on_fhir.read({**tree, **change})
    assert part in refused.value.message


def test_resources_of_other_types_give_no_rows() -> None:
    view = sql_on_fhir.read(CASES[0].view)
    assert Rows(view).of({"resourceType": "Observation", "id": "x"}) == []


_TEXT = st.sampled_from(["a", "b", "phone"])
_NAMES = st.fixed_dictionaries(
    {}, optional={"use": _TEXT, "family": _TEXT, "given": st.lists(_TEXT, min_size=1, max_size=3)}
)
_REFERENCE = st.sampled_from(
    ["Patient/1", "Practitioner/2", "#x", "urn:uuid:1", "http://x.org/Patient/3/_history/1"]
)
_PATIENTS = st.fixed_dictionaries(
    {"resourceType": st.just("Patient"), "id": _TEXT},
    optional={
        "active": st.booleans(),
        "birthDate": st.sampled_from(["2001", "2001-02", "2001-02-03"]),
        "_birthDate": st.just({"id": "x"}),
        "name": st.lists(_NAMES.filter(bool), min_size=1, max_size=2),
        "contact": st.lists(st.fixed_dictionaries({"name": _NAMES.filter(bool)}), min_size=1, max_size=2),
        "managingOrganization": _REFERENCE.map(lambda text: {"reference": text}),
        "deceasedBoolean": st.booleans(),
        "multipleBirthInteger": st.integers(1, 3),
    },
)
_PATHS = (
    *("id", "active", "birthDate", "name.family", "name.given", "contact.name.given", "getResourceKey()"),
    *("managingOrganization.getReferenceKey()", "managingOrganization.getReferenceKey(Patient)", "nothing"),
    *("deceased.ofType(boolean)", "multipleBirth.ofType(integer)", "multipleBirth.ofType(string)"),
)


@settings(max_examples=60)
@given(
    st.lists(_PATIENTS, min_size=1, max_size=4),
    st.lists(st.sampled_from(_PATHS), min_size=1, max_size=6),
    st.booleans(),
)
def test_the_quick_way_over_pruned_json_gives_what_fhirpath_gives(
    patients: list[dict[str, Any]], paths: list[str], collection: bool
) -> None:
    chosen = [
        {"name": f"c{number}", "path": path, "collection": collection} for number, path in enumerate(paths)
    ]
    each = {"forEachOrNull": "name", "column": [{"name": "given", "path": "given", "collection": True}]}
    view = sql_on_fhir.read({"resource": "Patient", "status": "active", "select": [{"column": chosen}, each]})
    plainest = sql_on_fhir.read({"resource": "Patient", "status": "active", "select": [{"column": chosen}]})
    for each_view in (view, plainest):
        decode, quick, slow = decoding.decoder(each_view), Rows(each_view), Rows(each_view, quickly=False)
        for tree in patients:
            body, told = json_text.write(tree), _outcome(slow.table, tree)
            assert _outcome(quick.table, decode(body)) == told
            assert _outcome(straight.Bodies(each_view).table, body) == told


def _outcome(table: Any, resource: Any) -> Any:
    try:
        return table([resource])
    except Unprocessable as error:
        return error.message


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("name.family", {"name", "_name"}),
        (
            "deceased.ofType(boolean)",
            {"deceasedBoolean", "_deceasedBoolean", "deceasedDateTime", "_deceasedDateTime"},
        ),
        (
            "iif(active, gender, birthDate)",
            {"active", "_active", "gender", "_gender", "birthDate", "_birthDate"},
        ),
        ("extension('x').value", {"extension", "_extension"}),
        ("$this.gender", {"gender", "_gender"}),
        ("Patient.gender", None),
        ("descendants().count()", None),
        ("%resource.gender", None),
    ],
)
def test_only_what_a_view_looks_at_is_read(path: str, names: set[str] | None) -> None:
    view = sql_on_fhir.read({"resource": "Patient", "select": [columns(it=path)]})
    always = {"resourceType", "_resourceType", "id", "_id"}
    assert decoding.needed(view) == (None if names is None else names | always)


TABLE = {
    "name": "people",
    "resource": "Patient",
    "select": [
        {
            "column": [
                {"name": "id", "path": "id"},
                {"name": "active", "path": "active"},
                {"name": "given", "path": "name.given", "collection": True},
                {"name": "weight", "path": "extension('urn:w').value.ofType(decimal)", "type": "decimal"},
                {"name": "births", "path": "multipleBirth.ofType(integer)"},
                {"name": "name", "path": "name.first()"},
            ]
        }
    ],
}
WEIGHED = {
    **BEN,
    "extension": [{"url": "urn:w", "valueDecimal": Decimal("70.50")}],
    "multipleBirthInteger": 2,
}


def written(form: str, **more: Any) -> bytes:
    view = sql_on_fhir.read(TABLE)
    writer = outputs.writer(view, form, **more)
    rows = list(Rows(view).of_all([WEIGHED, {"resourceType": "Patient", "id": 'c,"at'}]))
    return b"".join([writer.begin(), writer.rows(rows[:1]), writer.rows(rows[1:]), writer.end()])


def test_ndjson_keeps_digits_and_nulls() -> None:
    first, second = written("ndjson").splitlines()
    assert (
        first == b'{"id":"ben","active":false,"given":[],"weight":70.50,"births":2,"name":{"family":"Bond"}}'
    )
    assert json.loads(second)["active"] is None
    assert json.loads(written("json")) == [json.loads(first), json.loads(second)]


def test_csv_is_quoted_and_holds_lists_as_json() -> None:
    lines = written("csv").decode().split("\r\n")
    assert lines[0] == "id,active,given,weight,births,name"
    assert lines[1] == 'ben,false,[],70.50,2,"{""family"":""Bond""}"'
    assert lines[2] == '"c,""at",,[],,,'
    assert written("csv", header=False).decode().split("\r\n")[0] == lines[1]


def test_parquet_has_kinds() -> None:
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(written("parquet")))
    assert [str(field.type) for field in table.schema] == [
        "string", "bool", "list<element: string>", "double", "int64", "string",
    ]  # fmt: skip
    assert table.to_pylist()[0] == {
        "id": "ben", "active": False, "given": [], "weight": 70.5, "births": 2, "name": '{"family":"Bond"}',
    }  # fmt: skip


def test_parquet_refuses_what_is_not_of_the_declared_type() -> None:
    view = sql_on_fhir.read(
        {"resource": "Patient", "select": [{"column": [{"name": "g", "path": "gender", "type": "integer"}]}]}
    )
    writer = outputs.writer(view, "parquet")
    writer.rows(list(Rows(view).of_all([ANN])))
    with pytest.raises(Unprocessable, match="column g holds what is no integer"):
        writer.end()


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(Invalid, match="not as 'xlsx'"):
        outputs.writer(sql_on_fhir.read(TABLE), "xlsx")
    assert PEOPLE
