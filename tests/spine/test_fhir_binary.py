"""Binary by its content: sent and asked for in formats that are not FHIR's."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api import Server, serving

PNG = bytes(range(256)) * 20
FHIR_JSON = "application/fhir+json"


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, open=True) as running:
        yield running


async def test_content_comes_back_as_it_was_sent(server: Server) -> None:
    made = await server.post("Binary", PNG, content_type="image/png", x_security_context="Patient/ann")
    assert made.status_code == 201
    url = f"Binary/{made.json()['id']}"
    resource = (await server.get(url, accept=FHIR_JSON)).json()
    assert resource["contentType"] == "image/png"
    assert base64.b64decode(resource["data"]) == PNG
    assert resource["securityContext"] == {"reference": "Patient/ann"}
    content = await server.get(url, accept="image/png")
    assert content.content == PNG
    assert content.headers["content-type"] == "image/png"
    assert content.headers["x-security-context"] == "Patient/ann"
    assert content.headers["etag"] == 'W/"1"'
    old = await server.get(f"{url}/_history/1", accept="image/*")
    assert old.content == PNG


async def test_content_is_whole_however_a_resource_is_to_be_shown(server: Server) -> None:
    assert (await server.write("Binary/png", PNG, content_type="image/png")).status_code == 201
    for shape in ("_summary=true", "_summary=text", "_elements=contentType", "_pretty=true"):
        shown = await server.get(f"Binary/png?{shape}", accept="image/png")
        assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png"), shape
    for accept in ("image/png", FHIR_JSON):
        assert (await server.get("Binary/png", accept=accept)).headers["vary"].startswith("Accept")


async def test_a_format_whose_name_no_header_can_hold_is_refused(server: Server) -> None:
    refused = await server.post("Binary", b"x", content_type="image/" + "x" * 300)
    assert refused.status_code == 400
    assert "256 characters" in refused.json()["issue"][0]["diagnostics"]


async def test_a_page_that_was_stored_does_nothing_in_a_browser(server: Server) -> None:
    assert (
        await server.write("Binary/page", b"<script>x</script>", content_type="text/html")
    ).status_code == 201
    page = await server.get("Binary/page", accept="text/html")
    assert page.content == b"<script>x</script>"
    assert page.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert page.headers["content-disposition"] == "attachment"
    assert page.headers["x-content-type-options"] == "nosniff"


async def test_who_asks_for_nothing_in_particular_is_given_the_resource(server: Server) -> None:
    tree = {"resourceType": "Binary", "id": "b", "contentType": "text/plain\nx: y", "data": "aGk="}
    assert (await server.write("Binary/b", tree)).status_code == 201
    for accept in ("*/*", "text/html,application/xhtml+xml,*/*;q=0.8", FHIR_JSON, "application/json"):
        assert (await server.get("Binary/b", accept=accept)).json()["data"] == "aGk="
    assert (await server.get("Binary/b?_format=json", accept="text/plain")).json()["data"] == "aGk="
    content = await server.get("Binary/b", accept="text/plain")
    assert (content.content, content.headers["content-type"]) == (b"hi", "application/octet-stream")


async def test_faults_are_told_as_ever(server: Server) -> None:
    missing = await server.get("Binary/none", accept="image/png")
    assert missing.status_code == 404
    assert missing.json()["resourceType"] == "OperationOutcome"
    assert (await server.post("Binary", b"x", content_type="")).status_code == 415
    assert (await server.post("Binary", b"{", content_type=FHIR_JSON)).status_code == 400
    assert (await server.get("Binary?contenttype=image/png", accept="image/png")).status_code == 406
    assert (await server.post("Patient", b"x", content_type="image/png")).status_code == 415
