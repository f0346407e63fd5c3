"""Numbers of things, and people with what they do, in English."""

from __future__ import annotations

from carespine.security.actor import Actor

# What people in a practice say for the role's full name.
_SAID = {"general practitioner": "GP"}


def counted(count: int, noun: str) -> str:
    """`1 reading`, `2 readings`, `1,204 readings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def signed(actor: Actor) -> str:
    """`Dr Amara Osei, GP`."""
    return f"{actor.name}, {_SAID.get(actor.role, actor.role)}"
