"""Reads every file of a zip archive with the adapter that recognises it, and names those that none does."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from carespine.devices.adapters.apple_health.archive import (
    ALWAYS_ALLOWED,
    DAMAGED,
    MAX_EXPANSION,
    is_zip,
)
from carespine.devices.adapters.contract import (
    Adapter,
    HostileFile,
    Manifest,
    UnreadableFile,
    load_manifest,
)
from carespine.devices.samples import Batch
from carespine.devices.words import counted

# A takeout of ten years has some tens of thousands of files.
MAX_MEMBERS = 100_000
# Archives inside archives: one level, as makers send them.
DEEPEST = 2
_STEP = 1024 * 1024
_IN_MEMORY = 8 * 1024 * 1024
_NAMED_AT_MOST = 5
# Names that can hold no readings: pictures, sound, web pages, the system's own files.
_NEVER = (".jpg", ".jpeg", ".png", ".gif", ".heic", ".mp4", ".mp3", ".pdf", ".html", ".htm", ".gpx", ".ds_store",
          ".css", ".js", ".svg", ".ico", ".mbox", ".vcf", ".ics")  # fmt: skip

Find = Callable[[BinaryIO, str], Adapter | None]


class Archive:
    """The adapter of the contract. `find` answers which adapter recognises a member."""

    def __init__(self, find: Find, *, depth: int = 1) -> None:
        self.manifest: Manifest = load_manifest(__package__)
        self._find, self._depth = find, depth

    def recognises(self, file: BinaryIO, *, name: str = "") -> bool:
        return is_zip(file)

    def open(
        self, file: BinaryIO, *, now: datetime, name: str = "", zone: str | None = None
    ) -> ArchiveReading:
        return ArchiveReading(file, self._find, now=now, zone=zone, depth=self._depth)


class ArchiveReading:
    """One archive being read."""

    def __init__(self, file: BinaryIO, find: Find, *, now: datetime, zone: str | None, depth: int) -> None:
        self._file, self._find, self._now, self._zone, self._depth = file, find, now, zone, depth
        self._read_as: Counter[str] = Counter()
        self._unread: list[str] = []
        self._said: dict[str, None] = {}
        self._broken: list[str] = []
        self._unfolded = 0

    @property
    def damage(self) -> str | None:
        return " ".join(self._broken[:_NAMED_AT_MOST]) or None

    @property
    def notices(self) -> tuple[str, ...]:
        made = [
            f"{counted(count, 'file')} read as: {title}." for title, count in sorted(self._read_as.items())
        ]
        if self._unread:
            named = ", ".join(self._unread[:_NAMED_AT_MOST])
            more = len(self._unread) - _NAMED_AT_MOST
            made.append(
                f"Not read: {counted(len(self._unread), 'file')}: {named}{f' and {more} more' if more > 0 else ''}."
            )
        return (*made, *self._said)

    def batches(self) -> Iterator[Batch]:
        try:
            archive = zipfile.ZipFile(self._file)
        except DAMAGED as error:
            raise UnreadableFile(
                "The zip archive is damaged or was cut off on its way. Export it again and send it whole."
            ) from error
        with archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if len(members) > MAX_MEMBERS:
                raise HostileFile(f"The archive holds more than {MAX_MEMBERS} files and is refused.")
            compressed = sum(info.compress_size for info in members)
            limit = max(ALWAYS_ALLOWED, compressed * MAX_EXPANSION)
            for info in sorted(members, key=lambda info: info.filename):
                yield from self._member(archive, info, limit)
        if not self._read_as and not self._broken:
            raise UnreadableFile("The zip archive holds no file that Carespine can read.")

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> Iterator[Batch]:
        if info.filename.lower().endswith(_NEVER) or info.flag_bits & 0x1:
            self._unread.append(info.filename)
            return
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            file = cast("BinaryIO", spool)
            try:
                self._unfold(archive, info, file, limit)
            except DAMAGED:
                self._broken.append(f"{info.filename} is damaged in the archive and was not read.")
                return
            adapter = self._find(file, info.filename)
            if adapter is None or (isinstance(adapter, Archive) and self._depth >= DEEPEST):
                self._unread.append(info.filename)
                return
            if isinstance(adapter, Archive):
                adapter = Archive(self._find, depth=self._depth + 1)
            yield from self._read(adapter, file, info.filename)

    def _read(self, adapter: Adapter, file: BinaryIO, name: str) -> Iterator[Batch]:
        reading = adapter.open(file, now=self._now, name=name, zone=self._zone)
        self._read_as[adapter.manifest.title] += 1
        try:
            yield from reading.batches()
        except UnreadableFile as error:
            self._broken.append(f"{name}: {error}")
        if reading.damage:
            self._broken.append(f"{name}: {reading.damage}")
        for notice in reading.notices:
            if len(self._said) < 50:
                self._said.setdefault(notice)

    def _unfold(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: BinaryIO, limit: int) -> None:
        with archive.open(info) as stream:
            while piece := stream.read(_STEP):
                self._unfolded += len(piece)
                if self._unfolded > limit:
                    raise HostileFile(
                        f"The archive unfolds to more than {MAX_EXPANSION} times its size and is refused."
                    )
                file.write(piece)
        file.seek(0)
