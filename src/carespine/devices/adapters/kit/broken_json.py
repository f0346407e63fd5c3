"""JSON from files that were cut off or damaged: everything before the break, and how much comes after it."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import msgspec

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:([{\[])|([}\]])|(,)|(:)|("(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity))"
)
# Deeper than any export; beyond it a file only wants to exhaust the reader.
_DEEPEST = 100
_CLOSING = {"{": "}", "[": "]"}


class Parsed(NamedTuple):
    """The value (None where nothing could be read); where it broke, in characters; records after the break."""

    value: Any
    broke_at: int | None
    after: int


def parse(text: str) -> Parsed:
    """The JSON value in a text, or what comes before its break."""
    try:
        return Parsed(msgspec.json.decode(text), None, 0)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return Parsed(json.loads(text, strict=False), None, 0)
    except (ValueError, RecursionError):
        return _salvaged(text)


def _salvaged(text: str) -> Parsed:
    """The longest sound beginning, its open brackets closed."""
    cut, stack = _sound_prefix(text)
    # A piece that was cut in the middle is not trusted; what begins behind it is counted, never guessed at.
    after = max(1, text.count("{", cut))
    closing = "".join(_CLOSING[opened] for opened in reversed(stack))
    try:
        return Parsed(json.loads(text[:cut] + closing, strict=False), cut, after)
    except (ValueError, RecursionError):
        return Parsed(None, cut, after)


def _sound_prefix(text: str) -> tuple[int, tuple[str, ...]]:
    """The end of the last element that was complete in an array or object, and the brackets open there.

    An object that the break falls into is dropped whole: half a record may lack what gives the rest its meaning.
    """
    stack: list[str] = []
    best: tuple[int, tuple[str, ...]] = (0, ())
    at, expects, is_key, just_opened = 0, True, False, False
    while (found := _TOKEN.match(text, at)) is not None:
        opened, closed, comma, colon, string, _scalar = found.groups()
        complete = False
        if opened:
            if not expects or is_key or len(stack) >= _DEEPEST:
                break
            stack.append(opened)
            is_key = opened == "{"
            complete = opened == "[" or len(stack) == 1
        elif closed:
            if not stack or _CLOSING[stack[-1]] != closed or (expects or is_key) != just_opened:
                break
            stack.pop()
            expects, is_key = False, False
            complete = not stack or stack[-1] == "[" or len(stack) <= 2
        elif comma:
            if expects or is_key or not stack:
                break
            expects, is_key = True, stack[-1] == "{"
        elif colon:
            if not is_key or expects:
                break
            expects, is_key = True, False
        elif not expects or (is_key and not string):
            break
        else:
            expects = False
            complete = not is_key and bool(stack) and (stack[-1] == "[" or len(stack) == 1)
        just_opened = bool(opened)
        at = found.end()
        if complete:
            best = (at, tuple(stack))
    return best
