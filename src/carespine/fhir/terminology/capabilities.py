"""What R4's TerminologyCapabilities says of this terminology: what is always there, and what the operations take."""

from __future__ import annotations

from typing import Any

from carespine.fhir import conformance
from carespine.fhir.terminology import grammars, operations, registers


def capabilities() -> dict[str, Any]:
    """The elements of a TerminologyCapabilities from `codeSystem` on. Stored and loaded systems are found by asking."""
    return {
        "codeSystem": [
            *(_published(url) for url in conformance.urls("CodeSystem")),
            *({"uri": url, "subsumption": False} for url in (*grammars.GRAMMARS, *registers.URLS)),
        ],
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [
                {"name": name} for name in sorted(operations.EXPAND - {"context", "contextDirection"})
            ],
            "textFilter": "Every word begins a word of the display or of a designation, or the text is the code.",
        },
        "codeSearch": "all",
        "validateCode": {"translations": False},
        "translation": {"needsMap": False},
        "closure": {"translation": False},
    }


def _published(url: str) -> dict[str, Any]:
    version = (conformance.facts("CodeSystem", url) or {}).get("version")
    return {
        "uri": url,
        **({"version": [{"code": version, "isDefault": True}]} if version else {}),
        "subsumption": True,
    }
