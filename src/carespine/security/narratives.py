"""A narrative is shown to people: one that could run something is refused, whoever sends it."""

from __future__ import annotations

import re
from typing import Any

from carespine.kernel.errors import Unprocessable

# FHIR R4 narrative.html: no scripts, forms, frames, objects, external styles or event attributes. This finds what could
# act in a browser; whether all else is allowed too (txt-1) is for the validation to say.
_ACTIVE = re.compile(
    r"<\s*/?\s*(?:[a-z]+:)?(?:script|iframe|frame|frameset|object|embed|applet|form|input|button|link|meta|base|svg|math)\b"
    r"|<[^>]*[\s/\"']on[a-z]+\s*="
    r"|(?:=\s*[\"']?|\()\s*(?:javascript|vbscript)\s*:",
    re.IGNORECASE,
)


def demand(tree: dict[str, Any], place: str | None = None) -> None:
    """Raise Unprocessable where a narrative, also of a contained resource, holds anything active."""
    where = place or str(tree.get("resourceType"))
    text = tree.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    if isinstance(div, str) and _ACTIVE.search(div):
        raise Unprocessable(
            "The narrative holds what could run in a browser: a narrative is plain XHTML, without scripts, forms, "
            "frames and event attributes.",
            expression=f"{where}.text.div",
        )
    for position, inner in enumerate(tree.get("contained", ())):
        if isinstance(inner, dict):
            demand(inner, f"{where}.contained[{position}]")
