"""What an import is asked to take in: files by address, or content that comes with the request.

There is no published standard for $import. The parameters are those that servers and clients share (HL7's bulk import
proposal, HAPI FHIR, Microsoft FHIR): inputFormat, inputSource, mode, storageDetail, input (type, url).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from carespine.fhir import definitions
from carespine.kernel.errors import Invalid

NDJSON = frozenset({"application/fhir+ndjson", "application/ndjson", "application/x-ndjson", "ndjson"})
_STORAGE = frozenset({"https", "http"})
_MODES = frozenset({"InitialLoad", "IncrementalLoad"})
MOST_INPUTS = 1_000


@dataclass(frozen=True, slots=True)
class Input:
    """One file: at an address, or with its `content`. `type` None where lines of any type are taken."""

    type: str | None
    url: str | None = None
    content: bytes | None = None


def input_name(position: int) -> str:
    """The file under which an input is kept until it is stored."""
    return f"input.{position:05}.ndjson"


def inputs(parameters: list[dict[str, Any]]) -> list[Input]:
    """The inputs of a Parameters resource; raises Invalid with what is wrong with it."""
    found = []
    for item in parameters:
        match item["name"]:
            case "input":
                found.append(_input(item.get("part", ())))
            case "inputFormat" if _text(item) not in NDJSON:
                raise Invalid(f"inputFormat is application/fhir+ndjson, not {str(_text(item))[:60]!r}.")
            case "mode" if _text(item) not in _MODES:
                raise Invalid(
                    "mode is InitialLoad or IncrementalLoad; either leaves unchanged resources alone."
                )
            case "storageDetail":
                _demand_storage(item.get("part", ()))
            case "inputFormat" | "mode" | "inputSource":
                pass
            case name:
                raise Invalid(
                    f"$import takes input, inputFormat, inputSource, mode, storageDetail; not {name[:60]!r}."
                )
    if not found:
        raise Invalid("$import needs at least one input, with its url (and its type).")
    if len(found) > MOST_INPUTS:
        raise Invalid(f"$import takes at most {MOST_INPUTS} inputs at once.")
    return found


def demand_type(name: str | None) -> str | None:
    """The name of a resource type; raises Invalid for another text."""
    if name is not None and name not in definitions.resource_types():
        raise Invalid(f"{name[:60]!r} is not a resource type of R4.")
    return name


def _input(parts: Any) -> Input:
    by_name = {part["name"]: part for part in parts}
    if unknown := sorted(by_name.keys() - {"type", "url", "content"}):
        raise Invalid(f"An input has type, url and content; not {unknown[0][:60]!r}.")
    kind = demand_type(_text(by_name["type"])) if "type" in by_name else None
    if ("url" in by_name) == ("content" in by_name):
        raise Invalid("An input has either a url or content.")
    if "content" in by_name:
        return Input(kind, content=_content(by_name["content"]))
    url = _text(by_name["url"]) or ""
    if not _is_address(url):
        raise Invalid(f"An input's url begins with https://; {url[:120]!r} does not.")
    return Input(kind, url=url)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _content(part: dict[str, Any]) -> bytes:
    if "valueString" in part:
        return str(part["valueString"]).encode()
    try:
        return base64.b64decode(part.get("valueBase64Binary") or "", validate=True)
    except binascii.Error as error:
        raise Invalid("An input's content is a valueBase64Binary or a valueString.") from error


def _demand_storage(parts: Any) -> None:
    for part in parts:
        if part["name"] != "type" or _text(part) not in _STORAGE:
            raise Invalid("storageDetail says type https (or http): files are fetched over HTTP.")


def _text(item: dict[str, Any]) -> str | None:
    value = next((item[key] for key in item if key.startswith("value")), None)
    return value if isinstance(value, str) else None
