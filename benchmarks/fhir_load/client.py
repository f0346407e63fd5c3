"""A small HTTP/1.1 client over asyncio protocols, so that the generator of load is not what is measured."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time. Answers must carry content-length, as ours do."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[int, int, bytes] | None = None
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("The server closed the connection."))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._head is None:
            end = self._buffer.find(_END)
            if end < 0:
                return
            head = bytes(self._buffer[:end])
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._head = (int(head[9:12]), end + 4 + length, head)
        status, size, head = self._head
        if len(self._buffer) >= size and self._answer is not None:
            body = bytes(self._buffer[len(head) + 4 : size])
            del self._buffer[:size]
            self._head = None
            answer, self._answer = self._answer, None
            answer.set_result((status, head, body))

    token = ""  # an access token that every request of every connection carries

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer to one request below /fhir."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("The server closed the connection.")
        self._answer = asyncio.get_running_loop().create_future()
        media = f"content-type: application/fhir+json\r\ncontent-length: {len(body)}\r\n" if body else ""
        signed = f"authorization: Bearer {self.token}\r\n" if self.token else ""
        head = f"{method} /fhir/{path} HTTP/1.1\r\nhost: localhost\r\n{signed}{media}\r\n"
        self._transport.write(head.encode() + body)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass(slots=True)
class Run:
    """What one run measured: seconds it took, the times of each kind of request, how many failed."""

    seconds: float = 0.0
    done: int = 0
    errors: int = 0
    resources: int = 0
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    def percentile_ms(self, part: float, kind: str = "") -> float:
        times = sorted(self.times[kind])
        return times[min(len(times) - 1, int(len(times) * part))] * 1000


Step = Callable[[Connection, "Run", int], Awaitable[bool]]


async def drive(port: int, users: int, seconds: float | None, step: Step) -> Run:
    """Run `step(connection, run, number)` over and over on each connection, for a time or until it says no."""
    run = Run()
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(users)]
    started = time.perf_counter()
    until = started + seconds if seconds else float("inf")

    async def user(number: int) -> None:
        while time.perf_counter() < until and await step(connections[number], run, number):
            pass

    await asyncio.gather(*(user(number) for number in range(users)))
    run.seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return run


async def timed(
    connection: Connection, run: Run, kind: str, method: str, path: str, body: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Ask, and note the time under `kind` and a failure where the status is 400 or more."""
    started = time.perf_counter()
    answer = await connection.ask(method, path, body)
    run.times[kind].append(time.perf_counter() - started)
    run.done += 1
    run.errors += answer[0] >= 400
    return answer
