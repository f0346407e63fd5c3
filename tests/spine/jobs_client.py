"""Asking for jobs over HTTP, and waiting for them, as a client does."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import httpx
from api import BASE, Server

Tree = dict[str, Any]
ASYNC = {"prefer": "respond-async"}
_PATIENCE = 400  # polls


async def kick_off(server: Server, url: str, body: Tree | None = None, **headers: str) -> httpx.Response:
    method = "GET" if body is None else "POST"
    return await server.request(method, url, body, **{**ASYNC, **headers})


def place(reply: httpx.Response) -> str:
    """Where the job's state is to be had, below the server's address."""
    assert reply.status_code == 202, reply.text
    return reply.headers["content-location"].removeprefix(BASE)


async def settled(server: Server, reply: httpx.Response, **headers: str) -> httpx.Response:
    """The state of a job that has ended."""
    address = place(reply)
    for _ in range(_PATIENCE):
        state = await server.http.get(address, headers=headers)
        if state.status_code != 202:
            return state
        assert state.headers["retry-after"]
        await asyncio.sleep(0.02)
    raise AssertionError("the job does not end")


async def manifest(server: Server, url: str, body: Tree | None = None, **headers: str) -> Tree:
    """The manifest of a job that is asked for here."""
    authorization = {k: v for k, v in headers.items() if k == "authorization"}
    state = await settled(server, await kick_off(server, url, body, **headers), **authorization)
    assert state.status_code == 200, state.text
    found: Tree = state.json()
    return found


async def lines(server: Server, file: Tree, **headers: str) -> list[Tree]:
    """The resources of one file."""
    reply = await server.http.get(file["url"].removeprefix(BASE), headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/fhir+ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


async def exported(server: Server, found: Tree, **headers: str) -> dict[str, set[str]]:
    """Resource type -> ids, of all the output; each file's count is that of its lines."""
    result: dict[str, set[str]] = {}
    for file in found["output"]:
        items = await lines(server, file, **headers)
        assert len(items) == file["count"]
        assert {item["resourceType"] for item in items} == {file["type"]}
        result.setdefault(file["type"], set()).update(item["id"] for item in items)
    return result


def unpacked(content: bytes) -> list[Tree]:
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]
