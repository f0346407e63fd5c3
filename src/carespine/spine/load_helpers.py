"""Loading with several processes: each reads, checks, indexes and stores its share of the lines.

One Python process uses one core. A line goes to the process that its resource's type and id choose, so that the
lines that name one resource stay in their order. A command forks the processes before it has threads or connections;
a server, which has them, starts new ones. Each then has a door of its own, with the same actor, checks and audit as
any other.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

import msgspec
import uvloop

from carespine.fhir import codec
from carespine.fhir.search import index
from carespine.kernel import clock, errors
from carespine.kernel.errors import CarespineError, Unavailable
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.spine import load_transactions
from carespine.spine.batches import Loaded, batches
from carespine.spine.reindexing.parameters import KnownParameters
from carespine.spine.validating.service import Validator
from carespine.storage.bodies import pack, unpack
from carespine.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carespine.security.actor import Actor

# Ours: below this much text one process has stored everything before others would have begun.
WORTH_HELP_BYTES = 2_000_000
# Ours: the most processes that one PostgreSQL is worth.
MOST = 4
# Ours: shares on their way to one process; the next is sent when one of them was taken up.
_ON_THE_WAY = 3
# Ours: transactions that one process makes at once, so that it works while the database does.
AT_ONCE = 3
# Ours: lines handed over at a time.
SHARE = 500
_STARTED = "import sys; from carespine.spine import load_helpers; load_helpers.live(int(sys.argv[1]))"
_LENGTH = struct.Struct(">I")
_ENDED = (
    "A process of this load has ended unexpectedly. What was stored stays; run the load again for the rest."
)
# Ours: parsed resources are many small objects without cycles; the usual 700 would look them through over and over.
_COLLECT = (50_000, 20, 50)
Line = tuple[str, bytes]  # its place, and its JSON
Message = list[Any]


class Peek(msgspec.Struct):
    """The little of a line that says where it belongs."""

    resource_type: str | None = msgspec.field(name="resourceType", default=None)
    id: str | None = None


peek = msgspec.json.Decoder(Peek).decode


def worth() -> int:
    """How many processes this machine is worth; 1 where they cannot be forked, or there is one core."""
    if not hasattr(os, "fork") or not hasattr(os, "sched_getaffinity"):
        return 1
    return min(len(os.sched_getaffinity(0)), MOST)


@dataclass(slots=True)
class _Helper:
    """One process, seen from the one that reads the files."""

    pid: int
    socket: socket.socket
    started: subprocess.Popen[bytes] | None = None  # where it was not forked
    share: list[Line] = field(default_factory=list)
    transactions: int = 0  # sent and not made yet
    on_the_way: int = 0
    settled: bool = True
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None


class Helpers:
    """The processes. `fork()` first of all; then `begin()` within the event loop; `end()` in any case.

    `url` is their database, `validation` the level of each type (security's Validator): to be set before they begin.
    """

    url: str
    validation: Mapping[str, str]

    def __init__(self, helpers: Sequence[_Helper]) -> None:
        self._helpers = list(helpers)
        self._changed = asyncio.Condition()
        self._listening: list[asyncio.Task[None]] = []
        self._failure: CarespineError | None = None
        self._order = load_transactions.Order()
        self._has_lines = False

    @classmethod
    def fork(cls, count: int) -> Helpers:
        """Processes that wait to be told their database. To be called while there is one thread, and no loop."""
        _warm()
        helpers: list[_Helper] = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                ours.close()
                for other in helpers:
                    other.socket.close()
                _live(theirs)
            theirs.close()
            helpers.append(_Helper(pid, ours))
        return cls(helpers)

    @classmethod
    def start(cls, count: int) -> Helpers:
        """Processes that wait to be told their database, from a program that cannot be forked."""
        helpers: list[_Helper] = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            command = [sys.executable, "-c", _STARTED, str(theirs.fileno())]
            started = subprocess.Popen(  # noqa: S603 -- the command is ours
                command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL
            )
            theirs.close()
            helpers.append(_Helper(started.pid, ours, started))
        return cls(helpers)

    @property
    def pids(self) -> list[int]:
        """The process ids."""
        return [helper.pid for helper in self._helpers]

    def tell(self, progress: Callable[[int], None], loaded: Loaded) -> None:
        """From now on what they did is told to `progress` and added to `loaded`."""
        self._progress, self._loaded = progress, loaded

    async def begin(self, actor: Actor) -> None:
        """Have all of them connect to the database and speak for this actor."""
        for helper in self._helpers:
            helper.reader, helper.writer = await asyncio.open_connection(sock=helper.socket)
            _send(helper.writer, ["begin", self.url, pickle.dumps(actor), dict(self.validation)])
            self._listening.append(asyncio.create_task(self._listen(helper)))

    async def add(self, place: str, text: bytes, name: str) -> None:
        """Give a line to the process that keeps the resource with this name."""
        if any(helper.transactions for helper in self._helpers):
            await self.settle()
        self._has_lines = True
        helper = self._helpers[crc32(name.encode()) % len(self._helpers)]
        helper.share.append((place, text))
        if len(helper.share) == SHARE:
            await self._hand_over(helper)

    async def transact(self, place: str, text: bytes) -> None:
        """Give a transaction to the process with the least to do, once what it may depend on is stored."""
        wanted = load_transactions.reach(text)
        if self._has_lines or not self._order.admits(wanted):
            await self.settle()
        self._order.note(wanted)
        await self._until(lambda: any(helper.transactions < AT_ONCE for helper in self._helpers))
        helper = min(self._helpers, key=lambda helper: helper.transactions)
        helper.transactions += 1
        await _send_all(helper, ["transaction", place, text])

    async def settle(self) -> None:
        """Return once everything that was added is stored or refused."""
        self._order.clear()
        self._has_lines = False
        for helper in self._helpers:
            await self._hand_over(helper)
            helper.settled = False
            _send(cast(asyncio.StreamWriter, helper.writer), ["settle"])
        await self._until(lambda: all(helper.settled for helper in self._helpers))

    async def close(self) -> None:
        """Stop listening; the processes end when nobody is left to talk to."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        for helper in self._helpers:
            if helper.writer is not None:
                helper.writer.close()

    def end(self) -> None:
        """Let the processes end, and wait for it: what they were storing is rolled back unless it was settled."""
        for helper in self._helpers:
            helper.socket.close()
        for helper in self._helpers:
            if helper.started is not None:
                helper.started.wait()
            else:
                os.waitpid(helper.pid, 0)

    async def _hand_over(self, helper: _Helper) -> None:
        await self._until(lambda: helper.on_the_way < _ON_THE_WAY)
        share, helper.share = helper.share, []
        if share:
            helper.on_the_way += 1
            await _send_all(helper, ["lines", share])

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure is not None or condition())
        if self._failure is not None:
            raise self._failure

    async def _listen(self, helper: _Helper) -> None:
        reader = cast(asyncio.StreamReader, helper.reader)
        while message := await _receive(reader):
            async with self._changed:
                self._hear(helper, message)
                self._changed.notify_all()
        async with self._changed:
            self._failure = self._failure or Unavailable(_ENDED)
            self._changed.notify_all()

    def _hear(self, helper: _Helper, message: Message) -> None:
        match message:
            case ["taken"]:
                helper.on_the_way -= 1
            case ["made", count]:
                helper.transactions -= 1
                self._progress(count)
            case ["stored", count]:
                self._progress(count)
            case ["settled", stored, unchanged, refused]:
                self._loaded.stored += stored
                self._loaded.unchanged += unchanged
                self._loaded.refused += refused
                helper.settled = True
            case ["failed", kind, said]:
                self._failure = getattr(errors, kind, Unavailable)(said)


