"""The quick reader: FHIR XML in its plainest form, as nearly everyone writes it; it gives up on anything else.

It knows a small part of XML: no prefixes, at most one attribute, double quotes. What it accepts is well-formed XML
that means what it reads, which a test holds against the parser; all else (prefixes, document types, faults of every
kind) it leaves to the full reader in `carespine.fhir.xml.reading`, which understands it or says what is wrong.
A document is cut at its quotes; what stands between the values is looked up (`skeleton`), not read tag by tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from carespine.fhir.xml.names import FHIR, XHTML
from carespine.fhir.xml.narrative import NotXhtml, as_xml
from carespine.fhir.xml.primitives import holds_what_xml_has_not
from carespine.fhir.xml.siblings import Tree, add_sibling, align
from carespine.fhir.xml.skeleton import Op, Put, Skeletons, State, Step, Unusual

# Ours: the pieces of a document stand in memory all at once.
_MOST_BYTES = 8 * 1024 * 1024
# Ours: the richest official example of R4 needs 355.
_MOST_LEARNED = 10_000
_HEAD = re.compile(r"""<\?xml version=(["'])1\.0\1(?: encoding=(["'])(?:UTF|utf)-8\2)? ?\?>""")
_narrative_starts = f'<div xmlns="{XHTML}"'
_narrative_ends = re.compile(r"</div>(?=[ \t\r\n]*</text>)").search
_comments = re.compile(r"<!--(?:[^-]|-[^-])*+-->")
_references = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
# A narrative is kept apart while the rest is read; no XML document can hold the character that marks its place.
_MARK = "\x01"
_MARKED = f'<div value="{_MARK}"/>'
# Within a value these are faults, or mean something else than they are.
_not_in_values = re.compile("[<\x00-\x1f\ufffe\uffff]").search
_OPEN_ONE, _LEAVE, _OPEN_MANY = int(Op.OPEN_ONE), int(Op.LEAVE), int(Op.OPEN_MANY)
_ONE, _MANY, _END = int(Put.ONE), int(Put.MANY), int(Put.END)
_known = Skeletons()


def read(raw: bytes) -> Tree | None:
    """The tree of a document, its structure unchecked; None where the full reader must read it."""
    try:
        if len(raw) > _MOST_BYTES:
            return None
        text = raw.decode()
        narratives: list[str] = []
        if "<div" in text:
            if _MARK in text:
                return None
            text = _set_apart(text, narratives)
        if "<!--" in text:
            if holds_what_xml_has_not(raw):
                return None
            text = _comments.sub("\n", text)  # white space that no value of ours may hold
        if head := _HEAD.match(text):
            text = text[head.end() :]
        pieces = text.split('"')
        return _tree(pieces[::2], _values(pieces[1::2], marked=bool(narratives)), iter(narratives))
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


def _values(values: list[str], *, marked: bool) -> list[str]:
    """The values of attributes, their references resolved."""
    joined = "".join(values)
    if marked:
        joined = joined.replace(_MARK, "")
    if not (joined.isprintable() and "<" not in joined) and _not_in_values(joined):
        raise Unusual
    if "&" not in joined:
        return values
    return [_references.sub(_character, value) if "&" in value else value for value in values]


def _tree(segments: list[str], values: list[str], narratives: Iterator[str]) -> Tree:  # noqa: PLR0912 -- the hot loop
    """Build the tree: each segment does what it does, and the value after it goes to its place."""
    if len(segments) != len(values) + 1:
        raise Unusual
    values.append("")  # the last segment has none
    root: Tree = {}
    current, around, padded = root, [], []  # type: Tree, list[Tree], list[tuple[Tree, str]]
    state, patience = _known.start, iter(range(_MOST_LEARNED))
    for segment, value in zip(segments, values, strict=True):
        ops, put, key, convert, state = state.get(segment) or _learned(state, segment, patience)
        for op, name, many in ops:
            if op == _LEAVE:
                current = around.pop()
            elif op == _OPEN_ONE:
                around.append(current)
                current[name] = current = {}
            elif op == _OPEN_MANY:
                around.append(current)
                child: Tree = {}
                if name in current:
                    current[name].append(child)
                else:
                    current[name] = [child]
                current = child
            else:
                current = _rare(op, name, many, current, around, padded)
        if put == _ONE:
            current[key] = value if convert is None else convert(value)
        elif put == _MANY:
            _append(current, key, value if convert is None else convert(value))
        elif put == Put.NARRATIVE:
            current[key] = _narrative(value, narratives)
        elif put == Put.NAMESPACE and value != FHIR:
            raise Unusual
    if put != _END or not root or next(narratives, None) is not None:
        raise Unusual
    for parent, key in padded:
        align(parent, key)
    return root


def _learned(state: State, segment: str, patience: Iterator[int]) -> Step:
    """A segment that is not known. A document full of them is left to the full reader, which is then quicker."""
    if next(patience, None) is None:
        raise Unusual
    return _known.step(state, segment)


def _append(parent: Tree, key: str, item: Any) -> None:
    if key in parent:
        parent[key].append(item)
    else:
        parent[key] = [item]


def _rare(
    op: int, name: str, many: bool, current: Tree, around: list[Tree], padded: list[tuple[Tree, str]]
) -> Tree:
    """What most documents do once or never; the object to go on with."""
    if op == Op.LEAVE_BESIDE:
        parent = around.pop()
        if current:
            add_sibling(parent, name, many, current, padded)
        return parent
    if op == Op.NONE_ONE:
        current[name] = None
        return current
    if op == Op.NONE_MANY:
        current.setdefault(name, []).append(None)
        return current
    around.append(current)
    if op == Op.TYPE:
        current["resourceType"] = name
        return current
    return {}


def _narrative(value: str, narratives: Iterator[str]) -> str:
    narrative = next(narratives, None)
    if value != _MARK or narrative is None:
        raise Unusual
    return narrative


def _character(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name is not None:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else 0
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or holds_what_xml_has_not(chr(code).encode()):
        raise Unusual
    return chr(code)
