"""The rules for the XHTML of a narrative: formatted text only, nothing that runs, loads or collects.

Source: FHIR R4, narrative.html, sections `XHTML` and `Constraints` (txt-1, txt-2).
"""

from __future__ import annotations

import re
from html import entities
from typing import Any
from xml.parsers import expat

_XHTML = "http://www.w3.org/1999/xhtml"
_ELEMENTS = frozenset(
    {
        "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col",
        "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
        "img", "li", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table",
        "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var", "ins", "del", "bdo", "address",
    }
)  # fmt: skip
_ATTRIBUTES = frozenset(
    {
        "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding",
        "cellspacing", "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact",
        "coords", "dir", "frame", "headers", "height", "href", "hreflang", "hspace", "id", "lang",
        "longdesc", "name", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "shape", "span", "src",
        "start", "style", "summary", "tabindex", "title", "type", "valign", "value", "vspace", "width",
        "xml:lang", "xml:space",
    }
)  # fmt: skip
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z]\w*);", re.ASCII)
_UNSAFE_TARGETS = ("javascript:", "vbscript:")
# An image within the style itself loads nothing; R4's own narratives of profiles draw their trees with such.
_INLINE_IMAGE = re.compile(r"url\(['\"]?data:image/(?:png|gif|jpeg|webp);base64,[a-z0-9+/=]*['\"]?\)")
_UNSAFE_STYLES = ("expression(", "javascript:", "url(", "@import", "behavior:")


class _Fault(Exception):
    pass


def fault(div: Any) -> str | None:
    """What is wrong with the text of a `div`, in words; None if nothing is."""
    if not isinstance(div, str):
        return "the narrative is not a text"
    reader = _Reader()
    try:
        reader.read(div)
    except _Fault as problem:
        return str(problem)
    except expat.ExpatError as error:
        return f"the narrative is not well-formed XML: {expat.ErrorString(error.code)}"
    return None if reader.has_content else "the narrative has no content"


class _Reader:
    def __init__(self) -> None:
        self.depth = 0
        self.has_content = False

    def read(self, text: str) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.doctype
        parser.ProcessingInstructionHandler = self.instruction
        parser.Parse(_with_entities(text), True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and (name != "div" or attributes.pop("xmlns", "") != _XHTML):
            raise _Fault(f"the narrative must be a div of the namespace {_XHTML}")
        self.depth += 1
        if name not in _ELEMENTS:
            raise _Fault(f"the element {name} is not allowed in a narrative")
        if name == "img":
            self.has_content = True
        for attribute, value in attributes.items():
            _check_attribute(name, attribute, value)

    def end(self, name: str) -> None:
        self.depth -= 1

    def characters(self, text: str) -> None:
        self.has_content = self.has_content or bool(text.strip())

    def doctype(self, *declaration: Any) -> None:
        raise _Fault("a narrative may not declare a document type")

    def instruction(self, *instruction: Any) -> None:
        raise _Fault("a narrative may not hold processing instructions")


def _check_attribute(element: str, attribute: str, value: str) -> None:
    if attribute == "xmlns":
        if value != _XHTML:
            raise _Fault("a narrative may only hold XHTML")
        return
    if attribute not in _ATTRIBUTES:
        raise _Fault(f"the attribute {attribute} of {element} is not allowed in a narrative")
    packed = "".join(value.split()).lower()
    if attribute in ("href", "src") and packed.startswith(_UNSAFE_TARGETS):
        raise _Fault(f"the {attribute} of {element} runs a script")
    if attribute == "style" and any(each in _INLINE_IMAGE.sub("", packed) for each in _UNSAFE_STYLES):
        raise _Fault(f"the style of {element} loads or runs something")


def _with_entities(text: str) -> str:
    """XHTML's named characters (`&nbsp;`) as characters: XML does not know them without a document type."""
    return _NAMED.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    return entities.html5.get(f"{match.group(1)};", match.group())
