"""Step 2: a generated English practice is loaded through the code that any import uses."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from carespine.demo import sign_ins
from carespine.demo.practice import count, generate
from carespine.demo.practice.story_people import PRACTICE
from carespine.demo.stage import Stage, expect
from carespine.fhir import json_text
from carespine.kernel import nhs_number
from carespine.security.actor import system_job
from carespine.spine.loading import Loaded, load_trees
from carespine.storage import bodies
from carespine.storage.types import type_number
from carespine.web import settings
from carespine.web.platform import Platform

if TYPE_CHECKING:
    from carespine.demo.sign_ins import SignIn


def play(stage: Stage) -> str:
    """Load the practice and make the people's accounts; count what arrived."""
    expected = count()
    began = time.monotonic()
    loaded, people = asyncio.run(_load(stage, sum(expected.values())))
    seconds = time.monotonic() - began
    stage.sign_ins = {account.user_name: account for account in people}
    expect(not loaded.refused, f"{len(loaded.refused)} resources were refused, first {loaded.refused[:1]}")
    _verify(stage, expected)
    patients, everything = expected["Patient"], sum(expected.values())
    return (
        f"{patients} patients, {everything} resources of {PRACTICE.name} and its neighbours "
        f"in {seconds:.1f} s ({everything / seconds:,.0f} a second)"
    )


async def _load(stage: Stage, total: int) -> tuple[Loaded, tuple[SignIn, ...]]:
    platform = Platform.build(settings.load(data=stage.data), stage.database_url)
    await platform.open()
    try:
        with stage.show_progress("Loading the practice", total) as bar:
            loaded = await load_trees(
                platform.door,
                system_job("load"),
                generate(),
                lambda number: bar.advance(bar.task_ids[0], number),
            )
        async with platform.database.transaction() as tx:
            people = await sign_ins.create(tx, stage.data)
        async with platform.database.connection() as connection:
            await connection.execute("analyze")
        return loaded, people
    finally:
        await platform.close()


def _verify(stage: Stage, expected: dict[str, int]) -> None:
    for name, number in expected.items():
        found = stage.count(
            "select count(*) from resource where type = %s and not deleted", type_number(name)
        )
        expect(found == number, f"{found} {name} resources are stored, not {number}")
    with stage.rows() as connection:
        rows = connection.execute(
            "select body from resource where type = %s and not deleted", [type_number("Patient")]
        ).fetchall()
    patients = [json_text.read(bodies.unpack(row["body"])) for row in rows]
    numbers = [patient["identifier"][0]["value"] for patient in patients]
    wrong = [number for number in numbers if not (nhs_number.is_valid(number) and number.startswith("999"))]
    expect(not wrong, f"{len(wrong)} NHS numbers are not valid ones of the test range")
    expect(len(set(numbers)) == len(numbers), "two patients share an NHS number")
