"""OperationDefinitions of the operations that no published specification has, read at [base]/OperationDefinition."""

from __future__ import annotations

from typing import Any

from carespine import __version__

PREFIX = "carespine-"
# Name: what it does, whether it changes something, levels, parameters (name, use, min, max, type or names of parts).
_IN, _OUT = "in", "out"
_OWN: dict[str, tuple[str, bool, tuple[str, ...], list[tuple[str, str, int, str, str]]]] = {
    "import": (
        "Import NDJSON: files by address or with their content. Asynchronous.",
        True,
        ("system",),
        [
            ("inputFormat", _IN, 0, "1", "code"),
            ("inputSource", _IN, 0, "1", "uri"),
            ("mode", _IN, 0, "1", "string"),
            ("input", _IN, 1, "*", "type url content"),
        ],
    ),
    "reindex": (
        "Index what is stored by the search parameters of now. Asynchronous.",
        True,
        ("system",),
        [
            ("type", _IN, 0, "*", "code"),
            ("resources", _OUT, 1, "1", "integer"),
            ("ready", _OUT, 0, "*", "string"),
        ],
    ),
    "expunge": (
        "Remove resources or versions for good. For administrators.",
        True,
        ("system", "type", "instance"),
        [
            ("confirm", _IN, 1, "1", "string"),
            ("expungeDeletedResources", _IN, 0, "1", "boolean"),
            ("expungePreviousVersions", _IN, 0, "1", "boolean"),
            ("expungeEverything", _IN, 0, "1", "boolean"),
            ("limit", _IN, 0, "1", "integer"),
            ("count", _OUT, 1, "1", "integer"),
            ("more", _OUT, 1, "1", "boolean"),
        ],
    ),
    "space": (
        "What the record takes on disk. For administrators.",
        False,
        ("system",),
        [
            ("total", _OUT, 1, "1", "decimal"),
            ("resource", _OUT, 0, "*", "type current current-bytes versions history-bytes index-bytes"),
            ("table", _OUT, 0, "*", "name bytes"),
        ],
    ),
}
_PART_TYPES = {"type": "code", "url": "uri", "content": "base64Binary", "name": "string"}


def definition(resource_id: str, base: str) -> dict[str, Any] | None:
    """The OperationDefinition with this id; None where it is none of ours."""
    name = resource_id.removeprefix(PREFIX)
    if not resource_id.startswith(PREFIX) or name not in _OWN:
        return None
    what, changes, levels, parameters = _OWN[name]
    return {
        "resourceType": "OperationDefinition",
        "id": resource_id,
        "url": f"{base}/OperationDefinition/{resource_id}",
        "version": __version__,
        "name": f"Carespine{name.title()}",
        "title": what,
        "status": "active",
        "kind": "operation",
        "affectsState": changes,
        "code": name,
        **({"resource": ["Resource"]} if levels != ("system",) else {}),
        "system": "system" in levels,
        "type": "type" in levels,
        "instance": "instance" in levels,
        "parameter": [_parameter(*row) for row in parameters],
    }


def _parameter(name: str, use: str, least: int, most: str, kind: str) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": name, "use": use, "min": least, "max": most}
    if " " not in kind:
        return {**tree, "type": kind}
    parts = [
        {"name": part, "use": use, "min": 0, "max": "1", "type": _PART_TYPES.get(part, "decimal")}
        for part in kind.split()
    ]
    return {**tree, "part": parts}
