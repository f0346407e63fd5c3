"""Who is in the generated practice: numbers, ages, names, addresses that can reach nobody, conditions."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.demo.practice import DEFAULT_SEED, DEFAULT_TODAY, prevalence
from carespine.demo.practice.chance import Dice
from carespine.demo.practice.population import AGE_BANDS, Person, roster
from carespine.demo.practice.story_people import (
    ADMINISTRATOR,
    CONSENTING_PATIENT,
    GP,
    NURSE,
    PRACTICE,
    RECEPTIONIST,
    REFUSING_PATIENT,
)
from carespine.kernel import nhs_number

# Ofcom's ranges for drama, as in addresses.py.
DRAMA_NUMBERS = re.compile(r"07700 900\d{3}|0113 496 0\d{3}|01632 960\d{3}")
NOT_LIVE_POSTCODE = re.compile(r"ZZ[1-9] [1-9][A-Z]{2}")


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return roster(DEFAULT_SEED, 500, DEFAULT_TODAY)


def test_every_nhs_number_is_valid_distinct_and_from_the_test_range(people: list[Person]) -> None:
    numbers = [person.nhs_number for person in people]
    assert len(set(numbers)) == 500
    assert all(nhs_number.is_valid(number) and number.startswith("999") for number in numbers)


def test_the_ages_have_the_shape_of_england_to_the_person(people: list[Person]) -> None:
    total = sum(share for _, _, share, _ in AGE_BANDS)
    ages = Counter(
        next(place for place, band in enumerate(AGE_BANDS) if band[0] <= person.age(DEFAULT_TODAY) <= band[1])
        for person in people
    )
    for place, (_, _, share, _) in enumerate(AGE_BANDS):
        # The two of the story stand outside the shape, and rounding costs one.
        assert abs(ages[place] - 500 * share / total) <= 3


def test_no_postcode_and_no_telephone_number_can_be_live(people: list[Person]) -> None:
    assert all(NOT_LIVE_POSTCODE.fullmatch(person.address.postcode) for person in people)
    assert all(DRAMA_NUMBERS.fullmatch(person.phone) for person in people)
    assert all(person.email is None or person.email.endswith("@example.org") for person in people)


def test_each_condition_is_as_common_as_in_england_to_the_person(people: list[Person]) -> None:
    held = prevalence.conditions_of(DEFAULT_SEED, people, DEFAULT_TODAY)
    for condition in prevalence.CONDITIONS:
        found = sum(condition.name in conditions for conditions in held.values())
        assert found == prevalence.expected_count(condition, people, DEFAULT_TODAY)


def test_nobody_is_diagnosed_before_the_youngest_age_for_it_or_after_today(people: list[Person]) -> None:
    held = prevalence.conditions_of(DEFAULT_SEED, people, DEFAULT_TODAY)
    youngest = {condition.name: condition.onset_from for condition in prevalence.CONDITIONS}
    for person in people:
        for name, since in held[person.place].items():
            assert person.years(since) >= youngest[name] - 0.01
            assert since < DEFAULT_TODAY


def test_nobody_has_both_types_of_diabetes(people: list[Person]) -> None:
    held = prevalence.conditions_of(DEFAULT_SEED, people, DEFAULT_TODAY)
    assert not any({"type-1-diabetes", "type-2-diabetes"} <= set(conditions) for conditions in held.values())


def test_the_consenting_patient_is_between_50_and_70_with_hypertension_and_type_2_diabetes(
    people: list[Person],
) -> None:
    held = prevalence.conditions_of(DEFAULT_SEED, people, DEFAULT_TODAY)
    person = people[CONSENTING_PATIENT.place]
    assert (person.id, person.nhs_number) == (CONSENTING_PATIENT.id, CONSENTING_PATIENT.nhs_number)
    assert 50 <= person.age(DEFAULT_TODAY) <= 70
    assert set(held[person.place]) == {"hypertension", "type-2-diabetes"}


def test_the_story_has_two_patients_a_gp_a_nurse_a_receptionist_and_an_administrator() -> None:
    assert CONSENTING_PATIENT.id != REFUSING_PATIENT.id
    staff = (GP, NURSE, RECEPTIONIST, ADMINISTRATOR)
    assert [each.role for each in staff] == [
        "general practitioner",
        "nurse",
        "receptionist",
        "administrator",
    ]
    assert all(each.place is PRACTICE for each in staff)


@pytest.mark.parametrize("patients", [0, 1, 12_001])
def test_a_practice_too_small_for_the_story_or_too_large_for_its_numbers_is_refused(patients: int) -> None:
    with pytest.raises(ValueError, match="patients"):
        roster(1, patients, DEFAULT_TODAY)


def test_a_day_before_the_storys_people_were_born_is_refused() -> None:
    with pytest.raises(ValueError, match="the story needs a day after"):
        roster(1, 10, date(1950, 1, 1))


@given(st.integers(), st.integers(2, 60), st.dates(date(2020, 1, 1), date(2060, 12, 31)))
def test_for_any_seed_and_day_ages_agree_with_birth_dates(seed: int, patients: int, today: date) -> None:
    for person in roster(seed, patients, today):
        assert person.birth_date < today
        assert 0 <= person.age(today) <= 99
        assert person.age(today) <= person.years(today) + 0.01 <= person.age(today) + 1.02


@given(st.integers(), st.integers(-1000, 1000), st.integers(0, 1000))
def test_dice_stay_between_their_bounds(seed: int, low: int, width: int) -> None:
    dice = Dice(seed)
    assert low <= dice.between(low, low + width) <= low + width
    assert 0 <= dice.roll() < 1


@given(st.integers(), st.lists(st.floats(0, 100), max_size=30), st.integers(0, 40))
def test_what_is_drawn_is_drawn_once_and_has_weight(seed: int, weights: list[float], wanted: int) -> None:
    drawn = Dice(seed).draw(list(enumerate(weights)), wanted)
    heavy = sum(weight > 0 for weight in weights)
    assert len(drawn) == len(set(drawn)) == min(wanted, heavy)
    assert all(weights[each] > 0 for each in drawn)


@given(st.integers(), st.lists(st.integers(), max_size=30))
def test_shuffling_loses_nothing(seed: int, items: list[int]) -> None:
    assert sorted(Dice(seed).shuffled(items)) == sorted(items)
