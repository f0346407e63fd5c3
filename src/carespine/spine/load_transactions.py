"""Transactions that come in files: which of them may be made at once, and making one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.fhir import codec
from carespine.kernel.errors import CarespineError, Invalid, Unavailable
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.spine.fhir_api import bundles
from carespine.spine.fhir_api.exchange import Exchange
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.spine.batches import Loaded

KINDS = ("transaction", "batch")
# Ours: names remembered while transactions are under way; with more of them the next one waits.
_MOST_NAMES = 200_000
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
# A conditional reference, and how JSON can hide its question mark.
_ASKING = re.compile(rb'"reference"\s*:\s*"(?:[^"?]*/)?([A-Za-z]+)\?')
_HIDDEN = b"\\u00"


class _Request(msgspec.Struct):
    method: str
    url: str
    ifNoneExist: str | None = None  # noqa: N815 -- as FHIR calls it


class _Entry(msgspec.Struct):
    request: _Request | None = None


class _Bundle(msgspec.Struct):
    type: str | None = None
    entry: list[_Entry] = []


_read = msgspec.json.Decoder(_Bundle).decode


def is_transaction(text: bytes) -> bool:
    """Whether a Bundle is one of requests. One that cannot be read is not."""
    try:
        return _read(text).type in KINDS
    except msgspec.DecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Reach:
    """What a transaction writes and asks for: types, and names ("Patient/x")."""

    written: frozenset[str]
    named: frozenset[str]
    asked: frozenset[str]


def reach(text: bytes) -> Reach | None:
    """The reach of a transaction; None where it cannot be told without performing it."""
    if _HIDDEN in text:
        return None
    written, named = set(), set()
    asked = {kind.decode() for kind in _ASKING.findall(text)}
    for entry in _read(text).entry:
        request = entry.request
        if request is None or request.method not in _WRITING:
            return None
        path, has_condition, _ = request.url.partition("?")
        kind, _, name = path.strip("/").partition("/")
        if not kind.isalpha():
            return None  # an absolute address, or none
        written.add(kind)
        if has_condition or request.ifNoneExist is not None:
            asked.add(kind)
        if name:
            named.add(f"{kind}/{name}")
    return Reach(frozenset(written), frozenset(named), frozenset(asked))


class Order:
    """Whether a transaction may be made beside those under way with the same outcome as after them."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing is under way."""
        self._written: set[str] = set()
        self._named: set[str] = set()
        self._asked: set[str] = set()
        self._is_alone = False

    def admits(self, wanted: Reach | None) -> bool:
        """Whether it may; None is admitted when nothing is under way."""
        if wanted is None or self._is_alone:
            return not self._written and not self._is_alone
        return (
            len(self._named) < _MOST_NAMES
            and wanted.asked.isdisjoint(self._written)
            and wanted.written.isdisjoint(self._asked)
            and wanted.named.isdisjoint(self._named)
        )

    def note(self, begun: Reach | None) -> None:
        """It is under way."""
        if begun is None:
            self._is_alone = True
            return
        self._written |= begun.written
        self._named |= begun.named
        self._asked |= begun.asked


async def perform(door: Door, actor: Actor, place: str, text: bytes, loaded: Loaded) -> int:
    """Make a transaction, or note why it is refused; the number of its entries."""
    exchange = Exchange("POST", (), (), {}, b"", actor, ADMINISTRATION, "")
    count = 0

    async def attempt() -> None:
        nonlocal count
        # A transaction writes ids into its resources, so that each attempt reads it anew.
        bundle = codec.decode(text)
        count = len(bundle.get("entry", ()))
        async with door.enter(actor, purpose=ADMINISTRATION) as session:
            await bundles.transaction(session, exchange, bundle, _no_reads)

    try:
        await retrying(attempt)
        loaded.stored += count
    except Unavailable:  # nothing is wrong with the transaction
        raise
    except CarespineError as error:
        loaded.refused.append(f"{place}: {error.message}")
    return count


async def _no_reads(exchange: Exchange) -> Any:
    raise Invalid(f"A file that is loaded cannot ask for {'/'.join(exchange.parts)}.")
