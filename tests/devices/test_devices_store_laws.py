"""Laws of the store: packing loses nothing, adding again adds nothing, and the order of arrival is forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.devices.chunks import DamagedChunkError, pack, unpack
from carespine.devices.merge import merge
from carespine.devices.metrics import metric
from carespine.devices.samples import COLUMN_TYPES, EMPTY, Samples, concatenate

GLUCOSE = metric("glucose-meter")
_MOMENT = st.integers(-(10**13), 10**14)
_VALUE = st.one_of(
    st.floats(width=64, allow_nan=False, allow_infinity=False),
    st.integers(0, 400).map(float),
    st.decimals(0, 40, places=1).map(float),
)
_ROW = st.tuples(
    _MOMENT, st.integers(0, 10**9), st.integers(-960, 960), st.integers(0, 4), _VALUE, st.integers(0, 1),
    st.integers(0, 2**31 - 1),
)  # fmt: skip
_SMALL = st.tuples(
    st.integers(0, 5), st.integers(0, 2), st.sampled_from([0, 60]), st.just(1),
    st.sampled_from([5.0, 5.5, 6.0]), st.just(0), st.integers(1, 3),
)  # fmt: skip


def columns(rows: list[tuple[Any, ...]]) -> Samples:
    """Readings of (start, length, offset, trust, value, unit, origin)."""
    table = [(start, start + length, *rest) for start, length, *rest in rows]
    made = {
        name: np.array([row[place] for row in table], dtype=kind)
        for place, (name, kind) in enumerate(COLUMN_TYPES.items())
    }
    return Samples(**made)


def bits(samples: Samples) -> dict[str, bytes]:
    return {name: getattr(samples, name).tobytes() for name in COLUMN_TYPES}


def reading_set(samples: Samples) -> set[tuple[int, int, float]]:
    return set(zip(samples.start_ms.tolist(), samples.end_ms.tolist(), samples.value.tolist(), strict=True))


@given(st.lists(_ROW, max_size=60))
@settings(max_examples=200, deadline=None)
def test_unpacking_gives_back_every_bit(rows: list[tuple[Any, ...]]) -> None:
    samples = columns(rows)
    assert bits(unpack(pack(samples, GLUCOSE), GLUCOSE)) == bits(samples)


@pytest.mark.parametrize("value", [-0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2.0**53 + 2, -1e-7])
def test_odd_numbers_survive_packing(value: float) -> None:
    samples = columns([(0, 0, 0, 1, value, 0, 1)])
    assert bits(unpack(pack(samples, GLUCOSE), GLUCOSE)) == bits(samples)


def test_a_month_of_heart_rate_takes_at_most_8_bytes_a_reading() -> None:
    dice = np.random.default_rng(7)
    count = 10_000
    start = 1_760_000_000_000 + np.cumsum(dice.integers(200, 400, count)) * 1000
    rows = [
        (int(moment), 0, 60, 3, float(rate), 0, 1)
        for moment, rate in zip(start, dice.integers(50, 120, count), strict=True)
    ]
    assert len(pack(columns(rows), metric("heart-rate"))) <= 8 * count


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x07" + bytes(20), b"not a chunk at all"])
def test_bytes_that_are_no_chunk_are_told_apart(raw: bytes) -> None:
    with pytest.raises(DamagedChunkError):
        unpack(raw, GLUCOSE)


@given(st.lists(_SMALL, max_size=20), st.lists(_SMALL, max_size=20))
@settings(max_examples=200, deadline=None)
def test_every_incoming_reading_is_either_added_or_a_duplicate(
    first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]
) -> None:
    known = merge(EMPTY, columns(first), GLUCOSE).samples
    merged = merge(known, columns(second), GLUCOSE)
    assert len(second) == len(merged.added) + merged.duplicate
    assert len(merged.samples) == len(known) + len(merged.added)


@given(st.lists(_SMALL, max_size=20))
@settings(max_examples=100, deadline=None)
def test_adding_the_same_again_adds_nothing(rows: list[tuple[Any, ...]]) -> None:
    once = merge(EMPTY, columns(rows), GLUCOSE).samples
    again = merge(once, columns(rows), GLUCOSE)
    assert len(again.added) == 0
    assert again.duplicate == len(rows)
    assert bits(again.samples) == bits(once)


@given(st.lists(_SMALL, max_size=16), st.randoms(use_true_random=False), st.integers(0, 16))
@settings(max_examples=100, deadline=None)
def test_the_order_and_grouping_of_arrival_leave_no_trace(
    rows: list[tuple[Any, ...]], dice: Any, cut: int
) -> None:
    shuffled = list(rows)
    dice.shuffle(shuffled)
    at_once = merge(EMPTY, columns(rows), GLUCOSE).samples
    in_two = merge(
        merge(EMPTY, columns(shuffled[:cut]), GLUCOSE).samples, columns(shuffled[cut:]), GLUCOSE
    ).samples
    assert reading_set(at_once) == reading_set(in_two)
    assert at_once.start_ms.tolist() == in_two.start_ms.tolist()


def test_a_reading_exported_again_in_another_unit_is_known() -> None:
    in_mmol = columns([(0, 0, 0, 1, 7.0, 0, 1)])
    in_mg = columns([(0, 0, 0, 1, 126.1092, 1, 1)])
    assert merge(in_mmol, in_mg, GLUCOSE).duplicate == 1


def test_putting_nothing_together_gives_nothing() -> None:
    assert len(concatenate([])) == 0
    assert len(merge(EMPTY, EMPTY, GLUCOSE).samples) == 0
