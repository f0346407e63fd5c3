"""What a summary looks back over, and how few Observations a year of a dense metric makes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from test_devices_live import House, house

from carespine.devices import publish
from carespine.devices.erasing import _periods
from carespine.devices.ingest import Ingest
from carespine.devices.metrics import data_classes, metric
from carespine.devices.naming import as_date
from carespine.devices.picture import LOOK_BACK_DAYS, period_of
from carespine.devices.samples import Batch, Run, Samples, SourceIdentity
from carespine.devices.shelf import StoreShelf
from carespine.devices.store import claim
from carespine.security.actor import TREATMENT, system_job
from carespine.storage.types import type_number

__all__ = ["house"]
YEAR_END = datetime(2026, 11, 20, tzinfo=UTC)
# Issue: a patient-year of heart rate is at most this many Observations.
MOST_A_YEAR = 400
WATCH = SourceIdentity("Test", "Band", "Band 2", "Maker", "B2", "", "watch")
RING = SourceIdentity("Test", "Ring", "Ring 1", "Maker", "R1", "", "ring")


def year_of_heart_rate(source: SourceIdentity, *, every: timedelta, shift: timedelta) -> Batch:
    """A year of one source, British clock changes included."""
    first = YEAR_END - timedelta(days=365) + shift
    count = timedelta(days=365) // every
    start = int(first.timestamp() * 1000) + np.arange(count, dtype=np.int64) * (
        every // timedelta(milliseconds=1)
    )
    summer = (start >= 1_774_746_000_000) & (
        start < 1_792_890_000_000
    )  # 29 March and 25 October 2026, 01:00 UTC
    zero = np.zeros(count, dtype=np.uint8)
    value = 60.0 + start // 600_000 % 40
    samples = Samples(
        start, start, np.where(summer, 60, 0).astype(np.int16), zero + 1, value, zero, zero.astype(np.int32)
    )
    return Batch((Run(metric("heart-rate"), source, samples),), {}, count, 0)


@pytest.mark.anyio
async def test_a_year_of_heart_rate_of_two_devices_is_an_observation_a_day(house: House) -> None:
    batches = [
        year_of_heart_rate(WATCH, every=timedelta(minutes=10), shift=timedelta()),
        year_of_heart_rate(RING, every=timedelta(minutes=30), shift=timedelta(minutes=3)),
    ]
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        patient = await session.require_patient("wearer")
        number = (await claim(session.tx, patient)).number
        ingest = Ingest(StoreShelf(session.tx, patient), number, "wearer", frozenset(data_classes()))
        for batch in batches:
            await ingest.add(batch)
        await ingest.flush()
        assert ingest.tally.stored == sum(batch.read for batch in batches)
        await publish.publish_readings(session, patient, "wearer", ingest.days, ingest.withdrawn)
    async with house.database.connection() as connection:
        made = await connection.fetchval(
            "select count(*) from resource where type = $1 and not deleted", type_number("Observation")
        )
    assert 365 <= made <= MOST_A_YEAR


def test_every_summary_that_may_rest_on_a_day_is_withdrawn_with_it() -> None:
    for day in range(19_000, 19_000 + 4 * 366):
        withdrawn = _periods([{day}])
        assert {period_of(last) for last in range(day, day + LOOK_BACK_DAYS)} <= set(withdrawn), as_date(day)
