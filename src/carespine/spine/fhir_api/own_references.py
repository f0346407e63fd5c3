"""References to this server by its whole address: the same as relative ones (R4 references.html, 2.3.0.1).

A resource that is written with them is stored with relative references, so that searches, compartments and includes
find it; searches take them for relative ones, too (`base_url` of fhir/search).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from carespine.spine.fhir_api import links

if TYPE_CHECKING:
    from carespine.spine.fhir_api.exchange import Exchange


@lru_cache(maxsize=16)
def _pattern(base: str) -> re.Pattern[bytes]:
    return re.compile(rb'("reference"\s*:\s*")' + re.escape(base.encode()) + rb"/(?=[A-Z])")


def relative(exchange: Exchange) -> Exchange:
    """The exchange with such references in its JSON body made relative."""
    base = exchange.base
    if exchange.method not in ("POST", "PUT") or not base or base.encode() not in exchange.body:
        return exchange
    return replace(exchange, body=_pattern(base).sub(rb"\1", exchange.body))


def make_relative(tree: dict[str, Any], base: str) -> None:
    """Make such references of a resource in memory relative."""
    own = f"{base}/"
    for holder, key, value in links.texts(tree):
        if key == "reference" and value.startswith(own):
            holder[key] = value.removeprefix(own)
