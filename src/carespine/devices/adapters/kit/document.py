"""The frame of an adapter whose files are read whole: bytes in, text or JSON or a table, readings out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from carespine.devices import reasons
from carespine.devices.adapters.contract import HostileFile, Manifest, load_manifest
from carespine.devices.adapters.kit import broken_json, table
from carespine.devices.adapters.kit.clock import Clock
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.numbers import comma_of
from carespine.devices.adapters.kit.text import decoded, is_binary
from carespine.devices.samples import Batch

# One file of a maker's export; the largest seen are some 100 MB.
MAX_DOCUMENT = 512 * 1024 * 1024
HEAD = 64 * 1024
_ODD = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    OverflowError,
    ArithmeticError,
    RecursionError,
)


class Head:
    """The beginning of a file, for recognising it."""

    def __init__(self, raw: bytes, name: str) -> None:
        self.name = PurePosixPath(name.replace("\\", "/")).name
        self.path = name.replace("\\", "/")
        self.raw = raw
        self.text = "" if is_binary(raw) else decoded(raw)[0]

    @classmethod
    def of(cls, file: BinaryIO, name: str) -> Head:
        file.seek(0)
        return cls(file.read(HEAD), name)

    @property
    def is_json(self) -> bool:
        return self.text.lstrip()[:1] in ("{", "[")

    def says(self, *words: str) -> bool:
        """Whether every one of the words occurs as a JSON key."""
        return self.is_json and all(f'"{word}"' in self.text for word in words)

    @property
    def first_line(self) -> str:
        return self.text.lstrip().split("\n", 1)[0].strip()


class Document:
    """A whole file in the shapes that adapters ask for. What is broken is told to the collector."""

    def __init__(self, raw: bytes, name: str, into: Collector) -> None:
        self.raw, self._into = raw, into
        self.path = name.replace("\\", "/")
        self.name = PurePosixPath(self.path).name

    @cached_property
    def text(self) -> str:
        text, doubt = decoded(self.raw)
        if doubt:
            self._into.note(doubt)
        return text

    @cached_property
    def json(self) -> Any:
        """The JSON of the file, or of its sound beginning; then `damage` is set and the rest is counted."""
        found = broken_json.parse(self.text)
        if found.broke_at is not None:
            self._into.damage = (
                f"The file stops being well-formed JSON after character {found.broke_at} (cut off or damaged). "
                "What came before was read."
            )
            self._into.refuse(reasons.AFTER_DAMAGE, found.after)
        return found.value

    def lines(self, mark: str | None = None) -> list[list[str]]:
        """The cells of every line of a table; what a comma means is found on the way."""
        found: list[list[str]] = []
        text = self.text.replace("\x00", "")
        try:
            found.extend(table.lines(text, mark))
        except csv.Error as error:
            self._into.damage = f"The table breaks off at line {len(found) + 1}: {error}."
            self._into.refuse(reasons.AFTER_DAMAGE, max(1, text.count("\n") - len(found)))
        self._into.comma = comma_of(cell for line in found[:5_000] for cell in line)
        return found


class DocumentAdapter:
    """An adapter of the contract; a format adds `fits` and `read`."""

    package: str

    def __init__(self) -> None:
        self.manifest: Manifest = load_manifest(self.package)

    def fits(self, head: Head) -> bool:
        """Whether the beginning of a file is of this format."""
        raise NotImplementedError

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        """Give every record to the collector, and yield now and then so that it can be emptied."""
        raise NotImplementedError

    def recognises(self, file: BinaryIO, *, name: str = "") -> bool:
        return self.fits(Head.of(file, name))

    def open(
        self, file: BinaryIO, *, now: datetime, name: str = "", zone: str | None = None
    ) -> DocumentReading:
        return DocumentReading(self, file, name, Collector(self.manifest, now=now, clock=Clock(zone)))


class DocumentReading:
    """One file being read."""

    def __init__(self, adapter: DocumentAdapter, file: BinaryIO, name: str, into: Collector) -> None:
        self._adapter, self._file, self._name, self._into = adapter, file, name, into

    @property
    def damage(self) -> str | None:
        return self._into.damage

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(self._into.notices)

    def batches(self) -> Iterator[Batch]:
        self._file.seek(0)
        raw = self._file.read(MAX_DOCUMENT + 1)
        if len(raw) > MAX_DOCUMENT:
            raise HostileFile(f"The file is larger than {MAX_DOCUMENT // 1024 // 1024} MB; split the export.")
        self._into.position = len(raw)
        steps = self._adapter.read(Document(raw, self._name, self._into), self._into)
        while self._step(steps):
            if self._into.full:
                yield self._into.batch()
        yield self._into.batch()

    def _step(self, steps: Iterator[None]) -> bool:
        """Go on reading. A shape that the adapter did not foresee ends the reading with a sentence, not a crash."""
        try:
            next(steps)
        except StopIteration:
            return False
        except _ODD as error:
            self._into.damage = (
                f"The file does not have the shape of its format ({type(error).__name__}). "
                "What came before was read."
            )
            self._into.refuse(reasons.AFTER_DAMAGE)
            return False
        return True
