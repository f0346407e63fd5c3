"""The codes the practice writes, the kidney formula, and what treatment does."""

from __future__ import annotations

import re
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.demo.practice import DEFAULT_SEED, DEFAULT_TODAY, codes, kidney, treatment
from carespine.demo.practice.chance import Dice
from carespine.demo.practice.check_digits import loinc_is_sound, snomed_is_sound
from carespine.demo.practice.medicines import MEDICINES
from carespine.demo.practice.physiology import body_of
from carespine.demo.practice.population import roster
from carespine.demo.practice.prevalence import conditions_of

ALL_CODES = codes.snomed_and_loinc()


@pytest.mark.parametrize("code", ALL_CODES, ids=lambda code: code.code)
def test_every_code_has_a_sound_check_digit_and_a_source(code: codes.Code) -> None:
    sound = snomed_is_sound if code.system == codes.SNOMED else loinc_is_sound
    assert sound(code.code)
    assert code.source in ("R", "F", "S", "K")


@pytest.mark.parametrize("name", sorted(MEDICINES))
def test_every_medicine_has_a_sound_code_and_says_how_far_it_is_vouched_for(name: str) -> None:
    assert snomed_is_sound(MEDICINES[name].code)
    assert MEDICINES[name].voucher in ("named", "successor", "unconfirmed")


def test_no_two_medicines_share_a_code() -> None:
    assert all(one.code != other.code for one, other in combinations(MEDICINES.values(), 2))


@given(st.sampled_from([code.code for code in ALL_CODES if code.system == codes.SNOMED]), st.data())
def test_one_wrong_digit_in_a_snomed_code_is_always_noticed(code: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(code) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != code[place]]))
    assert not snomed_is_sound(code[:place] + wrong + code[place + 1 :])


@given(st.sampled_from([code.code for code in ALL_CODES if code.system == codes.SNOMED]), st.data())
def test_two_neighbouring_digits_swapped_in_a_snomed_code_are_always_noticed(
    code: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(code) - 2))
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert swapped == code or not snomed_is_sound(swapped)


@pytest.mark.parametrize("text", ["", "12345", "0123456", "22298006x", "٢٢٢٩٨٠٠٦", "1" * 19])
def test_what_is_not_a_snomed_identifier_is_not_sound(text: str) -> None:
    assert not snomed_is_sound(text)


@pytest.mark.parametrize("text", ["", "8480", "-6", "8480-", "8480-7", "84a0-6"])
def test_what_is_not_a_loinc_number_is_not_sound(text: str) -> None:
    assert not loinc_is_sound(text)


def test_units_of_numbers_are_ucum() -> None:
    known = re.compile(r"mm\[Hg\]|kg|cm|kg/m2|mmol/mol|mmol/L|umol/L|mL/min/\{1\.73_m2\}")
    assert all(known.fullmatch(measure.ucum) for measure in codes.MEASURES if measure is not codes.SMOKING)


@pytest.mark.parametrize(
    ("creatinine", "sex", "age", "expected"),
    # Worked by hand: 80 umol/L is 0.905 mg/dL; 141 x (0.905 / 0.9)^-1.209 x 0.993^50 = 98.6, and so on.
    [(80, "male", 50, 99), (80, "female", 50, 74), (150, "male", 70, 40), (60, "female", 30, 117)],
)
def test_egfr_follows_ckd_epi_2009(creatinine: float, sex: str, age: int, expected: int) -> None:
    assert round(kidney.egfr(creatinine, sex=sex, age=age)) == expected


@given(st.floats(8, 160), st.sampled_from(["female", "male"]), st.integers(18, 99))
def test_the_creatinine_of_an_egfr_gives_that_egfr(wanted: float, sex: str, age: int) -> None:
    creatinine = kidney.creatinine(wanted, sex=sex, age=age)
    assert kidney.egfr(creatinine, sex=sex, age=age) == pytest.approx(wanted)


def test_each_started_medicine_for_blood_pressure_lowers_it_by_what_the_trials_found() -> None:
    people = roster(DEFAULT_SEED, 3, DEFAULT_TODAY)
    held = {"hypertension": date(2020, 1, 1)}
    course = treatment.Course("amlodipine-5", "hypertension", date(2022, 1, 1))
    body = body_of(Dice(1), people[2], held, [course], DEFAULT_TODAY)
    before, after = body.pressure_at(date(2021, 12, 31)), body.pressure_at(date(2022, 1, 1))
    assert before[0] - after[0] == pytest.approx(treatment.SYSTOLIC_DROP_PER_DRUG, abs=0.1)
    assert before[1] - after[1] == pytest.approx(treatment.DIASTOLIC_DROP_PER_DRUG, abs=0.1)


def test_nobody_takes_two_medicines_that_replace_each_other_at_once() -> None:
    people = roster(DEFAULT_SEED, 500, DEFAULT_TODAY)
    held = conditions_of(DEFAULT_SEED, people, DEFAULT_TODAY)
    rivals = ({"ramipril-2.5", "ramipril-5", "losartan-50"}, {"atorvastatin-20", "atorvastatin-80"})
    for person in people:
        courses = treatment.courses_of(Dice(person.place), person, held[person.place], DEFAULT_TODAY)
        taken = {course.medicine for course in courses if course.runs(DEFAULT_TODAY)}
        assert all(len(taken & group) <= 1 for group in rivals)


@pytest.mark.parametrize(
    ("ethnic_category", "held", "first"),
    # NICE NG136, step 1 of treatment.
    [
        ("A", {"hypertension": date(2015, 1, 1)}, "ramipril-5"),
        ("N", {"hypertension": date(2019, 6, 4)}, "amlodipine-5"),
    ],
    ids=["under 55, White British: ACE inhibitor", "under 55, Black African: calcium-channel blocker"],
)
def test_the_first_medicine_for_hypertension_follows_ng136(
    ethnic_category: str, held: dict[str, date], first: str
) -> None:
    person = next(
        each for each in roster(DEFAULT_SEED, 2, DEFAULT_TODAY) if each.ethnic_category == ethnic_category
    )
    courses = treatment.courses_of(Dice(1), person, held, DEFAULT_TODAY)
    assert courses[0].medicine == first
