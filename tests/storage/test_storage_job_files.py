"""Pieces of a file, put one behind the other, are one gzip member with the right checksum."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.storage import crc, job_files
from carespine.storage.database import Database

LINES = st.lists(st.binary(max_size=300).map(lambda text: text.replace(b"\n", b" ")), max_size=20)


@settings(max_examples=60)
@given(st.binary(max_size=5_000), st.binary(max_size=5_000))
def test_the_checksum_of_two_texts_is_that_of_the_whole(first: bytes, second: bytes) -> None:
    found = crc.combined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert found == zlib.crc32(first + second)


@settings(max_examples=40)
@given(LINES)
def test_a_piece_gives_its_lines_back(lines: list[bytes]) -> None:
    piece = job_files.pack(lines)
    assert job_files.unpack(piece.body) == b"".join(line + b"\n" for line in lines)


async def test_a_file_of_several_pieces_is_one_gzip_member(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "insert into job (id, kind, owner, actor, purpose, request, state, created) "
            "values ('j', 'k', 'o', '{}', 'p', '{}', 'complete', now())"
        )
        for part in range(5):
            piece = job_files.pack([f"line {part}".encode() * 1_000, b"{}"])
            await job_files.append(tx, "j", "f", part, resources=2, piece=piece)
        assert await job_files.files(tx, "j") == [job_files.FileRow("f", 10)]
    packed = b"".join([each async for each in job_files.as_gzip(database, "j", "f")])
    text = b"".join([each async for each in job_files.as_text(database, "j", "f")])
    reader = zlib.decompressobj(31)
    assert reader.decompress(packed) == text == gzip.decompress(packed)
    assert reader.eof
    assert reader.unused_data == b""
    assert b"".join([each async for each in job_files.as_text(database, "j", "none")]) == b""
