"""SNOMED CT's implicit value sets (R4 snomedct.html#implicit): from a URL to a definition."""

from __future__ import annotations

from urllib.parse import unquote

from carespine.fhir.terminology.filters import SNOMED
from carespine.fhir.terminology.models import Tree

_REFSETS = (
    "900000000000455006"  # |Reference set (foundation metadata concept)|: all reference sets are below it
)
_MARK = "?fhir_vs"


def value_set(url: str) -> Tree | None:
    """The value set that a URL like `http://snomed.info/sct?fhir_vs=ecl/...` stands for; None for other URLs.

    `http://snomed.info/sct/EDITION/version/DATE?fhir_vs...` names an edition's version.
    """
    base, mark, rest = url.partition(_MARK)
    if not mark or not (base == SNOMED or base.startswith(f"{SNOMED}/")):
        return None
    rest = unquote(rest.removeprefix("="))
    filters = _filters(rest)
    if filters is None:
        return None
    include: Tree = {"system": SNOMED}
    if base != SNOMED:
        include["version"] = base
    if filters:
        include["filter"] = filters
    return {
        "resourceType": "ValueSet",
        "url": url,
        "name": "SNOMEDCT",
        "title": f"SNOMED CT, {rest or 'all concepts'}",
        "status": "active",
        "compose": {"include": [include]},
    }


def _filters(rest: str) -> list[Tree] | None:
    kind, _, what = rest.partition("/")
    if not rest:
        return []
    if rest == "refset":
        return [{"property": "constraint", "op": "=", "value": f"< {_REFSETS}"}]
    if kind == "isa" and what:
        return [{"property": "concept", "op": "is-a", "value": what}]
    if kind == "refset" and what:
        return [{"property": "concept", "op": "in", "value": what}]
    return [{"property": "constraint", "op": "=", "value": what}] if kind == "ecl" and what else None
