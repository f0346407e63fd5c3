"""The links of a transaction: what points to another entry follows the id that entry is given (R4 http 3.1.0.11.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from carespine.fhir import definitions

_LINK_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_IN_NARRATIVE = re.compile(r"""\b(href|src)=(["'])(urn:[^"'#]+)""")


def texts(node: Any) -> Iterator[tuple[Any, Any, str]]:
    """Every text of a tree, as (its holder, its key or place there, the text)."""
    pairs = list(node.items() if isinstance(node, dict) else enumerate(node))
    for key, value in pairs:
        if isinstance(value, str):
            yield node, key, value
        elif isinstance(value, (dict, list)):
            yield from texts(value)


def follow(tree: dict[str, Any], known: Mapping[str, str], full_url: str | None) -> None:
    """Point to the entries by their ids: references, elements that hold a URI, and links in the narrative.

    `known` maps the entries' full URLs to `Type/id`. A relative reference means the server that the resource's
    own full URL names (R4 bundle.html, resolving references).
    """
    root = _root(full_url)
    others = []
    for holder, key, value in texts(tree):
        base, mark, fragment = value.partition("#")
        target = known.get(base) or (known.get(f"{root}{base}") if root and key == "reference" else None)
        if target is None:
            if key == "div" and "urn:" in value:
                holder[key] = _IN_NARRATIVE.sub(lambda found: _linked(found, known), value)
        elif key == "reference":
            holder[key] = f"{target}{mark}{fragment}"
        elif base.startswith("urn:"):
            others.append((holder, key, f"{target}{mark}{fragment}"))
    if others:
        links = set(_uri_places(tree, tree["resourceType"]))
        for holder, key, value in others:
            if (id(holder), key) in links:
                holder[key] = value


def _root(full_url: str | None) -> str | None:
    """The base URL, with its slash, of a full URL such as http://a/fhir/Patient/1."""
    if full_url is None or not full_url.startswith(("http://", "https://")):
        return None
    parts = full_url.rsplit("/", 2)
    return f"{parts[0]}/" if len(parts) == 3 and parts[1] in definitions.resource_types() else None


def _linked(found: re.Match[str], known: Mapping[str, str]) -> str:
    attribute, quote, target = found.groups()
    return f"{attribute}={quote}{known.get(target, target)}"


def _uri_places(tree: dict[str, Any], type_name: str) -> Iterator[tuple[int, Any]]:
    """Where a tree holds a URI by its definition: a text that only looks like one is left as it is."""
    known = definitions.json_elements(tree.get("resourceType", type_name))
    for key, value in tree.items():
        if key not in known:
            continue
        fhir_type = known[key][1]
        values = value if isinstance(value, list) else [value]
        if fhir_type in _LINK_TYPES:
            yield (id(tree), key)
            yield from ((id(value), place) for place in range(len(values)))
        for inner in values:
            if isinstance(inner, dict):
                yield from _uri_places(inner, fhir_type)
