"""Laws of the XML: nothing is lost between the formats, and the quick reader agrees with the parser."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fhir_agreement import SEEDS
from test_fhir_every_type import filled
from test_fhir_official_examples import FAULTY

from carespine.fhir import codec, definitions, json_text, xml
from carespine.fhir.xml import quick, reading
from carespine.fhir.xml.skeleton import Skeletons
from carespine.kernel.errors import Invalid

DIV = '<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x &amp; y<br/></div>'
# Every digit of a number, whatever the order of the members.
canonical = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def survives(tree: dict[str, Any]) -> None:
    """JSON to XML to JSON, and XML to JSON to XML, through both readers."""
    document = xml.encode(tree)
    again = xml.decode(document)
    assert canonical(again) == canonical(tree)
    assert xml.encode(again) == document
    assert canonical(reading.read_in_full(document)) == canonical(tree)


def with_narratives(tree: Any) -> dict[str, Any]:
    """The tree with its sample narratives in the namespace of XHTML, as R4 wants them."""
    found: dict[str, Any] = json_text.read(codec.encode(tree).replace(b"<div>x</div>", DIV.encode()))
    return found


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_a_resource_with_every_element_survives(resource_type: str) -> None:
    for variant in range(2):
        survives(with_narratives(filled(resource_type, variant)))


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r\"'&<>]-"),
    min_size=1,
)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20).filter(
    lambda number: len(number.as_tuple().digits) < 90 and abs(number.adjusted()) < 200
)
SIBLINGS = st.none() | st.builds(
    lambda text: {"extension": [{"url": "http://example.org/x", "valueString": text}]}, TEXTS
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, SIBLINGS), min_size=1, max_size=4), NUMBERS, TEXTS)
def test_any_text_and_number_survives(given_names: list[Any], number: Any, text: str) -> None:
    name: dict[str, Any] = {"given": [each for each, _ in given_names]}
    if any(sibling for _, sibling in given_names):
        name["_given"] = [sibling for _, sibling in given_names]
    quantity = json.dumps(text)
    raw = f'{{"url":"http://example.org/q","valueQuantity":{{"unit":{quantity},"value":{number}}}}}'
    tree = {"resourceType": "Patient", "extension": [json_text.read(raw.encode())], "name": [name]}
    codec.check(tree)
    survives(tree)


DOCUMENTS = [xml.encode(with_narratives(seed)) for seed in SEEDS]
PIECES = st.sampled_from(
    [b"<", b">", b"/", b'"', b"'", b"&", b"&amp;", b"&#x41;", b"&#0;", b" ", b"\n", b"<!--", b"-->", b"<![CDATA[",
     b"]]>", b"<?x ?>", b"<!DOCTYPE x>", b"<div>", b"</div>", b"</text>", b"<id value='x'/>", b' id="x"', b' xmlns=""',
     b"<name/>", b"</name>", b"x", b"\xff", b"\x01", b"\r", b'<div value="\x01"/>', b"f:", b"=",
     b'<div xmlns="http://www.w3.org/1999/xhtml">a</div></text>'],
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_the_quick_reader_accepts_the_parser_reads_alike(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(DOCUMENTS))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        removed = data.draw(st.sampled_from([0, 0, 1, 5, 40]))
        raw = raw[:start] + data.draw(PIECES) + raw[start + removed :]
    quickly = quick.read(raw)
    if quickly is not None:
        assert canonical(reading.read_in_full(raw)) == canonical(quickly)
        return
    with contextlib.suppress(Invalid):  # a refusal is as good as a reading; any other error is not
        xml.decode(raw)


def test_a_reader_that_may_remember_little_reads_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "_known", Skeletons(most=3))
    wide = DOCUMENTS[0].replace(b"><", b">" + b" \n" * 600 + b"<", 1)  # longer than what is remembered
    for document in [*DOCUMENTS, wide, *DOCUMENTS]:
        assert canonical(quick.read(document)) == canonical(reading.read_in_full(document))


def test_a_document_in_which_everything_is_new_is_left_to_the_full_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quick, "_known", Skeletons())
    monkeypatch.setattr(quick, "_MOST_LEARNED", 3)
    assert quick.read(DOCUMENTS[0]) is None
    assert canonical(xml.decode(DOCUMENTS[0])) == canonical(reading.read_in_full(DOCUMENTS[0]))


@pytest.mark.slow
def test_the_official_examples_survive() -> None:
    folder = os.environ.get("CARESPINE_R4_PACKAGE", "")
    if not folder:
        pytest.skip(
            "CARESPINE_R4_PACKAGE is not set: the official examples (npm hl7.fhir.r4.examples) are not at hand"
        )
    types = set(definitions.resource_types())
    paths = [path for path in Path(folder).glob("*-*.json") if path.name.partition("-")[0] in types]
    accepted = [path for path in sorted(paths) if path.stem not in FAULTY]
    assert len(accepted) > 5000
    for path in accepted:
        tree = codec.decode(path.read_bytes())
        document = xml.encode(tree)
        again = xml.decode(document)
        assert canonical(again) == canonical(tree), path.name
        assert xml.encode(again) == document, path.name
