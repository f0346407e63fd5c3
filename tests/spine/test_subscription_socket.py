"""Topic subscriptions by websocket: a binding token, a greeting, events, heartbeats, and what happens to strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api import Server
from test_subscriptions import has_state, observation, subscription, told

from carespine.spine.fhir_api.operations.subscribing import SOCKET


class Socket:
    """The client's end of a websocket, over the server's ASGI application."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def say(self, text: str) -> None:
        await self.outbox.put({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self.inbox.get()

    async def told(self) -> dict[str, Any]:
        """The next notification."""
        message = await self.hear()
        assert message["type"] == "websocket.send", message
        return told(message["text"].encode())

    async def news(self) -> list[tuple[int, str | None]]:
        """The events of the next notification that is no heartbeat."""
        while (found := await self.told())["type"] == "heartbeat":
            pass
        events: list[tuple[int, str | None]] = found["events"]
        return events


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Socket]:
    app = server.http._transport.app  # type: ignore[attr-defined]
    scope = {
        "type": "websocket",
        "path": SOCKET,
        "raw_path": SOCKET.encode(),
        "query_string": b"",
        "headers": [],
        "subprotocols": [],
        "scheme": "ws",
    }
    socket = Socket()
    await socket.outbox.put({"type": "websocket.connect"})
    task = asyncio.create_task(app(scope, socket.outbox.get, socket.inbox.put))
    assert (await socket.hear())["type"] == "websocket.accept"
    try:
        yield socket
    finally:
        await socket.outbox.put({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(20):
            await task


async def token_for(server: Server, name: str) -> dict[str, Any]:
    reply = await server.get(f"Subscription/{name}/$get-ws-binding-token")
    assert reply.status_code == 200, reply.text
    items = reply.json()["parameter"]
    return {item["name"]: next(v for k, v in item.items() if k != "name") for item in items}


async def test_a_client_binds_and_is_told_from_where_it_was(server: Server) -> None:
    tree = subscription("ws", None, filters=("Observation?code=ws",), heartbeat_period=1)
    assert (await server.write("Subscription/ws", tree)).status_code == 201
    await has_state(server, "ws", "active")
    await server.put(observation("before", "ws"))
    found = await token_for(server, "ws")
    assert found["websocket-url"] == f"ws://127.0.0.1:8600{SOCKET}"
    async with connected(server) as socket:
        await socket.say(f"bind-with-token: {found['token']}")
        assert (await socket.told())["type"] == "handshake"
        assert await socket.news() == [(1, "Observation/before")]
        await server.put(observation("after", "ws"))
        assert await socket.news() == [(2, "Observation/after")]
        assert (await socket.told())["type"] == "heartbeat"
    # Another time only what was not delivered is told, and a JSON message binds as well.
    await server.put(observation("later", "ws"))
    again = await token_for(server, "ws")
    async with connected(server) as socket:
        await socket.say(json.dumps({"type": "bind-with-token", "payload": {"token": again["token"]}}))
        assert (await socket.told())["type"] == "handshake"
        assert await socket.news() == [(3, "Observation/later")]
        await server.request("DELETE", "Subscription/ws")
        while (message := await socket.hear())["type"] == "websocket.send":
            pass
        assert message["type"] == "websocket.close"


async def test_a_token_that_is_none_binds_nothing(server: Server) -> None:
    for text in ("bind-with-token: nothing", "hello", '{"type":"bind-with-token"}', "bind-with-token:"):
        async with connected(server) as socket:
            await socket.say(text)
            assert (await socket.hear())["type"] == "websocket.close"
    assert (await server.get("Subscription/none/$get-ws-binding-token")).status_code == 404
    await server.write("Subscription/hook", subscription("hook", "http://127.0.0.1:9/"))
    assert (await server.get("Subscription/hook/$get-ws-binding-token")).status_code == 409
