"""Who measured: the same device and app get the same identity, however the export spells them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import unescape

from carespine.devices.samples import SourceIdentity

# Apple's longest device descriptions have some 250 characters.
_LONGEST = 1_000
_NUMERIC = re.compile(r"&#(x[0-9A-Fa-f]{1,6}|[0-9]{1,7});")
_NAMED = {"&quot;": '"', "&apos;": "'"}
# One spelling for the apostrophes, quotes and dashes that phones put into names by themselves.
_PLAIN = str.maketrans("\u2019\u2018\u201c\u201d\u2010\u2011", "''\"\"--")
_FIELD = re.compile(r"(?:^|, )(name|manufacturer|model|hardware):(.*?)(?=, \w+:|>?$)")


def plain_text(raw: bytes) -> str:
    """The text of an XML attribute: escapes resolved, undecodable bytes replaced, cut where no name goes on."""
    text = _NUMERIC.sub(_character, raw[:_LONGEST].decode("utf-8", "replace"))
    return unescape(text, _NAMED)


def one_spelling(text: str) -> str:
    """Compatibility-normalised, with plain apostrophes and single ordinary spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN).split())


def identity(
    source: bytes, device: bytes, *, platform: str, kinds: Sequence[Mapping[str, Any]]
) -> SourceIdentity:
    """The identity behind a record's sourceName and device attributes; `kinds` as in manifest.toml."""
    app = one_spelling(plain_text(source)) or "unknown app"
    found = {key: one_spelling(value) for key, value in _FIELD.findall(plain_text(device).rstrip(">"))}
    name, model, hardware = found.get("name", ""), found.get("model", ""), found.get("hardware", "")
    return SourceIdentity(
        platform=platform,
        app=app,
        device=name,
        maker=found.get("manufacturer", ""),
        model=model,
        hardware=hardware,
        kind=_kind((model, hardware, name, app), kinds),
    )


def _kind(texts: Sequence[str], kinds: Sequence[Mapping[str, Any]]) -> str:
    """The kind by the most telling text first: an iPhone app called "Watch faces" is no watch."""
    for text in texts:
        lowered = text.casefold()
        for entry in kinds:
            if any(word in lowered for word in entry["words"]):
                return str(entry["kind"])
    return "unknown"


def _character(match: re.Match[str]) -> str:
    digits = match.group(1)
    number = int(digits[1:], 16) if digits.startswith("x") else int(digits)
    is_character = number < 0x110000 and not 0xD800 <= number < 0xE000
    return chr(number) if is_character else "\ufffd"
