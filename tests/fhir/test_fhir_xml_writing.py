"""A tree is written as XML in the order of R4, with nothing lost and nothing slipped in."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from carespine.fhir import xml
from carespine.kernel.errors import Invalid, Unprocessable

HEAD = '<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir">'
XHTML = "http://www.w3.org/1999/xhtml"
WRITTEN = [
    pytest.param({"gender": "male", "active": True, "id": "a"},
                 '<id value="a"/><active value="true"/><gender value="male"/>', id="order of R4"),
    pytest.param({"name": [{"given": ["B", "C"], "family": 'A "&" <b>\n', "id": "n"}]},
                 '<name id="n"><family value="A &quot;&amp;&quot; &lt;b&gt;&#10;"/><given value="B"/>'
                 '<given value="C"/></name>', id="escapes and ids"),
    pytest.param({"name": [{"given": ["A", None], "_given": [None, {"extension": [{"valueCode": "c", "url": "u"}]}]}]},
                 '<name><given value="A"/><given><extension url="u"><valueCode value="c"/></extension></given></name>',
                 id="siblings in a list"),
    pytest.param({"_birthDate": {"id": "b", "extension": [{"url": "u", "valueInteger": 1}]}, "birthDate": "1970"},
                 '<birthDate id="b" value="1970"><extension url="u"><valueInteger value="1"/></extension></birthDate>',
                 id="sibling before its value"),
    pytest.param({"_gender": {"extension": [{"url": "u", "valueDecimal": Decimal("1.50")}]}},
                 '<gender><extension url="u"><valueDecimal value="1.50"/></extension></gender>', id="no value"),
    pytest.param({"contained": [{"resourceType": "Basic", "code": {"text": "x"}}]},
                 '<contained><Basic><code><text value="x"/></code></Basic></contained>', id="contained"),
    pytest.param({"text": {"div": f'<div xmlns="{XHTML}">a<br/></div>', "status": "empty"}},
                 f'<text><status value="empty"/><div xmlns="{XHTML}">a<br/></div></text>', id="narrative"),
    pytest.param({"text": {"status": "empty", "div": "<div>a&nbsp;&eacute;</div>"}},
                 f'<text><status value="empty"/><div xmlns="{XHTML}">a&#160;&#233;</div></text>',
                 id="narrative without namespace, with names of HTML"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "expected"), WRITTEN)
def test_a_tree_is_written_in_the_order_of_r4(tree: dict[str, Any], expected: str) -> None:
    assert xml.encode({"resourceType": "Patient", **tree}).decode() == f"{HEAD}{expected}</Patient>"


def test_an_element_may_be_named_resource_type() -> None:
    tree = {
        "resourceType": "ExampleScenario",
        "status": "draft",
        "instance": [{"resourceId": "1", "resourceType": "Patient"}],
    }
    assert b'<resourceId value="1"/><resourceType value="Patient"/>' in xml.encode(tree)
    assert xml.decode(xml.encode(tree)) == tree


BAD_DIVS = [
    "<div></div></text><active value='true'/>",
    f'<div xmlns="{XHTML}">a</div><div xmlns="{XHTML}">b</div>',
    f'<div xmlns="{XHTML}"><p>a</div>',
    '<div xmlns="urn:x">a</div>',
    f'<div xmlns="{XHTML}"><f:x xmlns:f="http://hl7.org/fhir"/></div>',
    f'<div xmlns="{XHTML}">&unknown;</div>',
    f'<div xmlns="{XHTML}"><?php x ?></div>',
    f'<div xmlns="{XHTML}">' + "<b>" * 500 + "</b>" * 500 + "</div>",
]


@pytest.mark.parametrize("div", BAD_DIVS)
def test_a_narrative_cannot_break_out_of_its_place(div: str) -> None:
    patient = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    with pytest.raises(Unprocessable, match="cannot be written as XML") as refusal:
        xml.encode(bundle)
    assert refusal.value.issues[0].expression == "Bundle.entry[0].resource.text.div"


UNWRITABLE = [
    pytest.param({"resourceType": "Patient", "colour": "red"}, "colour", id="unknown element"),
    pytest.param({"resourceType": "Patient", "_name": [{"id": "x"}]}, "_name", id="sibling of an object"),
    pytest.param({"resourceType": "Patient", "gender": ["male"]}, "gender", id="list for one"),
    pytest.param({"resourceType": "Patient", "active": 1.5}, "active", id="float"),
    pytest.param({"resourceType": "Nonsense"}, "Nonsense", id="unknown type"),
    pytest.param({"resourceType": "Resource"}, "Resource", id="abstract type"),
    pytest.param({"resourceType": "HumanName", "family": "x"}, "HumanName", id="not a resource"),
    pytest.param({"resourceType": "Patient", "name": [{"text": "\x00"}]}, "control character", id="NUL"),
    pytest.param({"resourceType": "Patient", "name": [{"text": "\uffff"}]}, "control character", id="not a character"),
    pytest.param({"resourceType": "Patient", "name": [{"text": "\ud800"}]}, "surrogate", id="half a pair"),
    pytest.param({"resourceType": "Patient", "text": {"status": "empty", "div": "<div/>", "_div": {"id": "x"}}},
                 "id or extensions", id="sibling of a narrative"),
    pytest.param([], "not a FHIR resource", id="list"),
    pytest.param(json.loads('{"resourceType":"Basic","extension":' + '[{"url":"u","extension":' * 90 + "[]" + "}]" * 90
                            + "}"), "too deeply|empty|lacks", id="deep"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "message"), UNWRITABLE)
def test_what_is_not_r4_is_refused(tree: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        xml.encode(tree)
