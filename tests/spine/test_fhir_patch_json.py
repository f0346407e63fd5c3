"""JSON Patch: the official cases, every error of RFC 6902, digits, atomicity and bounds."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from carespine.fhir import json_text
from carespine.kernel.errors import Invalid, Unprocessable
from carespine.spine.fhir_api.patching import empties, json_patch

DOC: dict[str, Any] = {"a": 1, "list": ["x", "y"], "deep": {"b": [1, {"c": None}]}, "": 0, "m/n": 8, "~": 9}


def change(document: Any, *operations: Any) -> Any:
    return json_patch.apply(document, json_patch.read(json_text.write(list(operations))))


def test_every_official_case_comes_out_as_it_says(shared_material: Path) -> None:
    cases = json.loads((shared_material / "suites/patch/json-patch-tests.json").read_bytes())
    assert len(cases) == 16
    for case in cases:
        if "error" in case:
            with pytest.raises(Unprocessable):
                change(case["doc"], *case["patch"])
        else:
            assert change(case["doc"], *case["patch"]) == case["expected"], case["comment"]


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ({"op": "add", "path": "/a", "value": 2}, {"a": 2}),
        ({"op": "add", "path": "/n", "value": None}, {"n": None}),
        ({"op": "add", "path": "/list/2", "value": "z"}, {"list": ["x", "y", "z"]}),
        ({"op": "add", "path": "/list/-", "value": ["z"]}, {"list": ["x", "y", ["z"]]}),
        ({"op": "add", "path": "/list/0", "value": "w"}, {"list": ["w", "x", "y"]}),
        ({"op": "replace", "path": "/", "value": 1}, {"": 1}),
        ({"op": "replace", "path": "/m~1n", "value": 1}, {"m/n": 1}),
        ({"op": "replace", "path": "/~0", "value": 1}, {"~": 1}),
        ({"op": "replace", "path": "/deep/b/1/c", "value": 1}, {"deep": {"b": [1, {"c": 1}]}}),
        ({"op": "remove", "path": "/deep/b/1"}, {"deep": {"b": [1]}}),
        ({"op": "copy", "from": "/list", "path": "/deep/b/0"}, {"deep": {"b": [["x", "y"], 1, {"c": None}]}}),
        ({"op": "copy", "from": "/deep", "path": "/deep/b/1/c"}, {"deep": {"b": [1, {"c": DOC["deep"]}]}}),
        ({"op": "move", "from": "/list/1", "path": "/list/0"}, {"list": ["y", "x"]}),
        ({"op": "move", "from": "/a", "path": "/a"}, {}),
        ({"op": "test", "path": "/deep", "value": {"b": [1.0, {"c": None}]}}, {}),
        ({"op": "test", "path": "", "value": DOC}, {}),
        ({"op": "test", "path": "/a", "value": 1, "unknown": True}, {}),
    ],
)
def test_an_operation_changes_what_it_names(operation: dict[str, Any], after: dict[str, Any]) -> None:
    before = copy.deepcopy(DOC)
    assert change(DOC, operation) == {**DOC, **after}
    assert before == DOC


def test_the_whole_document_can_be_replaced_and_its_values_are_not_shared() -> None:
    value = {"x": [1]}
    assert change(DOC, {"op": "replace", "path": "", "value": value}) == value
    twice = change(
        {}, {"op": "add", "path": "/a", "value": value}, {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "add", "path": "/b/x/-", "value": 2},
    )  # fmt: skip
    assert twice == {"a": {"x": [1]}, "b": {"x": [1, 2]}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/none/b", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/list/-1", "value": 1},
        {"op": "add", "path": "/list/1e0", "value": 1},
        {"op": "add", "path": "/list/٣", "value": 1},
        {"op": "add", "path": "/list/99999999999999999999", "value": 1},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "remove", "path": "/none"},
        {"op": "remove", "path": ""},
        {"op": "remove", "path": "/list/-"},
        {"op": "remove", "path": "/list/2"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "replace", "path": "/list/-", "value": 1},
        {"op": "move", "from": "/none", "path": "/a"},
        {"op": "move", "from": "/deep", "path": "/deep/b/0"},
        {"op": "copy", "from": "/list/2", "path": "/a"},
        {"op": "test", "path": "/none", "value": None},
        {"op": "test", "path": "/a", "value": True},
        {"op": "test", "path": "/a", "value": "1"},
        {"op": "test", "path": "/list", "value": ["y", "x"]},
        {"op": "test", "path": "/deep/b/1/c", "value": False},
    ],
)
def test_what_cannot_be_done_to_this_document_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable) as refused:
        change(
            DOC,
            {"op": "add", "path": "/a", "value": 5},
            {"op": "replace", "path": "/a", "value": 1},
            operation,
        )
    assert refused.value.issues[0].expression == "[2]"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[1]",
        b"[null]",
        b"[[]]",
        b'[{"op":"add"}]',
        b'[{"op":"add","path":"/a"}]',
        b'[{"op":"add","path":"a","value":1}]',
        b'[{"op":"add","path":"/~2","value":1}]',
        b'[{"op":"add","path":"/~","value":1}]',
        b'[{"op":"add","path":1,"value":1}]',
        b'[{"op":"ADD","path":"/a","value":1}]',
        b'[{"op":["add"],"path":"/a","value":1}]',
        b'[{"path":"/a","value":1}]',
        b'[{"op":"move","path":"/a"}]',
        b'[{"op":"copy","from":null,"path":"/a"}]',
        b'[{"op":"test","path":"/a"}]',
        b'[{"op":"replace","path":"/a"}]',
        b'[{"op":"remove","op":"test","path":"/a","value":1}]',
        b'[{"op":"add","path":"/a","value":' + b"[" * 100_000,
        b'[{"op":"test","path":"/deep","value":' + b"[" * 900 + b"]" * 900 + b"}]",
        b"[" + b",".join([b'{"op":"remove","path":"/a"}'] * 10_001) + b"]",
    ],
)
def test_what_is_no_json_patch_is_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid):
        json_patch.apply(DOC, json_patch.read(raw))


def test_numbers_keep_their_digits_and_compare_by_value() -> None:
    document = json_text.read(b'{"v":70.50}')
    raw = (
        b'[{"op":"test","path":"/v","value":7.05e1},{"op":"copy","from":"/v","path":"/w"},'
        b'{"op":"add","path":"/x","value":1.00}]'
    )
    changed = json_patch.apply(document, json_patch.read(raw))
    assert json_text.write(changed) == b'{"v":70.50,"w":70.50,"x":1.00}'
    assert json_patch.equal(1, Decimal("1.0"))
    assert not json_patch.equal(1, True)
    assert not json_patch.equal(0, None)


def test_copies_of_copies_are_bounded() -> None:
    doubling = [{"op": "copy", "from": "/list", "path": "/list/-"}] * 40
    with pytest.raises(Unprocessable, match="copies more than"):
        change(DOC, *doubling)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": [], "b": 1}, {"b": 1}),
        ({"a": {"b": {"c": []}}}, {}),
        ({"a": [{"b": []}, {"c": 1}]}, {"a": [{"c": 1}]}),
        (
            {"given": ["a", None], "_given": [{}, {"id": "x"}]},
            {"given": ["a", None], "_given": [None, {"id": "x"}]},
        ),
        ({"given": ["a"], "_given": [{}]}, {"given": ["a"]}),
        ({"given": ["a"], "_given": [None]}, {"given": ["a"]}),
    ],
)
def test_what_is_left_empty_is_taken_out(before: dict[str, Any], after: dict[str, Any]) -> None:
    empties.prune(before)
    assert before == after
