"""XML to JSON to XML loses nothing, over the official R4 examples.

FHIR_R4_PACKAGE names the unpacked npm package `hl7.fhir.r4.examples`; every fiftieth example is tried, all with
CARESPINE_LONG=1.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carespine.fhir import codec, definitions, xml
from carespine.kernel.errors import Unprocessable

LONG = os.environ.get("CARESPINE_LONG") == "1"


@pytest.fixture(scope="module")
def examples() -> list[Path]:
    folder = os.environ.get("FHIR_R4_PACKAGE", "")
    if not folder:
        pytest.skip(
            "FHIR_R4_PACKAGE is not set: the official examples (npm hl7.fhir.r4.examples) are not at hand"
        )
    types = set(definitions.resource_types())
    found = sorted(path for path in Path(folder).glob("*-*.json") if path.name.partition("-")[0] in types)
    assert len(found) > 5000
    return found if LONG else found[::50]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_examples_survive_both_ways(examples: list[Path]) -> None:
    refused = 0
    for path in examples:
        try:
            tree = codec.decode(path.read_bytes())
        except Unprocessable:  # the thirteen that break R4's structure (test_fhir_official_examples.py)
            refused += 1
            continue
        written = xml.encode(tree)
        read = xml.decode(written)
        assert read == tree, path.name
        assert codec.decode(codec.encode(read)) == tree, path.name
        assert xml.encode(read) == written, path.name
    assert refused <= 13
