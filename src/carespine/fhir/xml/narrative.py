"""Narratives between the two formats: XHTML that stands within FHIR XML, and is a text in JSON."""

from __future__ import annotations

import re
from html import entities
from typing import Any
from xml.parsers import expat

from carespine.fhir.xml.names import SEPARATOR, XHTML

# Ours: far more than people write, and little enough for any reader.
MAX_ELEMENT_DEPTH = 200
_XML = "http://www.w3.org/XML/1998/namespace"
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z]\w*);", re.ASCII)
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_VALUE = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})


class NotXhtml(Exception):
    """The text of a div cannot stand in XML; says why."""


class _NoNamespace(Exception):
    """A div says of no namespace that it is XHTML."""


def element_name(name: str, attributes: dict[str, str]) -> str | None:
    """What is wrong with an element's or attribute's namespace; None if nothing is."""
    parts = name.split(SEPARATOR)
    if parts[0] != XHTML:
        return f"the element {parts[min(1, len(parts) - 1)]!r} is not of the XHTML namespace {XHTML}"
    for attribute in attributes:
        if SEPARATOR in attribute and not attribute.startswith(_XML + SEPARATOR):
            return f"the attribute {attribute.split(SEPARATOR)[1]!r} is not one of XHTML"
    return None


class Rewriter:
    """Writes a narrative from its events, without prefixes: comments go, all else stays."""

    __slots__ = ("_open", "_parts")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._close()
        namespace = "" if self._parts else f' xmlns="{XHTML}"'
        values = "".join(
            f' {_attribute(key)}="{value.translate(_VALUE)}"' for key, value in attributes.items()
        )
        self._parts.append(f"<{name.split(SEPARATOR)[1]}{namespace}{values}")
        self._open = True

    def end(self, name: str) -> None:
        self._parts.append("/>" if self._open else f"</{name.split(SEPARATOR)[1]}>")
        self._open = False

    def text(self, text: str) -> None:
        self._close()
        self._parts.append(text.translate(_TEXT))

    def take(self) -> str:
        """The text so far; the next narrative begins."""
        text = "".join(self._parts)
        self._parts.clear()
        return text

    def _close(self) -> None:
        if self._open:
            self._parts.append(">")
            self._open = False


def _attribute(name: str) -> str:
    return f"xml:{name.split(SEPARATOR)[1]}" if SEPARATOR in name else name


def as_xml(div: str) -> str:
    """The text of a div, made sure to be one well-formed XHTML element. Raises NotXhtml.

    A div without a namespace is given that of XHTML, which it can only mean.
    The characters that only HTML names (`&nbsp;`) are written by number, as XML does not know the names.
    """
    text = _NAMED.sub(_by_number, div) if "&" in div else div
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if not depth and name == "div":
            raise _NoNamespace
        if not depth and name != _DIV:
            raise NotXhtml(f"it is not a div of the namespace {XHTML}")
        depth += 1
        problem = element_name(name, attributes)
        if problem is None and depth > MAX_ELEMENT_DEPTH:
            problem = f"its elements are nested more than {MAX_ELEMENT_DEPTH} deep"
        if problem is not None:
            raise NotXhtml(problem)

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate("utf-8", SEPARATOR)
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = parser.XmlDeclHandler = _refuse
    try:
        parser.Parse(text.strip(), True)
    except _NoNamespace:
        return as_xml(text.replace("<div", f'<div xmlns="{XHTML}"', 1))
    except expat.ExpatError as error:
        raise NotXhtml(f"it is not well-formed XML ({expat.ErrorString(error.code)})") from error
    return text


def problem_of(div: Any) -> str | None:
    """Why the text of a div cannot stand in XML; None where it can."""
    if not isinstance(div, str):
        return "it is not a text"
    try:
        as_xml(div)
    except NotXhtml as problem:
        return str(problem)
    return None


_DIV = f"{XHTML}{SEPARATOR}div"


def _refuse(*_event: Any) -> None:
    raise NotXhtml("it holds a declaration or a processing instruction")


def _by_number(match: re.Match[str]) -> str:
    characters = entities.html5.get(f"{match.group(1)};")
    return match.group() if characters is None else "".join(f"&#{ord(one)};" for one in characters)