async def _send_all(helper: _Helper, message: Message) -> None:
    writer = cast(asyncio.StreamWriter, helper.writer)
    _send(writer, message)
    try:
        await writer.drain()
    except ConnectionError as error:
        raise Unavailable(_ENDED) from error


def _warm() -> None:
    """Build before the fork what each process would otherwise build for itself."""
    tree = codec.decode(b'{"resourceType":"Observation","id":"x","status":"final","code":{"text":"x"}}')
    index(tree)
    unpack(pack(codec.encode(tree)))


def live(number: int) -> None:
    """The whole life of a helper that was started, with the socket of this number."""
    _warm()
    _live(socket.socket(fileno=number))


def _live(sock: socket.socket) -> None:
    """The whole life of a helper; does not return into the code of the process it was forked from."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads: we end with it
        gc.freeze()  # what was there before the fork stays: no need to look it through again
        gc.set_threshold(*_COLLECT)
        uvloop.run(_serve(sock))
        code = 0
    except BaseException as error:
        os.write(2, f"A process of this load ended: {type(error).__name__}.\n".encode())
    finally:
        os._exit(code)


async def _serve(sock: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=sock)
    begin = await _receive(reader)
    if not begin:
        return
    _, url, actor, validation = begin
    database = Database(url, waits_for_disk=False)  # settling waits for all that was stored
    parameters = KnownParameters(database)
    try:
        await database.open()
        await parameters.start()
        door = Door(database, AuditLog(database, clock.now), clock.now, Validator(validation))
        await _work(database, door, pickle.loads(actor), reader, writer)  # noqa: S301 -- from the process that forked this one
    except CarespineError as error:
        _send(writer, ["failed", type(error).__name__, error.message])
        await writer.drain()
    finally:
        await parameters.stop()
        await database.close()


async def _work(
    database: Database, door: Door, actor: Actor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Take up shares until there are no more; what is under way when they end is rolled back."""
    loaded = Loaded()

    transactions: set[asyncio.Task[None]] = set()

    def progress(count: int) -> None:
        _send(writer, ["stored", count])

    async def transact(place: str, text: bytes) -> None:
        _send(writer, ["made", await load_transactions.perform(door, actor, place, text, loaded)])

    async with batches(door, actor, progress, loaded, checked=True) as storing:
        while message := await _receive(reader):
            match message:
                case ["lines", lines]:
                    for place, text in lines:
                        await storing.take(place, text)
                    _send(writer, ["taken"])
                case ["transaction", place, text]:
                    for task in [task for task in transactions if task.done()]:
                        transactions.remove(task)
                        task.result()
                    transactions.add(asyncio.create_task(transact(place, text)))
                case ["settle"]:
                    await asyncio.gather(*transactions)
                    transactions.clear()
                    await storing.settle()
                    await database.flush()
                    _send(writer, ["settled", loaded.stored, loaded.unchanged, loaded.refused])
                    loaded.stored, loaded.unchanged, loaded.refused = 0, 0, []
            await writer.drain()
        for task in transactions:
            task.cancel()
        await asyncio.gather(*transactions, return_exceptions=True)
        await storing.abandon()


def _send(writer: asyncio.StreamWriter, message: Message) -> None:
    text = msgspec.msgpack.encode(message)
    writer.write(_LENGTH.pack(len(text)) + text)


async def _receive(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None where the other side has gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        message: Message = msgspec.msgpack.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message
