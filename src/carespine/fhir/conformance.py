"""R4's own code systems, value sets, concept maps and structure definitions, read one at a time.

They lie compressed in one data file. The first question reads its index (some milliseconds); a resource is
unpacked when it is asked for, and not kept: whoever compiles something from it keeps that.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import msgspec
import zstandard

from carespine.fhir import json_text

KINDS = ("CodeSystem", "ConceptMap", "StructureDefinition", "ValueSet")
# Ours: unpacked blocks of a quarter of a megabyte that are kept, since neighbours are often asked for together.
_BLOCKS_KEPT = 4


def urls(kind: str) -> tuple[str, ...]:
    """The canonical URLs of all resources of a kind (one of KINDS), in the order of the official package."""
    return tuple(_index()[kind])


def facts(kind: str, url: str) -> Mapping[str, Any] | None:
    """What the index tells without unpacking: `id`, `name`, `version`, of a code system its `valueSet`, of a
    structure definition `kind`, `type`, `derivation`, `baseDefinition`, `abstract`. None if there is none."""
    row = _row(kind, url)
    return None if row is None else MappingProxyType(row[3])


def read(kind: str, url: str) -> dict[str, Any] | None:
    """The resource of a canonical URL, a tree of the caller's own; None if R4 has none.

    `url` may name a version (`...|4.0.1`); another version than the resource's is not found. Left out of the
    resource is what only readers need: narrative, contacts, mappings, prose of elements, differential.
    """
    row = _row(kind, url)
    if row is None:
        return None
    block, start, end, _ = row
    tree: dict[str, Any] = json_text.read(_block(block)[start:end])
    return tree


def _row(kind: str, url: str) -> list[Any] | None:
    rows = _index()[kind]
    if url in rows:  # also the few of R4's whose URL holds a bar: http://.../v2-0360|2.7
        return rows[url]
    plain, _, version = url.partition("|")
    row = rows.get(plain)
    if row is None or (version and version != row[3].get("version")):
        return None
    return row


@cache
def _file() -> tuple[bytes, dict[str, Any], list[int]]:
    """The content, the index, where each block begins (and the last one ends)."""
    content = (resources.files("carespine.fhir.data") / "r4.conformance.zst").read_bytes()
    start = 4 + int.from_bytes(content[:4], "big")
    head = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(content[4:start]))
    begins = [start]
    for length in head["blocks"]:
        begins.append(begins[-1] + length)
    return content, head["index"], begins


def _index() -> dict[str, dict[str, list[Any]]]:
    return _file()[1]


@lru_cache(maxsize=_BLOCKS_KEPT)
def _block(number: int) -> bytes:
    content, _, begins = _file()
    return zstandard.ZstdDecompressor().decompress(content[begins[number] : begins[number + 1]])
