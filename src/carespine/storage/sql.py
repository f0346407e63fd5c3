"""Putting SQL together from fragments without ever putting a value into the text."""

from __future__ import annotations

from typing import Any


class Arguments:
    """The values of a statement; `add` gives each its placeholder ($1, $2, ...)."""

    def __init__(self, *values: Any) -> None:
        self.values: list[Any] = list(values)

    def add(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"
