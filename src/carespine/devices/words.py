"""Numbers of things, and people with what they do, in English."""

from __future__ import annotations

from carespine.security.actor import Actor

_ONE = {"beats": "beat", "steps": "step", "minutes": "minute", "breaths": "breath"}
# What people in a practice say for the role's full name.
_SAID = {"general practitioner": "GP"}


def counted(count: int, noun: str) -> str:
    """`1 reading`, `2 readings`, `1,204 readings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def amount(number: str, unit: str) -> str:
    """`1 beat per minute`, `2 beats per minute`, `1 mmHg`."""
    head, space, rest = unit.partition(" ")
    return f"{number} {_ONE.get(head, head) if number == '1' else head}{space}{rest}"


def signed(actor: Actor) -> str:
    """`Dr Amara Osei, GP`."""
    return f"{actor.name}, {_SAID.get(actor.role, actor.role)}"
