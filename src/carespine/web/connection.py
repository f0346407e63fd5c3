"""One connection of HTTP/1.1: what uvicorn's parser understands, with what a server that anybody may talk to needs.

Beyond uvicorn: limits to the size of a head and to the time that a client may take over a head, a body and the reading
of an answer; framing that no proxy could read in another way; answers in the order of the requests, each before the
connection is closed for what came behind it; a request is begun once its body is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from carespine.kernel.errors import Issue
from carespine.spine.fhir_api import answer

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application
    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from uvicorn.server import ServerState

# Ours. A head is sent at once by any client that means well; a connection is kept for the next request.
HEAD_WITHIN_S, KEPT_S = 30.0, 75
# Whoever sends a body may rest so long, and must otherwise keep this pace: a bad mobile line does.
REST_S, PACE_BYTES_S = 60.0, 500.0
# Whoever reads an answer may seem to rest longer: the client's kernel takes megabytes ahead of it, and says nothing
# until a good part of them was read. Where many megabytes wait for such readers, there is less patience with them.
READ_REST_S, READ_REST_TIGHT_S = 300.0, 20.0
_LINGER_S = 2.0
_MOST_HEAD_BYTES = 64 * 1024
_CHUNKED = b"chunked"
_KEPT = (b"connection", b"keep-alive")
# Everything that a request line may hold as it stands.
_PLAIN = bytes(range(0x80)).decode()
_WATCHED = frozenset((b"host", b"upgrade", b"transfer-encoding", b"content-length", b"expect"))
_OF_UPGRADE = frozenset((b"upgrade", b"connection", b"http2-settings"))


def _refusal(status: bytes, code: str, text: str) -> tuple[bytes, bytes]:
    return status, answer.outcome([Issue(code, text)])


_BAD = b"400 Bad Request"
_NOT_HTTP = _refusal(_BAD, "structure", "This is not a request of HTTP/1.1 that is understood here.")
_TOO_MUCH = _refusal(
    b"431 Request Header Fields Too Large", "too-long", "The head of a request holds 64 KiB at most."
)
_NO_BODY = _refusal(_BAD, "structure", "64 KiB of this body's framing hold nothing of the body.")
_HOST = _refusal(_BAD, "structure", "A request names its host, once (the Host header).")
_CODING = _refusal(
    b"501 Not Implemented", "not-supported", "A body is sent with a length or, in HTTP/1.1, in chunks only."
)
_SOCKET = _refusal(
    _BAD, "structure", "A websocket is opened by a GET without a body, and by nothing before it."
)
_LATE = _refusal(b"408 Request Timeout", "timeout", "The body of the request did not come in time.")


def _plain_line(data: bytes) -> bytes:
    """With the request line in ASCII: UTF-8 as it stands in an address is not to be sent, but clients do."""
    line, end, rest = data.partition(b"\r\n")
    return data if line.isascii() else quote_from_bytes(line, safe=_PLAIN).encode() + end + rest


class _Refused(Exception):
    """The request that is being read is refused, for the reason in `Protocol._reason`."""


class Protocol(HttpToolsProtocol):
    """One connection. Its server calls `look` every second."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # Of the request that is being read.
        self._is_new = True
        self._in_message = False
        self._in_head = True
        self._watched: dict[bytes, bytes] = {}
        self._is_upgrade = False
        self._barren = 0  # bytes since the last that brought us further
        self._reason = _NOT_HTTP
        # Of the requests before it.
        self._at_work: RequestResponseCycle | None = None
        self._held: tuple[RequestResponseCycle, ASGI3Application] | None = None
        self._is_held_back = False
        self._last_words: tuple[bytes, bytes] | None = None
        self._has_ended = False  # the client sends no more
        self._is_over = False  # the client is sent no more
        # Of the time that the client takes.
        self._since = self.loop.time()
        self._owed = 0.0
        self._unsent = self._received = 0

    # What comes in

    def data_received(self, data: bytes) -> None:
        if self._last_words is not None or self._is_over or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._barren += len(data)
        self._received += len(data)
        if not self._in_message and not data.isascii():
            data = _plain_line(data)
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError:
            self._refuse(*self._reason)
            return
        if self._barren > _MOST_HEAD_BYTES:
            self._refuse(*(_TOO_MUCH if self._in_head else _NO_BODY))

    def _feed(self, data: bytes) -> bytes:
        """Have the parser read; what it has yet to read."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._watched.get(b"upgrade", b"").lower() == b"websocket":
                self.handle_websocket_upgrade()
                return b""
            # Any other protocol may be declined (RFC 9110, 7.8): the same request without the wish. The parser takes
            # what follows for the other protocol, so another one reads on.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
            return self._without_wish() + data[upgrade.args[0] :]
        return b""

    def _without_wish(self) -> bytes:
        method, version = self.scope["method"].encode(), self.scope["http_version"].encode()
        wishes = b",".join(value for name, value in self.headers if name == b"connection").lower()
        last = [b"connection: close"] if b"close" in map(bytes.strip, wishes.split(b",")) else []
        kept = [b": ".join(pair) for pair in self.headers if pair[0] not in _OF_UPGRADE]
        return b"\r\n".join((b" ".join((method, self.url, b"HTTP/" + version)), *kept, *last, b"", b""))

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client may end its side and read on: it is given the answers to what it sent whole."""
        self._has_ended = True
        is_whole = not self._in_message or self._in_head
        has_work = self._at_work is not None or bool(self.pipeline)
        return is_whole and has_work and self.scheme == "http"

    # What the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_new = False
        self._in_message = self._in_head = True
        self._watched = {}
        self._since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: what is known of the request came before its body (RFC 9110, 6.5.1)
        name = name.lower()
        self.headers.append((name, value))
        if name in _WATCHED:
            before = self._watched.get(name)
            self._watched[name] = value if before is None else before + b"," + value

    def on_headers_complete(self) -> None:
        self._in_head, self._barren = False, 0
        self._received, self._owed = 0, 0.0
        self._check_framing()
        self._is_upgrade = self.parser.should_upgrade()
        if self._is_upgrade:
            self._check_upgrade()
            return
        self.expect_100_continue = self._watched.get(b"expect", b"").lower() == b"100-continue"
        super().on_headers_complete()
        if self.parser.get_http_version() == "1.0" and self.parser.should_keep_alive():
            self.cycle.keep_alive = True
            self.cycle.default_headers = [*self.cycle.default_headers, _KEPT]

    def _check_framing(self) -> None:
        """Refuse what others may read in another way than we do (RFC 9112, 3.2, 6.1 and 6.3)."""
        version, host = self.parser.get_http_version(), self._watched.get(b"host")
        if (host is None and version != "1.0") or (host is not None and b"," in host):
            self._reason = _HOST
            raise _Refused
        coding = self._watched.get(b"transfer-encoding")
        if coding is not None and (version == "1.0" or coding.strip().lower() != _CHUNKED):
            self._reason = _CODING
            raise _Refused

    def _check_upgrade(self) -> None:
        """Only a websocket is a protocol to change to; nothing may come with the wish or be at work before it."""
        self.scope["method"], self.scope["http_version"] = (
            self.parser.get_method().decode("ascii"),
            self.parser.get_http_version(),
        )
        wish = self._watched.get(b"upgrade", b"").lower()
        if not wish:  # CONNECT
            raise _Refused
        if wish == b"websocket":
            has_body = (
                b"transfer-encoding" in self._watched or self._watched.get(b"content-length", b"0") != b"0"
            )
            is_busy = self._at_work is not None or bool(self.pipeline)
            if self.scope["method"] != "GET" or has_body or is_busy:
                self._reason = _SOCKET
                raise _Refused

    def on_body(self, body: bytes) -> None:
        self._barren = 0
        super().on_body(body)
        if self._held is not None and len(self.cycle.body) > HIGH_WATER_LIMIT:
            self._begin(*self._held)

    def on_message_complete(self) -> None:
        self._in_message, self._in_head = False, True
        if self._is_upgrade:
            return
        super().on_message_complete()
        self._since = self.loop.time()
        if self._held is not None:
            self._begin(*self._held)

    # The requests at work

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin a request, or wait for its body: who announces one and does not send it takes nobody's place."""
        announced = self._watched.get(b"content-length", b"")
        is_long = len(announced) > 5 or (announced.isdigit() and int(announced) > HIGH_WATER_LIMIT)
        if not cycle.more_body or cycle.waiting_for_100_continue or is_long:
            self._begin(cycle, app)
        elif self._has_ended:
            self.transport.close()
        else:
            self._held = (cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._held, self._at_work = None, cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._at_work = None
        self._since = self.loop.time()
        if self.pipeline and self.flow.write_paused:
            self._is_held_back = True  # until the client has read what it asked for
            return
        super().on_response_complete()
        if self._has_work() or self._held is not None:
            return
        if self._last_words is not None:
            self._say(*self._last_words)
        elif self._has_ended:
            self.transport.close()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._owed = 0.0
        if self._is_held_back:
            self._is_held_back = False
            self.on_response_complete()

    # Refusing

    def _refuse(self, status: bytes, body: bytes) -> None:
        """Refuse what comes now, after the answers to what came whole before it."""
        self._held = None
        newest = self.pipeline[0][0] if self.pipeline else None
        if newest is not None and newest.more_body:
            self.pipeline.popleft()
        if len(self.pipeline) > 0 or (self._at_work is not None and not self._at_work.more_body):
            self._last_words = status, body
        elif self._at_work is not None and self._at_work.response_started:
            self.transport.close()
        else:
            self._say(status, body)

    def _say(self, status: bytes, body: bytes) -> None:
        """What does not come as far as the application is answered here, as that would."""
        head = f"content-type: {answer.CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\n".encode()
        safe = b"x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + head + safe + body)
        if self.transport.can_write_eof() and not self._has_ended:
            # Were it closed with something unread, the client would lose what it was told (RFC 9112, 9.6).
            self._is_over, self._since = True, self.loop.time()
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()

    # The time that the client takes

    @property
    def unsent(self) -> int:
        """The bytes that wait for the client."""
        return self.transport.get_write_buffer_size()

    def look(self, now: float, passed_s: float, *, is_tight: bool = False) -> None:
        """End the connection of a client that keeps us waiting; `passed_s` seconds went by since the last look.

        `is_tight` where too much waits in memory for clients that do not read.
        """
        unsent = self.unsent
        if self._is_over and not unsent:
            if now - self._since > _LINGER_S:
                self.transport.abort()
            return
        is_reading = unsent > 0
        awaits_body = self._in_message and not self._in_head and not self.flow.read_paused
        if is_reading:
            self._owed += passed_s - max(0, self._unsent - unsent) / PACE_BYTES_S
        elif awaits_body:
            self._owed += passed_s - self._received / PACE_BYTES_S
        else:
            self._owed = 0.0
        self._owed = max(0.0, self._owed)
        self._unsent, self._received = unsent, 0
        read_rest = READ_REST_TIGHT_S if is_tight else READ_REST_S
        if self._owed > (read_rest if is_reading else REST_S):
            self._give_up(is_reading=is_reading)
        elif not (is_reading or awaits_body or self._has_work()) and now - self._since > self._patience_s():
            self.transport.close()

    def _patience_s(self) -> float:
        return HEAD_WITHIN_S if self._in_message or self._is_new else KEPT_S

    def _has_work(self) -> bool:
        return self._at_work is not None or bool(self.pipeline)

    def _give_up(self, *, is_reading: bool) -> None:
        self._owed = 0.0
        if is_reading or self.transport.is_closing():
            self.transport.abort()
        else:
            self._refuse(*_LATE)
