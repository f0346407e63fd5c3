"""Numbers of things in English."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 reading`, `2 readings`, `1,204 readings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
