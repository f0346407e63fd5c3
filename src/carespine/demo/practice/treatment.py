"""What is prescribed for the conditions, from when, and how much it moves the measured values.

The ladders follow NICE in outline (NG136 recommendations on steps 1 to 3, NG28, NG17, NG245, NG115, NG106,
NG196, NG238); they make a plausible record and are no prescribing advice. Effects are round figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from carespine.demo.practice.chance import Dice
from carespine.demo.practice.population import Person

# Law, Morris and Wald, BMJ 2009;338:b1665: one drug at standard dose lowers systolic by about 9 mmHg.
SYSTOLIC_DROP_PER_DRUG = 9.0
# Same source: diastolic by about 5.5 mmHg.
DIASTOLIC_DROP_PER_DRUG = 5.5
# Hirst and others, Diabetes Care 2012;35:446: metformin lowers HbA1c by about 1.1 % (12 mmol/mol).
HBA1C_DROP_METFORMIN = 12.0
# Of the order that the SGLT2 and DPP-4 inhibitors' product information states: about 0.7 % (8 mmol/mol).
HBA1C_DROP_SECOND_DRUG = 8.0
# NICE NG238 calls atorvastatin 20 mg and over high intensity: LDL falls by more than 40 %; of total
# cholesterol that is about 30 %.
CHOLESTEROL_DROP_STATIN = 0.30

_LOWERS_PRESSURE: Mapping[str, float] = {
    "amlodipine-5": 1.0,
    "amlodipine-10": 1.4,
    "ramipril-2.5": 0.6,
    "ramipril-5": 1.0,
    "ramipril-10": 1.3,
    "losartan-50": 1.0,
    "indapamide-2.5": 1.0,
    "bisoprolol-2.5": 0.5,
}
_LOWERS_HBA1C: Mapping[str, float] = {
    "metformin-500": HBA1C_DROP_METFORMIN,
    "empagliflozin-10": HBA1C_DROP_SECOND_DRUG,
    "dapagliflozin-10": HBA1C_DROP_SECOND_DRUG,
    "sitagliptin-100": HBA1C_DROP_SECOND_DRUG,
}
_STATINS = frozenset({"atorvastatin-20", "atorvastatin-80"})
_ALTERNATIVES = ({"empagliflozin-10", "dapagliflozin-10"}, set(_STATINS), {"ramipril-5", "losartan-50"})


@dataclass(frozen=True, slots=True)
class Course:
    """One medicine for one condition, from a day, until a day where it was stopped."""

    medicine: str
    condition: str
    start: date
    end: date | None = None

    def runs(self, on: date) -> bool:
        return self.start <= on and (self.end is None or on < self.end)


# condition: (medicine, years after diagnosis, probability), in the order of the ladder.
_LADDERS: Mapping[str, tuple[tuple[str, float, float], ...]] = {
    "type-2-diabetes": (
        ("metformin-500", 0.2, 0.88),
        ("atorvastatin-20", 0.5, 0.75),
        ("empagliflozin-10", 2.5, 0.35),
        ("sitagliptin-100", 4.0, 0.25),
    ),
    "type-1-diabetes": (
        ("insulin-glargine", 0.0, 1.0),
        ("insulin-lispro", 0.0, 1.0),
        ("atorvastatin-20", 8.0, 0.6),
    ),
    "asthma": (("salbutamol", 0.0, 0.9), ("beclometasone", 0.1, 0.7)),
    "copd": (("salbutamol", 0.0, 0.95), ("beclometasone-formoterol", 0.5, 0.7)),
    "ckd-3": (("ramipril-5", 0.3, 0.5), ("atorvastatin-20", 0.4, 0.7)),
    "coronary-heart-disease": (
        ("aspirin-75", 0.0, 0.9),
        ("atorvastatin-80", 0.0, 0.9),
        ("bisoprolol-2.5", 0.1, 0.7),
        ("ramipril-5", 0.2, 0.6),
    ),
    "atrial-fibrillation": (("apixaban-5", 0.1, 0.85), ("bisoprolol-2.5", 0.1, 0.7)),
    "heart-failure": (
        ("furosemide-40", 0.0, 0.8),
        ("ramipril-2.5", 0.1, 0.85),
        ("bisoprolol-2.5", 0.2, 0.85),
        ("dapagliflozin-10", 0.8, 0.6),
    ),
}
# NICE NG136 1.4.30 onward: a calcium-channel blocker first from age 55, and at any age for people of Black
# African or African-Caribbean family origin without type 2 diabetes; otherwise an ACE inhibitor or ARB first.
_CALCIUM_BLOCKER_FIRST_FROM = 55
_BLACK_CATEGORIES = frozenset("MNP")
_COUGH = 0.1  # about one in ten stops an ACE inhibitor for a cough (BNF: "very common or common")


def courses_of(dice: Dice, person: Person, held: Mapping[str, date], today: date) -> list[Course]:
    """The courses of treatment of one person, by day of start; no two of them interchangeable."""
    courses: list[Course] = []
    for condition, diagnosed in sorted(held.items(), key=lambda item: (item[1], item[0])):
        for medicine, years, probability in _ladder(person, condition, held):
            start = diagnosed + timedelta(days=round(years * 365.25) + dice.between(0, 40))
            # The story's patients get what most people get, so that their story does not hang on chance.
            given = probability >= 0.5 if person.story else dice.chance(probability)
            if given and start < today and not _covered(courses, medicine):
                courses += _started(dice, Course(medicine, condition, start), today)
    return sorted(courses, key=lambda course: (course.start, course.medicine))


def _ladder(person: Person, condition: str, held: Mapping[str, date]) -> tuple[tuple[str, float, float], ...]:
    if condition != "hypertension":
        return _LADDERS[condition]
    age = person.age(held[condition])
    black = person.ethnic_category in _BLACK_CATEGORIES
    diabetic = "type-2-diabetes" in held
    blocker_first = (age >= _CALCIUM_BLOCKER_FIRST_FROM or black) and not diabetic
    first, second = ("amlodipine-5", "ramipril-5") if blocker_first else ("ramipril-5", "amlodipine-5")
    return ((first, 0.1, 0.93), (second, 1.5, 0.5), ("indapamide-2.5", 3.5, 0.2))


def _covered(courses: list[Course], medicine: str) -> bool:
    taken = {course.medicine for course in courses}
    if medicine in taken or medicine.split("-", maxsplit=1)[0] in {each.split("-")[0] for each in taken}:
        return True
    return any(medicine in group and taken & group for group in _ALTERNATIVES)


def _started(dice: Dice, course: Course, today: date) -> list[Course]:
    """The course; where an ACE inhibitor caused a cough, stopped and followed by an ARB."""
    stopped = course.start + timedelta(days=dice.between(60, 120))
    if course.medicine == "ramipril-5" and stopped < today and dice.chance(_COUGH):
        return [
            Course(course.medicine, course.condition, course.start, stopped),
            Course("losartan-50", course.condition, stopped),
        ]
    return [course]


def pressure_drugs(courses: list[Course], on: date) -> float:
    """How many standard doses of blood-pressure medicine are taken on a day."""
    return sum(_LOWERS_PRESSURE.get(course.medicine, 0.0) for course in courses if course.runs(on))


def hba1c_drop(courses: list[Course], on: date) -> float:
    """By how many mmol/mol the medicines taken on a day lower HbA1c."""
    return sum(_LOWERS_HBA1C.get(course.medicine, 0.0) for course in courses if course.runs(on))


def on_statin(courses: list[Course], on: date) -> bool:
    return any(course.medicine in _STATINS and course.runs(on) for course in courses)
