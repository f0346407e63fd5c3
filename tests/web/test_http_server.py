"""The limits of one connection: what a client that means ill may send, and for how long."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from browser_driver import served

from carespine.web import http_server


async def _application(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answers with how many bytes came."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(_application) as address:
        yield int(address.rpartition(":")[2])


def _told(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the server closes the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_a_request_in_pieces_is_answered(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 200000\r\n\r\n"
    answer = _told(port, head[:20], head[20:], b"x" * 100_000, b"x" * 100_000)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\n200000\r\n" in answer


def test_a_head_that_does_not_end_is_refused(port: int) -> None:
    answer = _told(port, b"GET / HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * (70 * 1024))
    assert answer.startswith(b"HTTP/1.1 431")


def test_a_head_that_takes_too_long_ends_the_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_HEAD_WITHIN_S", 0.2)
    started = time.monotonic()
    assert _told(port, b"GET / HTTP/1.1\r\nhost:") == b""
    assert _told(port) == b""  # nor may a connection be opened and left
    assert time.monotonic() - started < 5


def test_a_kept_connection_may_wait_for_its_next_request(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_HEAD_WITHIN_S", 0.2)
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    answer = _told(port, request, request, last, pause=0.3)
    assert answer.count(b"HTTP/1.1 200") == 3


def test_what_is_not_http_is_refused(port: int) -> None:
    head, _, body = _told(port, b"\x16\x03\x01\x00 hello\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"nosniff" in head
    assert json.loads(body)["issue"][0]["code"] == "structure"
