"""The consensus on time in range as tables: readings in, the profile or its refusal out."""

from __future__ import annotations

import numpy as np
import pytest
from device_builders import readings

from carespine.devices.glucose_kind import comes_from_sensor
from carespine.devices.rules.glucose import CgmProfile, CgmRefused, meter, profile
from carespine.devices.samples import DAY_MS, MINUTE_MS

MG_PER_MMOL = 18.0156


def made(
    values: list[float], *, days: int = 14, per_day: int = 288, in_mg: bool = False
) -> CgmProfile | CgmRefused:
    """The profile of values that repeat over so many days, evenly spread; in mmol/L unless `in_mg`."""
    count = days * per_day
    moments = np.array(
        [day * DAY_MS + n * (DAY_MS // per_day) for day in range(days) for n in range(per_day)]
    )
    given = np.resize(np.array(values, dtype=np.float64), count)
    mmol, mg = (given / MG_PER_MMOL, given) if in_mg else (given, given * MG_PER_MMOL)
    return profile(moments, moments // DAY_MS, mmol, mg, [in_mg] * count)


def ready(values: list[float], **how: object) -> CgmProfile:
    found = made(values, **how)  # type: ignore[arg-type]
    assert isinstance(found, CgmProfile)
    return found


@pytest.mark.parametrize(
    ("value", "shares"),
    [  # mmol/L: (in range, below, very low, above, very high)
        (3.9, (100, 0, 0, 0, 0)),
        (10.0, (100, 0, 0, 0, 0)),
        (3.8, (0, 100, 0, 0, 0)),
        (3.0, (0, 100, 0, 0, 0)),
        (2.9, (0, 100, 100, 0, 0)),
        (10.1, (0, 0, 0, 100, 0)),
        (13.9, (0, 0, 0, 100, 0)),
        (14.0, (0, 0, 0, 100, 100)),
    ],
)
def test_limits_in_mmol(value: float, shares: tuple[int, ...]) -> None:
    found = ready([value])
    assert (found.in_range, found.below, found.very_low, found.above, found.very_high) == shares


@pytest.mark.parametrize(
    ("value", "shares"),
    [  # mg/dL
        (70, (100, 0, 0, 0, 0)),
        (180, (100, 0, 0, 0, 0)),
        (69, (0, 100, 0, 0, 0)),
        (54, (0, 100, 0, 0, 0)),
        (53, (0, 100, 100, 0, 0)),
        (181, (0, 0, 0, 100, 0)),
        (250, (0, 0, 0, 100, 0)),
        (251, (0, 0, 0, 100, 100)),
    ],
)
def test_limits_are_applied_in_the_unit_of_the_sensor(value: float, shares: tuple[int, ...]) -> None:
    found = ready([value], in_mg=True)
    assert (found.in_range, found.below, found.very_low, found.above, found.very_high) == shares


@pytest.mark.parametrize(
    ("mean_mg", "gmi"), [(100, 5.702), (154, 6.99368), (200, 8.094), (126.1092, 6.326532)]
)
def test_the_glucose_management_indicator(mean_mg: float, gmi: float) -> None:
    assert ready([mean_mg], in_mg=True).gmi == pytest.approx(gmi, abs=1e-6)


@pytest.mark.parametrize(
    ("days", "per_day", "accepted"),
    [(14, 288, True), (13, 288, False), (1, 288, False), (14, 96, True), (20, 288, True)],
)
def test_fourteen_days_are_needed(days: int, per_day: int, accepted: bool) -> None:
    assert isinstance(made([6.0], days=days, per_day=per_day), CgmProfile) is accepted


@pytest.mark.parametrize(
    ("share", "accepted"), [(1.0, True), (0.75, True), (0.71, True), (0.69, False), (0.4, False)]
)
def test_the_sensor_must_be_active_70_percent_of_the_time(share: float, accepted: bool) -> None:
    kept = [day * DAY_MS + n * 5 * MINUTE_MS for day in range(14) for n in range(int(288 * share))]
    moments = np.array(kept)
    values = np.full(len(kept), 6.0)
    found = profile(moments, moments // DAY_MS, values, values * MG_PER_MMOL, [False] * len(kept))
    assert isinstance(found, CgmProfile) is accepted


def test_a_refusal_says_what_is_missing() -> None:
    found = made([6.0], days=3)
    assert isinstance(found, CgmRefused)
    assert found.sentences[0] == "A sensor profile needs 14 days; there are 3."


def test_only_the_last_fourteen_days_are_in_the_profile() -> None:
    old, new = [4.5] * 288 * 6, [8.0] * 288 * 14
    assert ready(old + new, days=20).mean_mmol_l == pytest.approx(8.0)


def test_no_reading_gives_a_refusal() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert isinstance(profile(nothing, nothing, nothing.astype(float), nothing.astype(float), []), CgmRefused)


def test_variation_is_the_standard_deviation_in_percent_of_the_mean() -> None:
    assert ready([4.0, 8.0]).cv == pytest.approx(33.337, abs=0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([5.0], (1, 5.0, 5.0, 5.0, 0)), ([3.9, 4.0, 12.1], (3, 6.667, 3.9, 12.1, 1))],
)
def test_meter_readings_are_summed_up_apart(values: list[float], expected: tuple[float, ...] | None) -> None:
    found = meter(values)
    if expected is None:
        assert found is None
        return
    assert found is not None
    numbers = (found.readings, found.mean_mmol_l, found.lowest_mmol_l, found.highest_mmol_l, found.below_4)
    assert numbers == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("minutes", "count", "sensor"),
    [(5, 40, True), (15, 40, True), (1, 30, True), (16, 40, False), (300, 60, False), (5, 20, False)],
)
def test_a_sensor_is_known_by_how_its_readings_come(minutes: int, count: int, sensor: bool) -> None:
    rows = []
    for number in range(count):
        at = number * minutes
        text = f"2026-11-{1 + at // 1440:02d}T{at % 1440 // 60:02d}:{at % 60:02d}+00:00"
        rows.append((text, text, 6.0))
    assert comes_from_sensor(readings(rows)) is sensor
