"""Identifiers: what a FHIR id is, fresh ids in order, keys that never change."""

from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.kernel import ids


@pytest.mark.parametrize(
    "text", ["1", "a", "A-b.C-9", "x" * 64, "-", ".", "5b0a4e5c-8c0f-4a5e-9d0e-3f0f2f6f1c11"]
)
def test_a_fhir_id_is_1_to_64_letters_digits_hyphens_and_dots(text: str) -> None:
    assert ids.is_fhir_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a_b", "a/b", "é", "a\n", "\u0661"])
def test_nothing_else_is_a_fhir_id(text: str) -> None:
    assert not ids.is_fhir_id(text)


def test_a_fresh_id_is_a_uuid_of_version_7_and_a_fhir_id() -> None:
    made = uuid.UUID(ids.new_id())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert ids.is_fhir_id(str(made))


def test_fresh_ids_carry_their_time_so_that_later_ones_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for millis in (0, 1, 1_000, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1):
        monkeypatch.setattr(time, "time_ns", lambda at=millis: at * 1_000_000)
        made.append(ids.new_id())
        assert uuid.UUID(made[-1]).int >> 80 == millis
    assert made == sorted(made)


def test_fresh_ids_differ() -> None:
    assert len({ids.new_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    ("parts", "number"),
    [
        (("Patient", "1"), 1_767_646_968_131_134_478),
        (("Patient", "larkfield-1"), 5_734_395_686_028_988_976),
        (("",), 8_238_016_292_129_134_938),
        (("a", "b"), 8_945_880_261_400_226_312),
        (("Käse", "🧀"), 8_862_639_443_829_661_819),
    ],
)
def test_a_hash_never_changes_because_it_is_in_stored_data(parts: tuple[str, ...], number: int) -> None:
    assert ids.hash63(*parts) == number


@given(st.lists(st.text(), max_size=4))
def test_a_hash_is_positive_and_has_63_bits(parts: list[str]) -> None:
    assert 0 < ids.hash63(*parts) < 2**63


@given(st.text("ab", max_size=6), st.integers(0, 6))
def test_the_boundaries_of_the_parts_count(text: str, place: int) -> None:
    assert ids.hash63(text[:place], text[place:]) != ids.hash63(text)


@given(st.text("abc", max_size=4), st.text("abc", max_size=4))
def test_the_key_of_a_patient_follows_from_the_id_alone(one: str, other: str) -> None:
    assert (ids.patient_key(one) == ids.patient_key(other)) == (one == other)
    assert ids.patient_key(one) == ids.hash63("Patient", one)


def test_no_patient_has_the_key_that_stands_for_nobody() -> None:
    assert ids.NOT_PATIENT_SCOPED == 0
    assert all(ids.patient_key(str(number)) != 0 for number in range(10_000))
