"""A ViewDefinition within an R4 Library: R4 has no such type, and so it has a Library's versions, roles and audit."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from carespine.fhir import json_text, sql_on_fhir
from carespine.kernel.errors import NotFound

SYSTEM = "https://carespine.example/CodeSystem/library-type"
CODE = "view-definition"
MEDIA_TYPE = "application/json"
_STATUSES = frozenset({"draft", "active", "retired", "unknown"})
Tree = dict[str, Any]


def library(view: Tree) -> Tree:
    """The Library that keeps a ViewDefinition; raises Unprocessable for one that is not valid."""
    sql_on_fhir.read(view)
    content = {key: value for key, value in view.items() if key not in ("id", "meta")}
    data = base64.b64encode(json_text.write({"resourceType": "ViewDefinition", **content})).decode()
    status = view.get("status")
    tree = {
        "resourceType": "Library",
        "id": view.get("id"),
        "url": _text(view, "url"),
        "name": _text(view, "name"),
        "title": _text(view, "title"),
        "status": status if status in _STATUSES else "unknown",
        "type": {"coding": [{"system": SYSTEM, "code": CODE}]},
        "content": [{"contentType": MEDIA_TYPE, "data": data}],
    }
    return {key: value for key, value in tree.items() if value is not None}


def view(tree: Tree) -> Tree:
    """The ViewDefinition in a Library, with its id and meta; NotFound where it keeps none."""
    kinds = [
        coding.get("code")
        for coding in tree.get("type", {}).get("coding", ())
        if coding.get("system") == SYSTEM
    ]
    try:
        data = tree["content"][0]["data"] if kinds == [CODE] else None
        content = json_text.read(base64.b64decode(data, validate=True)) if data is not None else None
    except (KeyError, IndexError, binascii.Error):
        content = None
    if not isinstance(content, dict):
        raise NotFound(f"There is no ViewDefinition/{tree.get('id')}.")
    found = {key: value for key, value in content.items() if key != "resourceType"}
    return {"resourceType": "ViewDefinition", "id": tree.get("id"), "meta": tree.get("meta", {}), **found}


def _text(view: Tree, name: str) -> str | None:
    value = view.get(name)
    return value if isinstance(value, str) and value.strip() else None
