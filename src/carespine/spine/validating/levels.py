"""How far resources are validated when they are written, by type."""

from __future__ import annotations

from carespine.fhir.definitions import resource_types

STRUCTURE, FULL = "structure", "full"


def levels(text: str) -> dict[str, str]:
    """`structure,Patient=full` as resource type to level, `*` for all others; ValueError with a sentence."""
    found = {"*": STRUCTURE}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, mark, level = part.rpartition("=")
        if level == "off":
            raise ValueError(
                f"{part!r} would store what can neither be found nor shown: the structure of R4 is always kept, "
                "and structure is the least"
            )
        if level not in (STRUCTURE, FULL) or (mark and name not in resource_types()):
            raise ValueError(
                f"{part!r} is neither structure, full, nor one of these for a type, as Patient=full"
            )
        found[name or "*"] = level
    return found
