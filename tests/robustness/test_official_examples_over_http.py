"""Every official R4 example comes back as it went in: PUT, then GET as JSON and as XML, equal to the digits.

FHIR_R4_PACKAGE names the unpacked npm package `hl7.fhir.r4.examples`. Every fortieth example here; all of them, over
sockets to a real server, with CARESPINE_LONG=1 (a few minutes).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from api import serving
from live import live

from carespine.fhir import definitions, json_text, xml
from carespine.kernel.errors import Invalid

JSON = {"content-type": "application/fhir+json", "accept": "application/fhir+json"}
SERVERS_OWN = ("versionId", "lastUpdated")
# What R4's own rules forbid: an element that must be there is not, or an id is longer than 64 letters.
REFUSED = {
    "ImplementationGuide-fhir",
    "Questionnaire-qs1",
    *(f"SearchParameter-codesystem-extensions-CodeSystem-{name}" for name in ("author", "effective", "end")),
    *(f"SearchParameter-codesystem-extensions-CodeSystem-{name}" for name in ("keyword", "workflow")),
    *(f"SearchParameter-valueset-extensions-ValueSet-{name}" for name in ("author", "effective", "end")),
    *(f"SearchParameter-valueset-extensions-ValueSet-{name}" for name in ("keyword", "workflow")),
    "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject",
}


@pytest.fixture(scope="module")
def examples() -> list[Path]:
    folder = os.environ.get("FHIR_R4_PACKAGE", "")
    if not folder:
        pytest.skip(
            "FHIR_R4_PACKAGE is not set: the official examples (npm hl7.fhir.r4.examples) are not at hand"
        )
    types = set(definitions.resource_types())
    return sorted(path for path in Path(folder).glob("*-*.json") if path.name.partition("-")[0] in types)


def content(tree: dict[str, Any]) -> dict[str, Any]:
    """A resource without what the server says of its version; numbers are texts with all their digits."""
    meta = {name: value for name, value in tree.get("meta", {}).items() if name not in SERVERS_OWN}
    return {
        **{name: value for name, value in tree.items() if name != "meta"},
        **({"meta": meta} if meta else {}),
    }


async def round_trip(http: httpx.AsyncClient, raw: bytes) -> str:
    """What became of one example: `equal`, or what differs."""
    sent = json_text.read(raw)
    url = f"/fhir/{sent['resourceType']}/{sent['id']}"
    put = await http.put(url, content=raw, headers=JSON)
    if put.status_code not in (200, 201):
        return f"refused {put.status_code}: {put.json()['issue'][0]['diagnostics'][:150]}"
    got = json_text.read((await http.get(url, headers=JSON)).content)
    if content(got) != content(sent):
        return "JSON differs"
    in_xml = await http.get(url, headers={"accept": "application/fhir+xml"})
    try:
        xml.encode(got)
    except Invalid:
        return "equal, has no XML" if in_xml.status_code == 406 else f"XML {in_xml.status_code}"
    return "equal" if xml.decode(in_xml.content) == got else "XML differs"


async def test_a_fortieth_of_the_official_examples_comes_back_as_it_went_in(
    examples: list[Path], database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path, open=True, max_body_mb=64) as server:
        assert await _all(server.http, examples[::40]) == {}


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_all_official_examples_come_back_as_they_went_in(
    examples: list[Path], is_long: bool, database_url: str, tmp_path: Path
) -> None:
    if not is_long:
        pytest.skip("CARESPINE_LONG=1 sends all of them to a real server")
    with live(database_url, tmp_path, log_level="error", max_body_mb=64) as running:
        async with httpx.AsyncClient(base_url=running.address, timeout=60, trust_env=False) as http:
            assert await _all(http, examples) == {}


async def _all(http: httpx.AsyncClient, paths: list[Path]) -> dict[str, str]:
    """Those that did not come back, or were refused without a reason that we know; says how many did."""
    found = {path.stem: await round_trip(http, path.read_bytes()) for path in paths}
    sys.stderr.write(f"{dict(Counter(outcome.split(':')[0] for outcome in found.values()))}\n")
    refused = {name: outcome for name, outcome in found.items() if outcome.startswith("refused")}
    assert set(refused) == REFUSED & set(found), refused
    return {name: outcome for name, outcome in found.items() if not outcome.startswith(("equal", "refused"))}
