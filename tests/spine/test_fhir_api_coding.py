"""Packed bodies and packed answers, and limits on what an address and a statement may take."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from api import JSON, Server, serving

from carespine.fhir import json_text
from carespine.web.coding import WORTH_PACKING

MIB = 1024 * 1024
ANN = {"resourceType": "Patient", "id": "ann", "gender": "female"}
TEXT = json_text.write(ANN)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0), 201),
        ("GZIP", gzip.compress(TEXT, mtime=0), 201),
        ("x-gzip", gzip.compress(TEXT, mtime=0), 201),
        ("deflate", zlib.compress(TEXT), 201),
        ("identity", TEXT, 201),
        ("", TEXT, 201),
        ("gzip", TEXT, 400),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9], 400),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"more", 400),
        ("gzip", b"", 400),
        ("deflate", gzip.compress(TEXT, mtime=0), 400),
        ("br", TEXT, 415),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT, mtime=0)), 415),
    ],
)
async def test_a_body_may_come_packed(dates: Server, coding: str, body: bytes, status: int) -> None:
    reply = await dates.post("Patient", body, content_encoding=coding)
    assert reply.status_code == status, reply.text
    if status == 415:
        assert "gzip" in reply.headers["accept-encoding"]


async def test_a_small_body_that_unpacks_to_too_much_is_refused(dates: Server) -> None:
    bomb = gzip.compress(b" " * (33 * MIB), 9)
    assert len(bomb) < 64 * 1024
    assert (await dates.post("Patient", bomb, content_encoding="gzip")).status_code == 413


@pytest.mark.parametrize(
    ("accept", "is_packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=x", False),
        ("*;q=1, gzip;q=0", False),
        ("identity", False),
    ],
)
async def test_a_large_answer_goes_packed_to_those_who_take_it(
    reading: Server, accept: str, is_packed: bool
) -> None:
    reply = await reading.get("metadata", accept_encoding=accept)
    assert (reply.headers.get("content-encoding") == "gzip") is is_packed
    assert reply.json()["resourceType"] == "CapabilityStatement"
    assert (int(reply.headers["content-length"]) < len(reply.content)) is is_packed


async def test_a_small_answer_goes_as_it_is(reading: Server) -> None:
    reply = await reading.get("Patient/ann", accept_encoding="gzip")
    assert len(reply.content) < WORTH_PACKING
    assert "content-encoding" not in reply.headers


async def test_an_address_that_is_too_long_is_refused_with_the_way_round(reading: Server) -> None:
    ids = ",".join(str(number) for number in range(4_000))
    refused = await reading.get(f"Patient?_id={ids}")
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (414, "too-long")
    form = await reading.post(
        "Patient/_search", f"_id=ann,{ids}".encode(), content_type="application/x-www-form-urlencoded"
    )
    assert form.status_code == 200


async def test_a_statement_that_takes_too_long_is_ended_and_said(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path, open=True, max_query_s=1) as server:
        await server.put(ANN)
        async with server.platform.database.transaction() as tx:
            await tx.execute("lock table resource in access exclusive mode")
            waited = await server.get("Patient/ann")
        assert waited.status_code == 503
        assert waited.json()["issue"][0]["code"] == "too-costly"
        assert (await server.get("Patient/ann", **JSON)).status_code == 200
