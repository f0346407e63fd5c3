"""The files of a job, in compressed pieces: appended by the job, read in order by its requester as one gzip file.

A piece is deflate data that ends on a byte and refers to nothing before it. Put one behind the other between a header
and a trailer they are one gzip member, which is all that many HTTP clients read.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.storage.crc import combined

if TYPE_CHECKING:
    from carespine.storage.database import Connection, Database

_RAW = -15  # zlib's window bits for deflate without a header
# Ours: NDJSON of FHIR shrinks to a tenth at any level, and the quickest keeps up with the database.
_LEVEL = 1
# RFC 1952: magic, deflate, no flags, no time, no hint, unknown system. RFC 1951: a last, empty, fixed block.
_GZIP_HEADER, _LAST_BLOCK = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", b"\x03\x00"


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file with the number of its resources (lines)."""

    name: str
    resources: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Compressed lines, with the CRC-32 and the size in bytes of what they were."""

    body: bytes
    crc: int
    size: int


def pack(lines: Iterable[bytes]) -> Piece:
    """The lines, each with a newline, as a piece."""
    return pack_text(b"\n".join([*lines, b""]))


def pack_text(text: bytes) -> Piece:
    """Whole lines as a piece."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    body = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)
    return Piece(body, zlib.crc32(text), len(text))


def unpack(body: bytes) -> bytes:
    return zlib.decompressobj(_RAW).decompress(body)


async def append(tx: Connection, job: str, file: str, part: int, *, resources: int, piece: Piece) -> None:
    """Add a piece at the end of a file; `part` counts up."""
    await tx.execute(
        "insert into job_part (job, file, part, resources, crc, size, body) values ($1, $2, $3, $4, $5, $6, $7)",
        job,
        file,
        part,
        resources,
        piece.crc,
        piece.size,
        piece.body,
    )


async def files(connection: Connection, job: str) -> list[FileRow]:
    """The files of a job, by name."""
    rows = await connection.fetch(
        "select file, sum(resources)::bigint from job_part where job = $1 group by file order by file", job
    )
    return [FileRow(*row) for row in rows]


async def piece(database: Database, job: str, file: str, part: int) -> Piece | None:
    """One piece of a file; None behind the last."""
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "select body, crc, size from job_part where job = $1 and file = $2 and part = $3", job, file, part
        )
    return Piece(*row) if row else None


async def remove(tx: Connection, job: str, file: str) -> None:
    """Drop a file."""
    await tx.execute("delete from job_part where job = $1 and file = $2", job, file)


async def as_gzip(database: Database, job: str, file: str) -> AsyncIterator[bytes]:
    """A file as one gzip member, a piece in memory at a time."""
    yield _GZIP_HEADER
    crc = size = 0
    async for piece in _pieces(database, job, file):
        crc, size = combined(crc, piece.crc, piece.size), size + piece.size
        yield piece.body
    yield _LAST_BLOCK + crc.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")


async def as_text(database: Database, job: str, file: str) -> AsyncIterator[bytes]:
    """A file as it is, a piece in memory at a time."""
    async for piece in _pieces(database, job, file):
        yield unpack(piece.body)


async def _pieces(database: Database, job: str, file: str) -> AsyncIterator[Piece]:
    last = -1
    while True:
        async with database.connection() as connection:
            row = await connection.fetchrow(
                "select part, body, crc, size from job_part where job = $1 and file = $2 and part > $3 "
                "order by part limit 1",
                job,
                file,
                last,
            )
        if row is None:
            return
        last = row["part"]
        yield Piece(row["body"], row["crc"], row["size"])
