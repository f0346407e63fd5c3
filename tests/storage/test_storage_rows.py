"""Row ids: the order of searches and the place where a page goes on, so that two alike would lose one of them."""

from __future__ import annotations

from carespine.storage.database import Database
from carespine.storage.rows import RowIds, row_ids


def test_ids_grow_and_differ_between_writers() -> None:
    one, other = RowIds(), RowIds()
    one.numbered(4_096 + 7)  # the number wraps
    other.numbered(8)
    made = [(one.new(), other.new()) for _ in range(20_000)]
    for ids in zip(*made, strict=True):
        assert list(ids) == sorted(set(ids))
    assert len({each for pair in made for each in pair}) == 40_000
    assert {pair[0] & 0xFFF for pair in made} == {7}


async def test_every_process_that_opens_the_database_has_a_number_of_its_own(database_url: str) -> None:
    writers = []
    for _ in range(3):
        database = Database(database_url, max_size=2)
        await database.open()
        await database.close()
        writers.append(row_ids.new() & 0xFFF)
    assert writers == [writers[0], writers[0] + 1, writers[0] + 2]
