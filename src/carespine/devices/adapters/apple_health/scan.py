"""Finds the records in blocks of XML: fast where the text is as Apple writes it, general elsewhere.

Every byte goes through expat, so that what follows is known to be well-formed. Handlers would cost most of
the time (measured: 45,000 records a second), so a regular expression finds the records instead. A block that
is not written in Apple's way (other attribute order, comments, other quotes) is noticed by counting, and
handlers read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pyexpat import ExpatError, ParserCreate, XMLParserType
from typing import NamedTuple
from xml.sax.saxutils import escape

from carespine.devices.adapters.apple_health.blocks import parts


class Find(NamedTuple):
    """One thing found, in UTF-8 with XML's escapes. One of type, zone, workout and correlation is set."""

    type: bytes
    source: bytes
    device: bytes
    unit: bytes
    start: bytes
    end: bytes
    value: bytes
    zone: bytes = b""  # the HKTimeZone of the entry before
    workout: bytes = b""  # the attributes of a workout
    correlation: bytes = b""  # a correlation opens; metadata that follow belong to no record


# Twice as fast as to exclude "<" too: expat refuses a value that holds one.
_TOKEN = re.compile(
    rb'<Record type="([^"]*)" sourceName="([^"]*)"(?: sourceVersion="[^"]*")?'
    rb'(?: device="(?:&lt;&lt;HKDevice: 0x[0-9A-Fa-f]+&gt;, )?([^"]*)")?'
    rb'(?: unit="([^"]*)")?(?: creationDate="[^"]*")? startDate="([^"]*)" endDate="([^"]*)"'
    rb'(?: value="([^"]*)")?\s*/?>'
    rb'|<MetadataEntry key="HKTimeZone" value="([^"]*)"'
    rb"|<Workout ([^<>]*)>"
    rb"|<(Correlation) "
)
_ENTRY = re.compile(rb"<(?:Record|Workout)[\s/>]")
# What handlers read because of one odd record: some hundred others.
_PART_BYTES = 64 * 1024
_ADDRESS = re.compile("^<<HKDevice: 0x[0-9A-Fa-f]+>, ")
_ZONE_MARK = b"HKTimeZone"
_TYPE, _ZONE, _WORKOUT = itemgetter(0), itemgetter(7), itemgetter(8)
_RECORD_NAMES = {"type", "sourceName", "device", "unit", "startDate", "endDate", "value"}


class Scan:
    """Goes through the blocks once.

    Where the XML breaks, `damage` says so, and `after_damage` counts the records from there on: they are not
    trusted. `position` is the number of bytes seen.
    """

    def __init__(self) -> None:
        self.damage: str | None = None
        self.after_damage = 0
        self.position = 0
        self._parser = _parser()
        self._sticky = False
        self._unaccounted = 0

    def finds(self, blocks: Iterable[bytes]) -> Iterator[list[Find]]:
        """What each block holds, in file order. A Find of the fast way is a plain tuple of the same shape."""
        for block in blocks:
            for part, found, expected in self._parts(block):
                if self.damage is not None:
                    self.after_damage += expected
                else:
                    yield self._block(part, found, expected)
                self.position += len(part)
                del part, found  # some 40 MB, which the next block's must not lie beside
        if self.damage is None:
            self._finish()

    def _parts(self, block: bytes) -> Iterator[tuple[bytes, list[Find], int]]:
        """The block with what is found in it and how many entries it has; in parts where it is not Apple's as a whole.

        One odd record must not send a whole block the slow way.
        """
        # A comment or a CDATA section may reach into later blocks: from the first one on, handlers read all.
        self._sticky = self._sticky or _has_markup(block)
        found: list[Find] = [] if self._sticky else _TOKEN.findall(block)
        expected = len(_ENTRY.findall(block))
        pieces = [block]
        if not self._sticky and len(block) > _PART_BYTES and not _is_apples(block, found, expected):
            pieces = list(parts(block, _PART_BYTES))
        if len(pieces) == 1:
            yield block, found, expected
            return
        for piece in pieces:
            yield from self._parts(piece)

    def _block(self, block: bytes, found: list[Find], expected: int) -> list[Find]:
        self._unaccounted = 0
        if self._sticky or not _is_apples(block, found, expected):
            return self._by_handlers(block, expected)
        try:
            self._parser.Parse(block)
        except ExpatError:
            self._broken()
            sound = self._parser.ErrorByteIndex - self.position
            kept = [match for match in _TOKEN.finditer(block) if match.end() <= sound]
            found = [Find(*match.groups(b"")) for match in kept]
            self.after_damage += expected - _entries(found)
        return found

    def _by_handlers(self, block: bytes, expected: int) -> list[Find]:
        found: list[Find] = []
        self._parser.StartElementHandler = lambda name, attributes: _collect(found, name, attributes)
        try:
            self._parser.Parse(block)
        except ExpatError:
            self._broken()
        self._parser.StartElementHandler = None
        # Under a comment, what looks like a record need not be one: it only counts if the file breaks here.
        self._unaccounted = max(0, expected - _entries(found))
        if self.damage is not None:
            self.after_damage += self._unaccounted
        return found

    def _finish(self) -> None:
        try:
            self._parser.Parse(b"", True)
        except ExpatError:
            self._broken()
            self.after_damage += self._unaccounted

    def _broken(self) -> None:
        self.damage = (
            f"The file stops being well-formed XML at byte {self._parser.ErrorByteIndex} of its HealthData "
            "element (cut off or damaged). What came before was read."
        )


def _parser() -> XMLParserType:
    parser = ParserCreate("UTF-8")
    # A document type after the root is not XML, and the prolog is never given to this parser.
    parser.UseForeignDTD(False)
    return parser


def _has_markup(block: bytes) -> bool:
    """Whether there may be a comment, a CDATA section or an instruction. The sign alone is found much sooner."""
    return (b"!" in block and b"<!" in block) or (b"?" in block and b"<?" in block)


def _is_apples(block: bytes, found: list[Find], expected: int) -> bool:
    zones = sum(map(bool, map(_ZONE, found)))
    return _entries(found) == expected and block.count(_ZONE_MARK) == zones


def _entries(found: list[Find]) -> int:
    return sum(map(bool, map(_TYPE, found))) + sum(map(bool, map(_WORKOUT, found)))


def _collect(found: list[Find], name: str, attributes: dict[str, str]) -> None:
    if name == "Record":
        wanted = {key: _text(attributes[key]) for key in _RECORD_NAMES & attributes.keys()}
        wanted["device"] = _text(_ADDRESS.sub("", attributes.get("device", "")))
        wanted.setdefault("source", wanted.pop("sourceName", b""))
        start, end = wanted.pop("startDate", b""), wanted.pop("endDate", b"")
        kind = wanted.get("type") or b"?"
        found.append(Find(**{"unit": b"", "value": b"", **wanted, "type": kind}, start=start, end=end))
    elif name == "Workout":
        text = " ".join(f'{key}="{escape(value, _QUOTES)}"' for key, value in attributes.items())
        found.append(_NOTHING._replace(workout=text.encode() or b" "))
    elif name == "MetadataEntry" and attributes.get("key") == "HKTimeZone":
        found.append(_NOTHING._replace(zone=_text(attributes.get("value", ""))))
    elif name == "Correlation":
        found.append(_NOTHING._replace(correlation=b"Correlation"))


_NOTHING = Find(b"", b"", b"", b"", b"", b"", b"")
_QUOTES = {'"': "&quot;"}


def _text(value: str) -> bytes:
    return escape(value, _QUOTES).encode()
