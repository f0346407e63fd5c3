"""Time: aware, UTC inside, the calendar of England at the edge."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.kernel import clock

NEW_YORK_SUMMER = timezone(timedelta(hours=-4))
instants = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("instant", "day", "why"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), date(2026, 1, 31), "in winter England keeps UTC"),
        (datetime(2026, 6, 30, 22, 59, tzinfo=UTC), date(2026, 6, 30), "summer: 23:59 in London"),
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), date(2026, 7, 1), "summer: midnight in London"),
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), date(2026, 3, 28), "the night before the clocks go on"),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), date(2026, 3, 29), "the last minute of winter time"),
        (datetime(2026, 3, 29, 23, 0, tzinfo=UTC), date(2026, 3, 30), "that day has 23 hours"),
        (datetime(2026, 10, 24, 23, 0, tzinfo=UTC), date(2026, 10, 25), "the day the clocks go back begins"),
        (datetime(2026, 10, 25, 23, 59, tzinfo=UTC), date(2026, 10, 25), "and has 25 hours"),
        (datetime(2026, 6, 30, 19, 30, tzinfo=NEW_YORK_SUMMER), date(2026, 7, 1), "said elsewhere"),
    ],
)
def test_the_calendar_day_in_england(instant: datetime, day: date, why: str) -> None:
    assert clock.london_date(instant) == day, why


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 11, 24, 9, 5, tzinfo=UTC), "2026-11-24T09:05:00.000Z"),
        (datetime(2026, 11, 24, 9, 5, 7, 999_999, tzinfo=UTC), "2026-11-24T09:05:07.999Z"),
        (datetime(2026, 7, 1, 0, 30, tzinfo=clock.LONDON), "2026-06-30T23:30:00.000Z"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=clock.LONDON), "2026-10-25T00:30:00.000Z"),
        (datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=clock.LONDON), "2026-10-25T01:30:00.000Z"),
    ],
)
def test_a_fhir_instant_is_utc_with_milliseconds(instant: datetime, text: str) -> None:
    assert clock.fhir_instant(instant) == text


@given(instants)
def test_a_fhir_instant_gives_the_moment_back_to_the_millisecond(instant: datetime) -> None:
    read = datetime.fromisoformat(clock.fhir_instant(instant))
    assert timedelta(0) <= instant - read < timedelta(milliseconds=1)


@given(instants, instants)
def test_instants_sort_as_their_texts_do(one: datetime, other: datetime) -> None:
    if one <= other:
        assert clock.fhir_instant(one) <= clock.fhir_instant(other)
