"""When a patient is seen and what is measured: reviews, blood tests, health checks and ordinary visits.

People with long-term conditions are reviewed in the month of their birthday, as practices do, and again
half a year later where control is poor or diabetes is present (NICE NG28: HbA1c every 3 to 6 months until
stable, then 6-monthly). Everyone else is seen when ill, and at the NHS Health Check (every five years from
40 to 74). Frequencies are assumptions that give a plausible record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from carespine.demo.practice.chance import Dice
from carespine.demo.practice.population import Person

HISTORY_YEARS = 10
# NHS Health Check programme: ages 40 to 74, every five years; about two in five of those due attend.
HEALTH_CHECK_FROM, HEALTH_CHECK_UNTIL, HEALTH_CHECK_YEARS, HEALTH_CHECK_UPTAKE = 40, 74, 5, 0.4
# Surgeries saw people by telephone where they could from the first lockdown until the spring of 2021.
REMOTE_FROM, REMOTE_UNTIL, REMOTE_SHARE = date(2020, 3, 23), date(2021, 3, 31), 0.7
_MISSED_REVIEW = 0.1
_TELEPHONE = 0.2
_SECOND_REVIEW = {"type-2-diabetes": 0.65, "type-1-diabetes": 0.7, "hypertension": 0.5, "heart-failure": 0.6}
# (until age, visits a year) apart from reviews.
_VISITS_A_YEAR = ((5, 2.2), (18, 0.9), (45, 1.1), (65, 1.6), (75, 2.4), (200, 3.0))
_OPPORTUNISTIC_PRESSURE_FROM, _OPPORTUNISTIC_PRESSURE = 40, 0.35

FULL_REVIEW = frozenset({"pressure", "weight", "smoking"})
PRESSURE_ONLY = frozenset({"pressure"})
KIDNEYS, LIPIDS, SUGAR = frozenset({"kidneys"}), frozenset({"lipids"}), frozenset({"sugar"})
# What QOF and NICE ask for each year by condition.
_YEARLY_BLOODS: Mapping[str, frozenset[str]] = {
    "hypertension": KIDNEYS | LIPIDS | SUGAR,
    "type-2-diabetes": KIDNEYS | LIPIDS | SUGAR,
    "type-1-diabetes": KIDNEYS | LIPIDS | SUGAR,
    "ckd-3": KIDNEYS | LIPIDS,
    "coronary-heart-disease": LIPIDS | KIDNEYS,
    "atrial-fibrillation": KIDNEYS,
    "heart-failure": KIDNEYS,
}
_HALF_YEARLY_BLOODS: Mapping[str, frozenset[str]] = {"type-2-diabetes": SUGAR, "type-1-diabetes": SUGAR}


@dataclass(frozen=True, slots=True)
class Visit:
    """One meeting with the practice.

    `kind` is review, follow-up, health-check or symptom; `measured` and `bloods` name what is taken at it and
    what the laboratory was sent a week before.
    """

    on: date
    kind: str
    by_telephone: bool
    with_nurse: bool
    measured: frozenset[str]
    bloods: frozenset[str]


def visits_of(dice: Dice, person: Person, held: Mapping[str, date], today: date) -> list[Visit]:
    """A patient's visits in the ten years before today, oldest first."""
    first = max(date(today.year - HISTORY_YEARS, today.month, min(today.day, 28)), person.birth_date)
    visits = [
        *_reviews(dice, person, held, today),
        *_health_checks(dice, person, held, today),
        *_ordinary(dice, person, first, today),
    ]
    return sorted((visit for visit in visits if first < visit.on < today), key=lambda visit: visit.on)


def _reviews(dice: Dice, person: Person, held: Mapping[str, date], today: date) -> Iterator[Visit]:
    for year in range(today.year - HISTORY_YEARS, today.year + 1):
        month = date(year, person.birth_date.month, 1)
        on = _weekday(month + timedelta(days=dice.between(0, 27)))
        present = [condition for condition, since in held.items() if since <= on]
        if not present or (dice.chance(_MISSED_REVIEW) and not person.story):
            continue
        bloods = frozenset().union(*(_YEARLY_BLOODS.get(each, frozenset()) for each in present))
        yield _visit(dice, on, "review", nurse=0.7, measured=FULL_REVIEW, bloods=bloods)
        again = max(_SECOND_REVIEW.get(each, 0.0) for each in present)
        if dice.chance(again):
            later = _weekday(on + timedelta(days=dice.between(150, 210)))
            bloods = frozenset().union(*(_HALF_YEARLY_BLOODS.get(each, frozenset()) for each in present))
            yield _visit(dice, later, "follow-up", nurse=0.5, measured=PRESSURE_ONLY, bloods=bloods)


def _health_checks(dice: Dice, person: Person, held: Mapping[str, date], today: date) -> Iterator[Visit]:
    offset = dice.between(0, HEALTH_CHECK_YEARS - 1)
    for year in range(today.year - HISTORY_YEARS, today.year + 1):
        on = _weekday(date(year, dice.between(1, 12), dice.between(1, 28)))
        due = HEALTH_CHECK_FROM <= person.age(on) <= HEALTH_CHECK_UNTIL
        well = not any(since <= on for since in held.values())
        if due and well and (year + offset) % HEALTH_CHECK_YEARS == 0 and dice.chance(HEALTH_CHECK_UPTAKE):
            bloods = KIDNEYS | LIPIDS | SUGAR
            yield _visit(dice, on, "health-check", nurse=0.95, measured=FULL_REVIEW, bloods=bloods)


def _ordinary(dice: Dice, person: Person, first: date, today: date) -> Iterator[Visit]:
    on = first
    while True:
        yearly = next(rate for until, rate in _VISITS_A_YEAR if person.age(on) < until)
        on += timedelta(days=1 + round(2 * dice.roll() * 365.25 / yearly))
        if on >= today:
            return
        old_enough = person.age(on) >= _OPPORTUNISTIC_PRESSURE_FROM
        pressure = old_enough and dice.chance(_OPPORTUNISTIC_PRESSURE)
        measured = PRESSURE_ONLY if pressure else frozenset()
        yield _visit(dice, _weekday(on), "symptom", nurse=0.15, measured=measured, bloods=frozenset())


def _visit(
    dice: Dice, on: date, kind: str, *, nurse: float, measured: frozenset[str], bloods: frozenset[str]
) -> Visit:
    remote = REMOTE_SHARE if REMOTE_FROM <= on <= REMOTE_UNTIL else _TELEPHONE if kind == "symptom" else 0.0
    by_telephone = dice.chance(remote)
    if by_telephone:
        measured = measured & {"smoking"}
    return Visit(on, kind, by_telephone, dice.chance(nurse), measured, bloods)


def _weekday(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() >= 5 else day
