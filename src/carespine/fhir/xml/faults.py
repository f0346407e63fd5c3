"""Refusals of XML that R4 does not allow, each with its place (FHIRPath) and line."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from carespine.fhir.faults import shown
from carespine.fhir.xml.names import FHIR, SEPARATOR, XHTML, Kind, Slot, Slots
from carespine.kernel.errors import Issue, Unprocessable

if TYPE_CHECKING:
    from pyexpat import XMLParserType

_SHOWN = 60
_SHOWN_NAMES = 8


def place(frames: Sequence[tuple[dict[str, Any], Slot]]) -> str:
    """The FHIRPath of the innermost of these elements."""
    path = ""
    for parent, slot in frames:
        if slot.kind is Kind.RESOURCE:
            path = path or slot.key
            continue
        element = slot.element
        choice = f".ofType({slot.type})" if element is not None and element.choice else ""
        index = f"[{len(parent[slot.key]) - 1}]" if slot.many and slot.key in parent else ""
        path += f".{element.name if element is not None else slot.key}{choice}{index}"
    return path


def unknown(path: str, parser: XMLParserType, name: str, slots: Slots) -> Unprocessable:
    """An element that does not belong here."""
    parts = name.split(SEPARATOR)
    namespace, local = (parts[0], parts[1]) if len(parts) > 1 else ("", name)
    known = [slot.key for slot in slots.values()]
    if local in known:
        right = next(key for key, slot in slots.items() if slot.key == local).partition(SEPARATOR)[0]
        found = f"the namespace {shown(namespace)}" if namespace else "no namespace"
        message = f"The element {shown(local)} has {found}; expected {right}."
    elif namespace not in (FHIR, XHTML):
        message = f"The element {shown(local)} has the namespace {shown(namespace)}; expected {FHIR}."
    elif not path:
        message = f"The element {shown(local)} is not a resource type of R4."
    else:
        close = difflib.get_close_matches(local, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        message = f"{path} has an element {shown(local)}; R4 has none of that name there.{hint}"
    return _refusal(path, parser, message)


def attribute(path: str, parser: XMLParserType, slot: Slot, name: str) -> Unprocessable:
    """An attribute that does not belong here."""
    local = name.split(SEPARATOR)[1] if SEPARATOR in name else name
    allowed = sorted(slot.attributes | {"value"} if slot.kind is Kind.PRIMITIVE else slot.attributes)
    expected = f"expected at most {' and '.join(allowed)}" if allowed else "expected none"
    return _refusal(path, parser, f"{path} has an attribute {shown(local)}; {expected}.")


def misplaced(path: str, parser: XMLParserType, slot: Slot, slots: Slots, rank: int) -> Unprocessable:
    """An element after one that R4 places behind it, or a second one where there may be one."""
    if slot.kind is Kind.RESOURCE:
        return _refusal(path, parser, f"{path} holds a second resource, {slot.key}; expected one.")
    before = [other.key for other in slots.values() if other.rank == rank]
    if slot.rank < rank:
        later = before[0] if len(before) == 1 else f"any {before[0]} or its alternatives"
        message = f"{path} has {slot.key} out of order: R4 places it before {later}."
    elif len(before) > 1:
        name = slot.element.name if slot.element is not None else slot.key
        message = f"{path} has {slot.key} after another value of {name}[x]; expected only one."
    else:
        message = f"{path} has more than one {slot.key}; it does not repeat."
    return _refusal(path, parser, message)


def stray_text(path: str, parser: XMLParserType, text: str) -> Unprocessable:
    found = shown(text.strip()[: 2 * _SHOWN])
    return _refusal(
        path, parser, f"{path} has the text {found}; FHIR writes values as attributes, not as text."
    )


def narrative(path: str, parser: XMLParserType, problem: str) -> Unprocessable:
    return _refusal(path, parser, f"{path} is not a narrative: {problem}.")


def too_deep(path: str, parser: XMLParserType) -> Unprocessable:
    steps = path.split(".")
    short = path if len(steps) <= _SHOWN_NAMES else ".".join(steps[:_SHOWN_NAMES])
    return _refusal(short, parser, f"{short} is nested too deeply.", code="too-long")


def _refusal(path: str, parser: XMLParserType, message: str, code: str = "structure") -> Unprocessable:
    said = f"{message} (line {parser.CurrentLineNumber})"
    return Unprocessable(said, issues=[Issue(code, said, path or None)])
