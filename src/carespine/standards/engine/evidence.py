"""The evidence of a run: every exchange as one JSON line, each line chained to the one before by its hash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

_GENESIS = "0" * 64


def canonical(tree: Mapping[str, Any]) -> bytes:
    """`tree` as the one byte string that is hashed: sorted keys, no spaces, UTF-8."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(slots=True)
class EvidenceLog:
    """An append-only list of records; `head` commits to all of them. `also` is given each line as it comes."""

    lines: list[str] = field(default_factory=list)
    head: str = _GENESIS
    also: Callable[[str], None] = field(default=lambda _: None, repr=False)

    def append(self, kind: str, body: Mapping[str, Any]) -> int:
        """Add one record and answer its number, counted from 1."""
        record: dict[str, Any] = {"n": len(self.lines) + 1, "kind": kind, **body, "prev": self.head}
        self.head = sha256(canonical(record)).hexdigest()
        self.lines.append(canonical({**record, "hash": self.head}).decode())
        self.also(self.lines[-1])
        return len(self.lines)

    def text(self) -> str:
        """The log as JSON lines."""
        return "".join(line + "\n" for line in self.lines)

    def record(self, number: int) -> dict[str, Any]:
        """The record with that number."""
        tree: dict[str, Any] = json.loads(self.lines[number - 1])
        return tree


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Whether a log is whole: its number of records, its head, and the first fault if there is one."""

    records: int
    head: str
    fault: str | None

    @property
    def ok(self) -> bool:
        """Whether no record was changed, added, removed or reordered."""
        return self.fault is None


def verify(lines: Iterable[str], *, head: str | None = None) -> ChainCheck:
    """Recompute the chain. Cutting the end off is found only against a known `head` (the certificate
    carries it).
    """
    previous, count = _GENESIS, 0
    for count, line in enumerate((each for each in lines if each.strip()), start=1):
        try:
            record = json.loads(line)
            stated = record.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError):
            return ChainCheck(count, previous, f"line {count} is not a record of a log")
        if record.get("n") != count or record.get("prev") != previous:
            return ChainCheck(count, previous, f"line {count} does not follow the one before it")
        if sha256(canonical(record)).hexdigest() != stated:
            return ChainCheck(count, previous, f"line {count} was changed")
        previous = stated
    if head is not None and previous != head:
        return ChainCheck(count, previous, "the log does not end where the certificate says it does")
    return ChainCheck(count, previous, None)
