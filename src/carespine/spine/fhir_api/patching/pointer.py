"""JSON Pointer (RFC 6901): the place of a value in a tree."""

from __future__ import annotations

import re
from typing import Any

from carespine.kernel.errors import Invalid, Unprocessable

Pointer = tuple[str, ...]
_WRONG_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
END = "-"


def parse(pointer: str) -> Pointer:
    """The steps of a pointer; raises Invalid where it is not one."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise Invalid(f"The pointer {pointer[:100]!r} must be empty or begin with '/'.")
    if _WRONG_ESCAPE.search(pointer):
        raise Invalid(f"In the pointer {pointer[:100]!r} a '~' is neither '~0' nor '~1'.")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def text(pointer: Pointer) -> str:
    """The pointer as it is written, at most 100 characters of it."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in pointer)[:100]


def find(document: Any, pointer: Pointer) -> Any:
    """The value at the pointer; raises Unprocessable where there is none."""
    value = document
    for depth, step in enumerate(pointer):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list):
            value = value[index(step, len(value))]
        else:
            raise Unprocessable(f"There is nothing at {text(pointer[: depth + 1])!r}.")
    return value


def index(step: str, length: int, *, end: bool = False) -> int:
    """The index into an array of `length`; with `end` the place behind the last is allowed, also written '-'."""
    if end and step == END:
        return length
    if not _INDEX.fullmatch(step):
        raise Unprocessable(f"{step[:40]!r} is not an index of an array.")
    found = int(step)
    if found >= length + (1 if end else 0):
        raise Unprocessable(f"The index {found} is beyond the end of an array of {length}.")
    return found


def key(parent: Any, pointer: Pointer) -> Any:
    """The key or index in `parent` that the last step of a pointer to an existing value means."""
    return index(pointer[-1], len(parent)) if isinstance(parent, list) else pointer[-1]
