"""Pieces that wait in a temporary file until all of them are here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from carespine.storage.job_files import Piece

# Ours: so much waits in memory; more goes to a file, which nobody but this process can open.
_IN_MEMORY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Place:
    """Which file a piece belongs to, its lines, and what is known of its bytes."""

    position: int
    lines: int
    length: int
    crc: int
    size: int


class Spool:
    """A context: what was added is gone at its end."""

    def __enter__(self) -> Spool:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="carespine-upload-")
        self._places: list[_Place] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, position: int, lines: int, piece: Piece) -> None:
        """Keep the next piece of the file at this position."""
        self._file.write(piece.body)
        self._places.append(_Place(position, lines, len(piece.body), piece.crc, piece.size))

    def numbered(self) -> Iterator[tuple[int, tuple[int, int, Piece]]]:
        """(number within its file, (position, lines, piece)) of each piece, as they were added."""
        self._file.seek(0)
        number, before = 0, None
        for place in self._places:
            number = number + 1 if place.position == before else 0
            before = place.position
            piece = Piece(self._file.read(place.length), place.crc, place.size)
            yield number, (place.position, place.lines, piece)
