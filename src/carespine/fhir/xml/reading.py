"""Reading FHIR XML: one pass of the parser's events over tables of what may stand where.

`quick` has its turn first; here prefixes are understood and each fault is named with its place.
Safe by refusal: a document type (and with it every entity) is refused before anything of it is read, nothing
is ever loaded, and depth is bounded. Comments are passed over.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from carespine.fhir import codec
from carespine.fhir.xml import faults, quick
from carespine.fhir.xml.names import SEPARATOR, SLOTS, XHTML, Kind, Slot, Slots, beside_values, resources
from carespine.fhir.xml.narrative import MAX_ELEMENT_DEPTH, Rewriter, element_name
from carespine.fhir.xml.siblings import add_sibling, align
from carespine.fhir.xml.skeleton import MAX_ELEMENTS
from carespine.kernel.errors import Invalid

_XML_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})


class _RewriteNeeded(Exception):
    """A narrative leans on names declared outside it: its own text alone would not be XHTML."""


class _TextFound(Exception):
    """There is text where only elements belong."""


def decode(raw: bytes, expected_type: str | None = None) -> dict[str, Any]:
    """The resource in an XML document (UTF-8), as the tree that `codec.decode` gives for its JSON.

    Raises Invalid when the document cannot be read (or is not of `expected_type`), Unprocessable when it holds
    what R4 does not have, in an order that is not R4's, or breaks the structure. A narrative is kept as it is
    written; only where it leans on prefixes declared outside it is it written anew.
    """
    tree = quick.read(raw) or read_in_full(raw)
    codec.require_resource(tree, expected_type)
    codec.check(tree)
    return tree


def read_in_full(raw: bytes) -> dict[str, Any]:
    """The tree of any document, its structure unchecked; raises as `decode` does."""
    if raw.startswith(_UTF16):
        raise Invalid("FHIR XML is UTF-8; UTF-16 is not read here.")
    try:
        try:
            return _Reader(raw).read()
        except _RewriteNeeded:
            return _Reader(raw, rewriting=True).read()
        except _TextFound:
            return _Reader(raw, rewriting=True, refusing_text=True).read()
    except expat.ExpatError as error:
        raise Invalid(
            f"The XML cannot be read: {expat.ErrorString(error.code)} (line {error.lineno}, column {error.offset + 1})."
        ) from error


class _Reader:
    """The state while reading: the object being filled, what it may hold, and those around it."""

    __slots__ = (
        "_depth",
        "_frames",
        "_namespace_at",
        "_object",
        "_padded",
        "_parser",
        "_rank",
        "_raw",
        "_refusing_text",
        "_rewriter",
        "_rewriting",
        "_slots",
        "_start",
        "_text",
    )

    def __init__(self, raw: bytes, *, rewriting: bool = False, refusing_text: bool = False) -> None:
        self._raw, self._rewriting, self._refusing_text = raw, rewriting, refusing_text
        self._object: dict[str, Any] = {}
        self._slots: Slots = resources()
        self._rank = -1
        # (object, its slots, the child's slot) of each element around the current one.
        self._frames: list[tuple[dict[str, Any], Slots, Slot]] = []
        self._text: list[str] = []
        self._padded: list[tuple[dict[str, Any], str]] = []
        self._namespace_at = self._start = -1
        self._depth = 0
        self._rewriter = Rewriter()

    def read(self) -> dict[str, Any]:
        root = self._object
        parser = self._parser = expat.ParserCreate("utf-8", SEPARATOR)
        parser.namespace_prefixes = True
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._document_type
        parser.StartNamespaceDeclHandler = self._namespace
        parser.ProcessingInstructionHandler = self._instruction
        self._resume()
        parser.Parse(self._raw, True)
        if "".join(self._text).strip(" \t\r\n"):
            raise _TextFound
        for parent, key in self._padded:
            align(parent, key)
        return root

    def _resume(self) -> None:
        """Read FHIR: the handlers outside narratives."""
        self._parser.StartElementHandler = self._element
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._refuse_text if self._refusing_text else self._text.append

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        slot = self._slots.get(name) or self._slot(name)
        parent = self._object
        kind, key, many, rank, type_name, allowed, convert, _ = slot
        if rank <= self._rank and (rank < self._rank or not many):
            raise faults.misplaced(self._place(), self._parser, slot, self._slots, self._rank)
        self._frames.append((parent, self._slots, slot))
        self._rank = -1
        if kind == 0:
            value: Any = attributes.pop("value", None)
            if convert is not None and value is not None:
                value = convert(value)
            self._slots = _BESIDE_VALUES
        elif kind == 1:
            value = attributes
            self._slots = SLOTS[type_name]
        else:
            self._special(slot, attributes)
            return
        self._object = attributes
        if many:
            if key in parent:
                parent[key].append(value)
            else:
                parent[key] = [value]
        else:
            parent[key] = value
        if attributes and not attributes.keys() <= allowed:
            self._attribute_refused(slot, attributes)
        if len(self._frames) > MAX_ELEMENTS:
            raise faults.too_deep(self._place(), self._parser)

    def _special(self, slot: Slot, attributes: dict[str, str]) -> None:
        parent = self._object
        if slot.kind is Kind.NARRATIVE:
            self._narrative(attributes)
            return
        if slot.kind is Kind.RESOURCE:
            parent["resourceType"] = slot.key
            self._slots = SLOTS[slot.type]
            if len(self._frames) == 1:
                attributes.pop(f"{_XML_SCHEMA}{SEPARATOR}schemaLocation{SEPARATOR}xsi", None)
        else:
            self._object = {}
            self._slots = resources()
            if slot.many:
                parent.setdefault(slot.key, []).append(self._object)
            else:
                parent[slot.key] = self._object
        if attributes:
            self._attribute_refused(slot, attributes)
        if len(self._frames) > MAX_ELEMENTS:
            raise faults.too_deep(self._place(), self._parser)

    def _slot(self, name: str) -> Slot:
        """The slot of a name that is written with a prefix; otherwise there is none, which is a fault."""
        namespace, _, rest = name.partition(SEPARATOR)
        slot = self._slots.get(f"{namespace}{SEPARATOR}{rest.partition(SEPARATOR)[0]}")
        if slot is None:
            raise faults.unknown(self._place(), self._parser, name, self._slots)
        return slot

    def _end(self, _name: str) -> None:
        ended = self._object
        self._object, slots, slot = self._frames.pop()
        if self._slots is _BESIDE_VALUES and ended:
            add_sibling(self._object, slot.key, slot.many, ended, self._padded)
        self._slots = slots
        self._rank = slot.rank

    # Narratives

    def _narrative(self, attributes: dict[str, str]) -> None:
        self._start = self._parser.CurrentByteIndex
        self._depth = 0
        self._parser.StartElementHandler = self._narrative_element
        self._parser.EndElementHandler = self._narrative_end
        self._parser.CharacterDataHandler = self._rewriter.text if self._rewriting else None
        if self._namespace_at != self._start and not self._rewriting:
            raise _RewriteNeeded
        self._narrative_element(f"{XHTML}{SEPARATOR}div", attributes)

    def _narrative_element(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_ELEMENT_DEPTH:
            raise faults.too_deep(self._place(), self._parser)
        problem = element_name(name, attributes)
        if problem is not None:
            raise faults.narrative(self._place(), self._parser, problem)
        if self._rewriting:
            self._rewriter.start(name, attributes)
        elif name.count(SEPARATOR) > 1:
            raise _RewriteNeeded

    def _narrative_end(self, name: str) -> None:
        self._depth -= 1
        if self._rewriting:
            self._rewriter.end(name)
        if self._depth:
            return
        self._object, self._slots, slot = self._frames.pop()
        self._rank = slot.rank
        self._object[slot.key] = self._rewriter.take() if self._rewriting else self._slice()
        self._resume()

    def _slice(self) -> str:
        """The narrative as it is written; of `<div/>`, one tag, the parser tells where it ends."""
        end = self._parser.CurrentByteIndex
        if self._raw.startswith(b"</div", end):
            end = self._raw.index(b">", end) + 1
        return self._raw[self._start : end].decode()

    # What else a document may hold

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _UTF8:
            raise Invalid(f"FHIR XML is UTF-8; the encoding {encoding[:40]!r} is not read here.")

    def _document_type(self, *_declared: Any) -> None:
        raise Invalid(
            f"A document type (DOCTYPE) is not allowed in FHIR XML (line {self._parser.CurrentLineNumber})."
        )

    def _namespace(self, prefix: str | None, _uri: str) -> None:
        if prefix is None:
            self._namespace_at = self._parser.CurrentByteIndex

    def _instruction(self, *_instruction: Any) -> None:
        if self._depth:
            raise faults.narrative(self._place(), self._parser, "it holds a processing instruction")

    def _refuse_text(self, text: str) -> None:
        if text.strip(" \t\r\n"):
            raise faults.stray_text(self._place(), self._parser, text)

    def _attribute_refused(self, slot: Slot, attributes: dict[str, str]) -> None:
        unknown = sorted(attributes.keys() - slot.attributes)
        raise faults.attribute(self._place(), self._parser, slot, unknown[0])

    def _place(self) -> str:
        return faults.place([(parent, slot) for parent, _, slot in self._frames])


_BESIDE_VALUES = beside_values()
