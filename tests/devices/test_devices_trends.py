"""Daily values over weeks as tables: means, baselines, slopes."""

from __future__ import annotations

import pytest

from carespine.devices.rules.trends import baseline_change, mean, trend, weight

TODAY = 100


def last(values: list[float | None], *, until: int = TODAY) -> dict[int, float]:
    """Values of consecutive days that end with `until`; None is a day without readings."""
    first = until - len(values) + 1
    return {first + place: value for place, value in enumerate(values) if value is not None}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1000.0] * 7, (1000, 7)),
        ([9000.0] * 30 + [1000.0] * 7, (1000, 7)),
        ([None, None, None, None, 1.0, 2.0, 3.0], (2, 3)),
        ([1.0, None, None, None, None, None, 3.0], None),
        ([], None),
        ([5.0] * 7 + [None] * 7, None),
    ],
)
def test_the_mean_of_a_week_skips_days_without_readings(
    values: list[float | None], expected: tuple[float, int] | None
) -> None:
    found = mean(last(values), last_day=TODAY, days=7, least=3)
    assert (None if found is None else (found.value, found.days)) == expected


@pytest.mark.parametrize(
    ("before", "now", "week", "week_before", "four_weeks"),
    [
        ([8000.0] * 21, [10000.0] * 7, 10000, 8000, 8500),
        ([], [10000.0] * 7, 10000, None, 10000),
        ([], [10000.0] * 2, None, None, None),
        ([6000.0] * 7, [None] * 7, None, 6000, 6000),
    ],
)
def test_a_trend_has_the_week_and_four_weeks(
    before: list[float],
    now: list[float],
    week: float | None,
    week_before: float | None,
    four_weeks: float | None,
) -> None:
    found = trend(last([*before, *now]), last_day=TODAY)
    values = [None if one is None else one.value for one in (found.week, found.week_before, found.four_weeks)]
    assert values == [week, week_before, four_weeks]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([60.0] * 28, [66.0] * 7, (66, 60)),
        ([60.0] * 7, [66.0] * 7, (66, 60)),
        ([60.0] * 6, [66.0] * 7, None),
        ([60.0] * 28, [66.0] * 2, None),
    ],
)
def test_resting_heart_rate_is_held_against_the_four_weeks_before(
    before: list[float], now: list[float], expected: tuple[float, float] | None
) -> None:
    padded = [*before, *[None] * (7 - len(now)), *now]
    found = baseline_change(last(padded), last_day=TODAY)
    assert (None if found is None else (found[0].value, found[1].value)) == expected


@pytest.mark.parametrize(
    ("weighings", "slope"),
    [
        ({100: 80.0, 93: 80.5, 86: 81.0, 79: 81.5}, -0.5),
        ({100: 80.0, 93: 80.0, 86: 80.0}, 0.0),
        ({100: 83.0, 90: 81.0, 80: 79.0}, 1.4),
        ({100: 80.0, 95: 81.0}, None),
        ({100: 80.0, 95: 81.0, 92: 82.0}, None),
        ({100: 80.0, 60: 90.0, 50: 95.0}, None),
    ],
)
def test_the_slope_of_weight_needs_three_weighings_over_two_weeks(
    weighings: dict[int, float], slope: float | None
) -> None:
    found = weight(weighings, last_day=TODAY)
    assert found is not None
    assert found.slope_kg_per_week == (None if slope is None else pytest.approx(slope))


@pytest.mark.parametrize(
    ("weighings", "change"),
    [
        ({100: 80.0, 72: 82.0}, -2.0),
        ({100: 80.0, 98: 81.0, 70: 79.0, 66: 80.0}, 1.0),
        ({100: 80.0}, None),
        ({100: 80.0, 80: 82.0}, None),
    ],
)
def test_the_change_over_four_weeks_compares_the_means_of_a_week(
    weighings: dict[int, float], change: float | None
) -> None:
    found = weight(weighings, last_day=TODAY)
    assert found is not None
    assert found.change_kg == (None if change is None else pytest.approx(change))


def test_without_a_weighing_there_is_no_trend() -> None:
    assert weight({}, last_day=TODAY) is None
    assert weight({TODAY + 1: 80.0}, last_day=TODAY) is None
