"""Notifications by websocket: a client binds with its tokens and is told of events from where it was.

An event counts as delivered once it is on the socket; a client that misses one sees the gap in the numbers and asks
$events.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from carespine.kernel.errors import CarespineError
from carespine.spine.fhir_api.operations.subscribing import SOCKET, digest
from carespine.storage import subscriptions as stored

if TYPE_CHECKING:
    from carespine.spine.subscriptions.telling import Telling
    from carespine.storage.bell import Bell

_BIND = "bind-with-token"
_LOOK_S, _BIND_WITHIN_S, _MOST_BOUND = 1.0, 60.0, 100
_POLICY = 1008  # RFC 6455: the endpoint does not accept this


def route(bell: Bell, telling: Telling) -> WebSocketRoute:
    """The address that $get-ws-binding-token gives."""

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        telling_tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                async with asyncio.timeout(None if telling_tasks else _BIND_WITHIN_S):
                    text = await socket.receive_text()
                name = await _bound(telling, text)
                if name is None or len(telling_tasks) >= _MOST_BOUND:
                    await socket.close(_POLICY, "Send bind-with-token: and a token that is in force.")
                    return
                if name not in telling_tasks:
                    telling_tasks[name] = asyncio.create_task(_tell(socket, bell, telling, name))
        except (WebSocketDisconnect, TimeoutError, KeyError, RuntimeError):
            with suppress(RuntimeError):
                await socket.close(_POLICY)
        finally:
            for task in telling_tasks.values():
                task.cancel()
            await asyncio.gather(*telling_tasks.values(), return_exceptions=True)

    return WebSocketRoute(SOCKET, serve)


async def _bound(telling: Telling, text: str) -> str | None:
    """The subscription of a message `bind-with-token: TOKEN`, or the same as JSON; None for any other."""
    token = text.removeprefix(_BIND).lstrip(": ").strip() if text.startswith(_BIND) else _in_json(text)
    if not token:
        return None
    async with telling.database.connection() as connection:
        return await stored.bound(connection, digest(token))


def _in_json(text: str) -> str | None:
    try:
        tree = json.loads(text)
        return str(tree["payload"]["token"]) if tree["type"] == _BIND else None
    except (ValueError, KeyError, TypeError):
        return None


async def _tell(socket: WebSocket, bell: Bell, telling: Telling, name: str) -> None:
    """Send what there is, then what comes, until the socket closes or the subscription is no more."""
    clock = asyncio.get_running_loop().time
    sent: int | None = None
    last_words = clock()
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            async with telling.database.connection() as connection:
                row = await stored.find(connection, name)
            if row is None or row.state in ("off", "error"):
                await socket.close(1000)
                return
            if sent is None:
                await socket.send_text(telling.bundle(row, "handshake", []).decode())
                sent, last_words = row.delivered, clock()
            if row.events > sent:
                count, content = row.spec["max_count"], row.spec["content"]
                try:
                    events = await telling.events(row, sent + 1, row.events, content=content, count=count)
                except CarespineError as error:
                    await telling.move(row, "error", failure=error.message)
                    continue
                if events:
                    await socket.send_text(telling.bundle(row, "event-notification", events).decode())
                    sent, last_words = events[-1].number, clock()
                    async with telling.database.transaction() as tx:
                        await stored.sent(tx, name, None, sent)
                    continue
            heartbeat = row.spec["heartbeat_s"]
            if heartbeat and clock() - last_words >= heartbeat:
                await socket.send_text(telling.bundle(row, "heartbeat", []).decode())
                last_words = clock()
            wait_s = min(_LOOK_S, heartbeat) if heartbeat else _LOOK_S
            await bell.wait_any((stored.EVENT, stored.SUBSCRIPTION), seconds=wait_s)
