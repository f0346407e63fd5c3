"""NDJSON cut into pieces of whole lines, as it arrives: what keeps an import flat in memory however long it is."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

from carespine.kernel.errors import Invalid, TooLarge
from carespine.storage import job_files

# Ours: a piece is stored, checked and noted at once. Its lines are kept with their empty ones, so that they count.
LINES, BYTES = 5_000, 8 * 1024 * 1024
_LONGEST_LINE = 32 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31


class Cutter:
    """Takes bytes as they come, gzip or not, and gives (number of lines, text) pieces."""

    def __init__(self, *, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._rest, self._lines = b"", 0
        self._ready: list[bytes] = []
        self._unpacker: zlib._Decompress | None = None
        self._head: bytes | None = b""  # until there is enough of it to know a gzip file by

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that are complete with this chunk. Raises TooLarge, and Invalid for what cannot be read."""
        if self._head is not None:
            self._head += chunk
            if len(self._head) < len(_GZIP_MAGIC):
                return
            chunk, self._head = self._head, None
            if chunk.startswith(_GZIP_MAGIC):
                self._unpacker = zlib.decompressobj(_GZIP)
        for text in self._unpacked(chunk):
            self._size += len(text)
            if self._size > self._limit:
                raise TooLarge(f"The file is larger than {self._limit // 1024 // 1024} MiB.")
            yield from self._cut(text)

    def end(self) -> Iterator[tuple[int, bytes]]:
        """What is left."""
        if self._head:
            yield from self._cut(self._head)
        if self._unpacker is not None and not self._unpacker.eof:
            raise Invalid("The gzip file ends too early.")
        if self._rest:
            self._ready.append(self._rest + b"\n")
            self._lines += 1
        if self._lines:
            yield self._lines, b"".join(self._ready)

    def _cut(self, text: bytes) -> Iterator[tuple[int, bytes]]:
        lines = (self._rest + text).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_LINE:
            raise Invalid("A line is longer than 32 MiB: is this NDJSON, one resource a line?")
        size = sum(len(each) for each in self._ready)
        for line in lines:
            self._ready.append(line + b"\n")
            self._lines, size = self._lines + 1, size + len(line)
            if self._lines >= LINES or size >= BYTES:
                yield self._lines, b"".join(self._ready)
                self._ready, self._lines, size = [], 0, 0

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        if self._unpacker is None:
            yield chunk
            return
        data = chunk
        try:
            while data:
                if self._unpacker.eof:  # another member follows
                    self._unpacker = zlib.decompressobj(_GZIP)
                text = self._unpacker.decompress(data, BYTES)
                data = self._unpacker.unconsumed_tail or self._unpacker.unused_data
                yield text
        except zlib.error as error:
            raise Invalid("The gzip file is damaged.") from error


async def cut(chunks: AsyncIterator[bytes], *, limit: int) -> AsyncIterator[tuple[int, job_files.Piece]]:
    """Pieces as they are stored, with their numbers of lines."""
    cutter = Cutter(limit=limit)
    async for chunk in chunks:
        for count, text in cutter.feed(chunk):
            yield count, job_files.pack_text(text)
    for count, text in cutter.end():
        yield count, job_files.pack_text(text)
