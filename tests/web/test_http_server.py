"""The limits of one connection: what a client that means ill may send, and for how long."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from browser_driver import served

from carespine.web import connection as limits
from carespine.web import http_server

_BEGUN: list[str] = []
_BIG = b"x" * 24_000_000


async def _application(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answers with how many bytes came, /big with many more, /header with one of the request's headers."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    _BEGUN.append(scope["path"])
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await asyncio.sleep(0.2 if scope["path"] == "/slow" else 0)
    said = {"/big": _BIG, "/header": dict(scope["headers"]).get(b"x-a", b"none")}
    body = said.get(scope["path"], b"%d bytes" % size)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(_application) as address:
        yield int(address.rpartition(":")[2])


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "LOOK_EVERY", 1)


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
    assert b"200000 bytes" in answer


def test_a_head_that_does_not_end_is_refused(port: int) -> None:
    answer = _told(port, b"GET / HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * (70 * 1024))
    assert answer.startswith(b"HTTP/1.1 431")


def test_a_head_that_takes_too_long_ends_the_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_WITHIN_S", 0.2)
    started = time.monotonic()
    assert _told(port, b"GET / HTTP/1.1\r\nhost:") == b""
    assert _told(port) == b""  # nor may a connection be opened and left
    assert time.monotonic() - started < 5


def test_a_kept_connection_may_wait_for_its_next_request(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_WITHIN_S", 0.2)
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    answer = _told(port, request, request, last, pause=0.3)
    assert answer.count(b"HTTP/1.1 200") == 3


def test_what_is_not_http_is_refused(port: int) -> None:
    head, _, body = _told(port, b"\x16\x03\x01\x00 hello\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"nosniff" in head
    assert json.loads(body)["issue"][0]["code"] == "structure"


_LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
_HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
_GET = b"GET / HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize("wish", [b"h2c", b"TLS/1.0", b"anything"])
def test_a_wish_for_another_protocol_is_passed_over(port: int, wish: bytes) -> None:
    """With its body framed as ever: it must not be read as the next request. Java's client asks for h2c."""
    hidden = b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"
    asking = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: %s\r\nhttp2-settings: AAMAAABkAAQ\r\n" % wish
    _BEGUN.clear()
    whole = _told(port, _HEAD + asking + b"content-length: %d\r\n\r\n" % len(hidden) + hidden, _LAST)
    chunks = b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
    in_chunks = _told(port, _HEAD + asking + chunks + _LAST)
    assert whole.count(b"%d bytes" % len(hidden)) == in_chunks.count(b"%d bytes" % len(hidden)) == 1
    assert _BEGUN == ["/", "/last"] * 2


def test_a_last_request_that_wishes_for_another_protocol_is_the_last(port: int) -> None:
    asking = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n"
    assert _told(port, asking).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (_HEAD + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n", b"400"),
        (_GET + b"connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\nab", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x, y\r\n\r\n", b"400"),
        (b"POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
        (_HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"501"),
        (_HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (_HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_framing_that_others_may_read_differently_is_refused(
    port: int, request_: bytes, status: bytes
) -> None:
    answer = _told(port, request_)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"\r\n\r\n") == 1


def test_trailers_change_nothing(port: int) -> None:
    head = b"POST /header HTTP/1.1\r\nhost: x\r\nx-a: first\r\ntransfer-encoding: chunked\r\n\r\n"
    long = b"b" * 70_000
    answer = _told(port, head, b"%x\r\n%s\r\n" % (len(long), long), b"0\r\nx-a: second\r\n\r\n" + _LAST)
    assert b"first" in answer
    assert b"second" not in answer


@pytest.mark.parametrize("endless", [b"0\r\nx-a: ", b"1;a="])
def test_framing_without_end_is_refused(port: int, endless: bytes) -> None:
    answer = _told(port, _HEAD + b"transfer-encoding: chunked\r\n\r\n" + endless, b"a" * 200_000)
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_request_is_begun_once_its_body_is_here(port: int) -> None:
    _BEGUN.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(_HEAD + b"content-length: 5\r\n\r\nab")
        _told(port, _LAST)
        assert _BEGUN == ["/last"]
        connection.sendall(b"cde")
        answer = b""
        while b"5 bytes" not in answer:
            answer += connection.recv(65536)  # ends the test by its time limit where none comes


def test_who_waits_to_be_told_to_go_on_is_told(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(_HEAD + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(b"ab")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert b"2 bytes" in answer


@pytest.mark.parametrize("length", [b"10", b"100000000"])
def test_a_body_that_does_not_come_ends_the_connection(
    port: int, monkeypatch: pytest.MonkeyPatch, length: bytes
) -> None:
    monkeypatch.setattr(limits, "REST_S", 0.5)
    answer = _told(port, _HEAD + b"content-length: " + length + b"\r\n\r\nab")
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_body_at_a_bad_line_s_pace_is_taken(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REST_S", 0.5)
    pieces = [b"a" * 700] * 8
    answer = _told(port, _HEAD + b"connection: close\r\ncontent-length: 5600\r\n\r\n", *pieces, pause=0.2)
    assert b"5600 bytes" in answer


def test_who_does_not_read_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_REST_S", 0.5)
    _BEGUN.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 4)
        time.sleep(1.5)
        size = 0
        while chunk := connection.recv(1_000_000):
            size += len(chunk)
    assert size < len(_BIG)
    assert _BEGUN == ["/big"]  # the next would be begun when this one had been read


def test_who_reads_late_is_given_every_answer(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 3 + _LAST)
        time.sleep(0.5)
        size = 0
        while chunk := connection.recv(1_000_000):
            size += len(chunk)
    assert size > 3 * len(_BIG)


@pytest.mark.parametrize("rubbish", [b"rubbish\r\n\r\n", _HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"])
def test_rubbish_is_refused_after_the_answers_to_what_came_before(port: int, rubbish: bytes) -> None:
    slow = b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab"
    answer = _told(port, slow + slow + rubbish, b"more rubbish")
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]


def test_who_ends_its_side_is_answered(port: int) -> None:
    slow = b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(slow * 2)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.count(b"2 bytes") == 2


def test_an_empty_line_does_not_keep_a_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEPT_S", 0.5)
    started = time.monotonic()
    answer = _told(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n", pause=0.1)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert time.monotonic() - started < 5


def test_an_address_in_utf_8_is_read_as_if_it_were_encoded(port: int) -> None:
    _BEGUN.clear()
    asking = "GET /Müller HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    assert _told(port, asking).startswith(b"HTTP/1.1 200")
    assert _told(port, b"GET /\xff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert _BEGUN[0] == "/Müller"
    body = "é".encode()
    posted = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n" + body
    assert b"2 bytes" in _told(port, posted)


def test_http_1_0_may_keep_its_connection(port: int) -> None:
    kept = b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
    answer = _told(port, kept, kept, b"GET / HTTP/1.0\r\n\r\n", pause=0.05)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.count(b"connection: keep-alive") == 2
