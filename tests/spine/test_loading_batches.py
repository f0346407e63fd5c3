"""Loading in batches that are stored a few at once: nothing is lost, and the later line has the last word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from api import Server

from carespine.kernel.errors import Invalid
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.spine.loading import BATCH, Loaded, load_files, load_trees

JOB = system_job("load")


def patient(number: int, family: str) -> dict[str, object]:
    return {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": family}]}


def write(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


async def load(server: Server, path: Path, lines: list[dict[str, object]]) -> tuple[Loaded, list[int]]:
    write(path, lines)
    told: list[int] = []
    return await load_files(server.platform.door, JOB, [path], told.append), told


async def family_of(server: Server, number: int) -> str:
    async with server.platform.door.glance(JOB, purpose=ADMINISTRATION) as session:
        name: str = (await session.read("Patient", f"p{number}"))["name"][0]["family"]
    return name


async def test_a_resource_in_several_batches_ends_as_its_last_line_says(
    server: Server, tmp_path: Path
) -> None:
    rounds = [[patient(number, f"Round{turn}") for number in range(BATCH)] for turn in range(5)]
    loaded, told = await load(
        server, tmp_path / "rounds.ndjson", [line for lines in rounds for line in lines]
    )
    assert (loaded.stored, loaded.unchanged, loaded.refused) == (5 * BATCH, 0, [])
    assert sum(told) == 5 * BATCH
    assert {await family_of(server, number) for number in (0, 1, BATCH // 2, BATCH - 1)} == {"Round4"}


async def test_batches_at_once_store_everything_and_a_refusal_names_its_line(
    server: Server, tmp_path: Path
) -> None:
    lines = [patient(number, "Abel") for number in range(4 * BATCH + 1)]
    lines[BATCH + 7] = {"resourceType": "Patient", "name": [{"family": "Nameless"}]}
    loaded, _ = await load(server, tmp_path / "many.ndjson", lines)
    assert loaded.stored == 4 * BATCH
    assert [reason.split(": ")[0] for reason in loaded.refused] == [f"many.ndjson:{BATCH + 8}"]


async def test_a_load_that_breaks_off_keeps_whole_batches_only(server: Server) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield from (patient(number, "Abel") for number in range(3 * BATCH + 10))
        raise Invalid("The source ended.")

    with pytest.raises(Invalid):
        await load_trees(server.platform.door, JOB, broken(), lambda _: None)
    async with server.platform.door.glance(JOB, purpose=ADMINISTRATION) as session:
        stored = await session.search("Patient", [("_summary", "count")])
    assert stored.total is not None
    assert stored.total % BATCH == 0
