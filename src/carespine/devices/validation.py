"""Whether a device is known to be validated, and who says so: from validated.toml. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from carespine.devices.samples import SourceIdentity

# Where a clinician looks a device up, by its kind.
_LISTS = {"cuff": "check the cuff against the BIHS list of validated monitors"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that somebody lists as validated; `confirmed` once the deployer has looked it up."""

    key: str
    kinds: frozenset[str]
    match: tuple[str, ...]
    source: str
    confirmed: bool

    def covers(self, source: SourceIdentity) -> bool:
        words = f"{source.maker} {source.model} {source.hardware} {source.device}".casefold()
        return source.kind in self.kinds and all(part in words for part in self.match)


@cache
def entries() -> tuple[Entry, ...]:
    """Every entry of the table."""
    text = resources.files("carespine.devices").joinpath("validated.toml").read_text(encoding="utf-8")
    return tuple(_entry(key, row) for key, row in tomllib.loads(text).items())


def _entry(key: str, row: Mapping[str, object]) -> Entry:
    kinds, match = row["kinds"], row["match"]
    if not (isinstance(kinds, list) and isinstance(match, list) and len(match) > 1):
        raise ValueError(f"{key}: an entry names its kinds, and maker and model to match.")
    folded = tuple(str(part).casefold() for part in match)
    return Entry(key, frozenset(kinds), folded, str(row["source"]), row["confirmed"] is True)


def status(source: SourceIdentity) -> str:
    """What is known of one device, as a sentence that names who says so."""
    found = next((entry for entry in entries() if entry.covers(source)), None)
    if found is None:
        advice = _LISTS.get(source.kind)
        return f"{source.label}: validation not known{f'; {advice}' if advice else ''}."
    if found.confirmed:
        return f"{source.label}: validated ({found.source})."
    return f"{source.label}: listed as validated ({found.source}), not confirmed by the deployer."
