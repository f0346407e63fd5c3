"""Every case of the spec table of the terminology operations, against the library without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from terminology_cases import CASES, COLOURS, RESOURCES, SET, Case

from carespine.fhir import codec, conformance
from carespine.fhir.terminology import driving, operations
from carespine.fhir.terminology.library import R4Library
from carespine.fhir.terminology.requests import Request
from carespine.fhir.terminology.trees import TreesLibrary
from carespine.kernel.errors import CarespineError

LIBRARY = TreesLibrary(RESOURCES)
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def request_of(case: Case) -> Request:
    """The request; a list in a case is a parameter that is given several times, unless it holds parts."""
    given = []
    for name, value in case.request.items():
        repeated = isinstance(value, list) and (
            name == "tx-resource" or all(isinstance(item, str) for item in value)
        )
        given += [(name, item) for item in value] if repeated else [(name, value)]
    return Request(tuple(given))


def ask(case: Case) -> dict[str, Any]:
    kind, _, name = case.operation.partition("/$")
    request = request_of(case)
    if name == "expand":
        return driving.now(operations.expand(LIBRARY, request, now=NOW))
    if name == "validate-code":
        where = {"ValueSet": operations.validate_in_set, "CodeSystem": operations.validate_in_system}[kind]
        return driving.now(where(LIBRARY, request))
    verbs = {"lookup": operations.lookup, "subsumes": operations.subsumes, "translate": operations.translate}
    return driving.now(verbs[name](LIBRARY, request))


def codes(contains: list[dict[str, Any]]) -> str:
    """`red(crimson scarlet) blue`: an expansion in brief."""
    inner = [f"({codes(item['contains'])})" if "contains" in item else "" for item in contains]
    return " ".join(item["code"] + nested for item, nested in zip(contains, inner, strict=True))


def outputs(tree: dict[str, Any]) -> dict[str, Any]:
    """Simple outputs by name; of properties and designations their codes and values, of a match what it says."""
    found: dict[str, Any] = {}
    listed: dict[str, list[str]] = {}
    for item in tree["parameter"]:
        if item["name"] == "issues":
            (issue,) = item["resource"]["issue"]
            found["issue"] = (
                f"{issue['severity']} {issue['details']['coding'][0]['code']} {issue['expression'][0]}"
            )
        elif "part" not in item:
            found[item["name"]] = next(item[key] for key in item if key.startswith("value"))
        if "part" not in item:
            continue
        parts = {
            part["name"]: next((part[k] for k in part if k.startswith("value")), None)
            for part in item["part"]
        }
        text = {
            "property": lambda p: p["code"],
            "designation": lambda p: p["value"],
            "match": lambda p: " ".join(
                [p["equivalence"], *([p["concept"]["code"]] if "concept" in p else [])]
            ),
        }[item["name"]](parts)
        listed.setdefault(item["name"], []).append(text)
    return found | {name: " ".join(texts) for name, texts in listed.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.operation}-{case.parameter}-{case.says}")
def test_the_terminology_operations_answer_as_their_spec_table_says(case: Case) -> None:
    if isinstance(case.expected, tuple):
        status, part = case.expected
        with pytest.raises(CarespineError) as refused:
            ask(case)
        assert (refused.value.status, part in refused.value.message) == (status, True), refused.value.message
        return
    answer = ask(case)
    codec.check(answer)
    if isinstance(case.expected, str):
        assert codes(answer["expansion"].get("contains", [])) == case.expected
        return
    found = outputs(answer)
    for name, value in case.expected.items():
        if name == "message":
            assert value in found[name]
        else:
            assert found.get(name) == value


def test_an_expansion_says_its_total_its_page_and_what_was_asked() -> None:
    request = Request((("url", f"{SET}/all"), ("count", "2"), ("offset", "4"), ("activeOnly", "true")))
    expansion = driving.now(operations.expand(LIBRARY, request, now=NOW))["expansion"]
    assert (expansion["total"], expansion["offset"]) == (6, 4)
    assert codes(expansion["contains"]) == "navy any"
    assert {item["name"]: item[key] for item in expansion["parameter"] for key in item if key != "name"} == {
        "count": 2,
        "offset": 4,
        "activeOnly": True,
        "version": f"{COLOURS}|2",
        "used-codesystem": f"{COLOURS}|2",
    }


def test_designations_come_where_they_are_asked_for() -> None:
    def navy(*more: tuple[str, str]) -> dict[str, Any]:
        request = Request((("url", f"{SET}/picked"), *more))
        return driving.now(operations.expand(LIBRARY, request, now=NOW))["expansion"]["contains"][0]

    french = [{"language": "fr", "value": "Bleu marine"}]
    assert "designation" not in navy()
    assert navy(("includeDesignations", "true"))["designation"] == french
    assert navy(("designation", "urn:ietf:bcp:47|fr"))["designation"] == french
    assert "designation" not in navy(("designation", "de"))
    assert navy(("displayLanguage", "fr"))["display"] == "Bleu marine"


def test_properties_come_as_the_extension_that_r5_made_of_them() -> None:
    request = Request((("url", f"{SET}/reds"), ("property", "hex"), ("excludeNested", "true")))
    crimson = driving.now(operations.expand(LIBRARY, request, now=NOW))["expansion"]["contains"][1]
    parts = crimson["extension"][0]["extension"]
    assert parts == [{"url": "code", "valueCode": "hex"}, {"url": "value", "valueString": "#dc143c"}]


def test_a_definition_comes_only_where_it_is_asked_for() -> None:
    def expanded(*more: tuple[str, str]) -> dict[str, Any]:
        return driving.now(operations.expand(LIBRARY, Request((("url", f"{SET}/all"), *more)), now=NOW))

    assert "compose" not in expanded()
    assert "compose" in expanded(("includeDefinition", "true"))


def test_what_is_too_large_for_one_answer_is_too_costly() -> None:
    concepts = [{"code": str(number)} for number in range(50_001)]
    inline = {
        "resourceType": "ValueSet",
        "status": "active",
        "compose": {"include": [{"system": "urn:x", "concept": concepts}]},
    }
    with pytest.raises(CarespineError) as refused:
        driving.now(operations.expand(LIBRARY, Request((("valueSet", inline),)), now=NOW))
    assert refused.value.issues[0].code == "too-costly"
    page = driving.now(operations.expand(LIBRARY, Request((("valueSet", inline), ("count", 3))), now=NOW))
    assert (page["expansion"]["total"], len(page["expansion"]["contains"])) == (50_001, 3)


# R4's own value sets that cannot be expanded: content that R4 does not publish, and errors in R4.
NOT_EXPANDABLE = 90


def test_all_of_r4s_value_sets_can_be_expanded_but_those_of_other_publishers() -> None:
    library = R4Library()
    refused: dict[str, str] = {}
    for url in conformance.urls("ValueSet"):
        try:
            driving.now(operations.expand(library, Request((("url", url),)), now=NOW))
        except CarespineError as error:
            refused[url] = error.message
    reasons = ("is not known here", "cannot be listed", "has no property")
    assert all(any(reason in message for reason in reasons) for message in refused.values())
    assert len(refused) == NOT_EXPANDABLE
