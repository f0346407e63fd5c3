"""The quick reader: FHIR XML in its plainest form, as nearly everyone writes it; it gives up on anything else.

One regular expression cuts the text into tags of a small part of XML: no prefixes, at most one attribute, double
quotes. What it accepts is well-formed XML that means what it reads, which a test holds against the parser; all
else (prefixes, document types, faults of every kind) it leaves to the full reader in `carespine.fhir.xml.reading`,
which understands it or says what is wrong. Calling Python for each event of the parser costs twice as much.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from carespine.fhir.structure import MAX_DEPTH
from carespine.fhir.xml.names import FHIR, SEPARATOR, SLOTS, XHTML, Kind, Slots, beside_values, resources
from carespine.fhir.xml.narrative import NotXhtml, as_xml
from carespine.fhir.xml.primitives import holds_what_xml_has_not
from carespine.fhir.xml.siblings import Tree, add_sibling, align

# An element of XML that holds a resource stands around the resource's own: two elements for one object.
MAX_ELEMENTS = 2 * MAX_DEPTH + 2
# Groups: name (of an end tag with its slash), attribute, value, slash of an empty element.
_tags = re.compile(r'<(/?[A-Za-z0-9]+)(?:[ ]([a-z]+)="([^"<\t\n\r]*)")?[ ]?(/?)>', re.ASCII).split
_GROUPS = 5
# Ours: the tags of a document stand in memory all at once, a hundred bytes each.
_MOST_BYTES = 8 * 1024 * 1024
_HEAD = re.compile(r"""<\?xml version=(["'])1\.0\1(?: encoding=(["'])(?:UTF|utf)-8\2)? ?\?>""")
_narrative_starts = f'<div xmlns="{XHTML}"'
_narrative_ends = re.compile(r"</div>(?=[ \t\r\n]*</text>)").search
_comments = re.compile(r"<!--(?:[^-]|-[^-])*+-->")
_references = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
# A narrative is kept apart while the tags are read; no XML document can hold the character that marks its place.
_MARK = "\x01"
_MARKED = f'<div value="{_MARK}"/>'
_PRIMITIVE, _COMPLEX, _WRAPPER, _RESOURCE, _NARRATIVE = (int(kind) for kind in Kind)

# Kind, key, many, rank, type, attributes, conversion: a plain tuple, which is unpacked faster.
_Slot = tuple[int, str, bool, int, str, frozenset[str], Callable[[str], Any] | None]
_Slots = dict[str, _Slot]


class Unusual(Exception):
    """Not what the quick reader knows."""


def read(raw: bytes) -> Tree | None:
    """The tree of a document, its structure unchecked; None where the full reader must read it."""
    try:
        if len(raw) > _MOST_BYTES or holds_what_xml_has_not(raw):
            return None
        text = raw.decode()
        narratives: list[str] = []
        if "<div" in text:
            text = _set_apart(text, narratives)
        if "<!--" in text:
            text = _comments.sub("\n", text)  # white space that no tag of ours may hold
        head = _HEAD.match(text)
        pieces = _tags(text[head.end() :] if head else text)
        if "".join(pieces[::_GROUPS]).strip(" \t\r\n"):
            return None
        return _Builder(narratives).build(pieces)
    except (UnicodeDecodeError, Unusual, NotXhtml):
        return None


def _set_apart(text: str, narratives: list[str]) -> str:
    """The text with a mark for each narrative. Were one cut at a wrong place, it would not be well-formed."""
    parts, position = [], 0
    while (start := text.find(_narrative_starts, position)) >= 0:
        found = _narrative_ends(text, start)
        if found is None:
            raise Unusual
        div = text[start : found.end()]
        if as_xml(div) != div:
            raise Unusual
        narratives.append(div)
        parts += [text[position:start], _MARKED]
        position = found.end()
    return "".join([*parts, text[position:]])


class _ByType(dict[str, _Slots]):
    """Type -> its slots by plain name; made when first asked for."""

    def __missing__(self, type_name: str) -> _Slots:
        slots = self[type_name] = _plain(SLOTS[type_name])
        return slots


_SLOTS = _ByType()


def _plain(slots: Slots) -> _Slots:
    return {name.partition(SEPARATOR)[2]: (int(slot[0]), *slot[1:7]) for name, slot in slots.items()}


@cache
def _beside() -> _Slots:
    return _plain(beside_values())


@cache
def _resources() -> _Slots:
    return _plain(resources())


class _Builder:
    """Builds the tree from the tags."""

    __slots__ = ("_frames", "_narratives", "_padded")

    def __init__(self, narratives: list[str]) -> None:
        self._narratives = iter(narratives)
        # (object, its slots, slot of the child, the end tag awaited) of each element around the current one.
        self._frames: list[tuple[Tree, _Slots, _Slot, str]] = []
        self._padded: list[tuple[Tree, str]] = []

    def build(self, pieces: list[Any]) -> Tree:  # noqa: PLR0912 -- the hot loop
        root: Tree = {}
        current, slots, last, awaited = root, _resources(), -1, ""
        frames = self._frames
        rows = zip(
            pieces[1::_GROUPS], pieces[2::_GROUPS], pieces[3::_GROUPS], pieces[4::_GROUPS], strict=True
        )
        for name, attribute, value, empty in rows:
            slot = slots.get(name)
            if slot is None:
                if name != awaited or value is not None or empty:
                    raise Unusual
                current, slots, last, awaited = self._leave(current)
                continue
            kind, key, many, rank, type_name, _, convert = slot
            if rank <= last and (rank < last or not many):
                raise Unusual
            if kind == _PRIMITIVE and empty and attribute == "value":
                item = _references.sub(_character, value) if "&" in value else value
                if convert is not None:
                    item = convert(item)
                if not many:
                    current[key] = item
                elif key in current:
                    current[key].append(item)
                else:
                    current[key] = [item]
                last = rank
            elif kind == _COMPLEX and not empty:
                child = {} if value is None else _attributes(slot, attribute, value)
                _put(current, key, many, child)
                frames.append((current, slots, slot, awaited))
                current, slots, last, awaited = child, _SLOTS[type_name], -1, f"/{name}"
            else:
                child, within = self._rare(slot, attribute, value, current)
                frames.append((current, slots, slot, awaited))
                current, slots, last, awaited = child, within, -1, f"/{name}"
                if empty:
                    current, slots, last, awaited = self._leave(current)
        if frames or not root or next(self._narratives, None) is not None:
            raise Unusual
        for parent, key in self._padded:
            align(parent, key)
        return root

    def _leave(self, ended: Tree) -> tuple[Tree, _Slots, int, str]:
        """The end of an element: what goes on around it."""
        current, slots, slot, awaited = self._frames.pop()
        if slot[0] == _PRIMITIVE and ended:
            add_sibling(current, slot[1], slot[2], ended, self._padded)
        return current, slots, slot[3], awaited

    def _rare(
        self, slot: _Slot, attribute: str | None, value: str | None, current: Tree
    ) -> tuple[Tree, _Slots]:
        """Enter an element of a rarer kind: the object to fill, and what it may hold."""
        kind, key, many, _, type_name, _, convert = slot
        if kind == _PRIMITIVE:
            text = _references.sub(_character, value) if value is not None and attribute == "value" else None
            _put(current, key, many, text if text is None or convert is None else convert(text))
            return (
                {} if value is None or text is not None else _attributes(slot, attribute, value)
            ), _beside()
        if kind == _COMPLEX:
            child = {} if value is None else _attributes(slot, attribute, value)
            _put(current, key, many, child)
            return child, _SLOTS[type_name]
        if len(self._frames) > MAX_ELEMENTS:
            raise Unusual
        if kind == _RESOURCE:
            is_root = not self._frames
            if (attribute, value) != (("xmlns", FHIR) if is_root else (None, None)):
                raise Unusual
            current["resourceType"] = key
            return current, _SLOTS[key]
        if kind == _NARRATIVE:
            if value != _MARK:
                raise Unusual
            current[key] = next(self._narratives)
            return {}, {}
        if value is not None:
            raise Unusual
        resource: Tree = {}
        _put(current, key, many, resource)
        return resource, _resources()


def _put(parent: Tree, key: str, many: bool, item: Any) -> None:
    if not many:
        parent[key] = item
    elif key in parent:
        parent[key].append(item)
    else:
        parent[key] = [item]


def _attributes(slot: _Slot, attribute: str | None, value: str) -> Tree:
    if attribute is None or attribute not in slot[5]:
        raise Unusual
    return {attribute: _references.sub(_character, value)}


def _character(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name is not None:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else 0
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or holds_what_xml_has_not(chr(code).encode()):
        raise Unusual
    return chr(code)
