"""Outputs of operations as Parameters resources."""

from __future__ import annotations

from typing import Any

from carespine.fhir.terminology.models import Tree


def parameters(*items: Tree | None) -> Tree:
    """A Parameters resource; items that are None are left out."""
    found = [item for item in items if item is not None]
    return {"resourceType": "Parameters", "parameter": found} if found else {"resourceType": "Parameters"}


def item(name: str, kind: str, value: Any) -> Tree | None:
    """One parameter, `item("display", "String", text)`; None for no value."""
    return None if value is None else {"name": name, f"value{kind}": value}


def parts(name: str, *items: Tree | None) -> Tree:
    """A parameter made of parts."""
    return {"name": name, "part": [item for item in items if item is not None]}


def verdict(result: bool, message: str | None = None, display: str | None = None) -> Tree:
    """The outputs of $validate-code."""
    return parameters(
        item("result", "Boolean", result),
        item("message", "String", message),
        item("display", "String", display),
    )
