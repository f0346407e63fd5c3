"""Who has which long-term condition: totals as in England, spread by age, sex and the conditions one has.

The totals are recorded prevalence in England from the Quality and Outcomes Framework 2023/24 (NHS England,
published August 2024), written from memory of that publication and marked unconfirmed where no second
source was at hand; checked 2026-11. Who has a condition is weighed by age, sex and other conditions; the
weights give a plausible shape and are assumptions of ours, not published figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from carespine.demo.practice.chance import Dice
from carespine.demo.practice.population import Person

# QOF 2023/24, hypertension, all ages: 14.8 % (unconfirmed).
HYPERTENSION_PER_CENT = 14.8
# QOF 2023/24, diabetes mellitus, from age 17: 7.7 % (unconfirmed).
DIABETES_PER_CENT = 7.7
# National Diabetes Audit: about 8 % of people with diabetes have type 1 (unconfirmed).
TYPE_1_SHARE_OF_DIABETES = 0.08
# QOF 2023/24, asthma, from age 6: 6.5 % (unconfirmed).
ASTHMA_PER_CENT = 6.5
# QOF 2023/24, COPD, all ages: 1.9 %.
COPD_PER_CENT = 1.9
# QOF 2023/24, chronic kidney disease stages 3 to 5, from age 18: 4.4 % (unconfirmed).
CKD_PER_CENT = 4.4
# QOF 2023/24, coronary heart disease, all ages: 3.0 %.
CHD_PER_CENT = 3.0
# QOF 2023/24, atrial fibrillation, all ages: 2.2 % (unconfirmed).
AF_PER_CENT = 2.2
# QOF 2023/24, heart failure, all ages: 1.1 % (unconfirmed).
HEART_FAILURE_PER_CENT = 1.1

Held = Mapping[str, date]


@dataclass(frozen=True, slots=True)
class Condition:
    """How one condition is spread.

    `per_cent` is of everyone from age `register_from`; `weights` are (from age, weight) steps;
    `likelier_with` multiplies the weight for each condition already held; `onset_from` is the youngest age at
    diagnosis.
    """

    name: str
    per_cent: float
    register_from: int
    weights: tuple[tuple[int, float], ...]
    male: float
    onset_from: int
    onset_within_years: int
    likelier_with: Mapping[str, float]
    smoking: Mapping[str, float]


_NO_SMOKING_EFFECT = {"never": 1.0, "former": 1.0, "current": 1.0}

# In the order in which they are drawn: a condition may only depend on earlier ones.
CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "type-1-diabetes",
        DIABETES_PER_CENT * TYPE_1_SHARE_OF_DIABETES,
        17,
        ((17, 1.0),),
        1.2,
        4,
        40,
        {},
        _NO_SMOKING_EFFECT,
    ),
    Condition(
        "hypertension",
        HYPERTENSION_PER_CENT,
        0,
        ((25, 1), (35, 4), (45, 12), (55, 26), (65, 42), (75, 56)),
        1.1,
        25,
        22,
        {},
        _NO_SMOKING_EFFECT,
    ),
    Condition(
        "type-2-diabetes",
        DIABETES_PER_CENT * (1 - TYPE_1_SHARE_OF_DIABETES),
        17,
        ((25, 1), (35, 3), (45, 7), (55, 12), (65, 17), (85, 13)),
        1.3,
        25,
        16,
        {"hypertension": 1.8, "type-1-diabetes": 0.0},
        _NO_SMOKING_EFFECT,
    ),
    Condition(
        "asthma",
        ASTHMA_PER_CENT,
        6,
        ((6, 5), (18, 6), (45, 7), (70, 6)),
        0.8,
        3,
        35,
        {},
        {"never": 1.0, "former": 1.1, "current": 1.2},
    ),
    Condition(
        "copd",
        COPD_PER_CENT,
        0,
        ((40, 1), (50, 3), (60, 6), (70, 9)),
        1.1,
        40,
        14,
        {"asthma": 1.5},
        {"never": 0.15, "former": 2.0, "current": 4.0},
    ),
    Condition(
        "ckd-3",
        CKD_PER_CENT,
        18,
        ((40, 1), (55, 3), (65, 9), (75, 24), (85, 36)),
        0.85,
        40,
        11,
        {"hypertension": 2.0, "type-2-diabetes": 1.7, "type-1-diabetes": 3.0},
        _NO_SMOKING_EFFECT,
    ),
    Condition(
        "coronary-heart-disease",
        CHD_PER_CENT,
        0,
        ((40, 1), (50, 3), (60, 7), (70, 13), (80, 18)),
        1.9,
        40,
        15,
        {"hypertension": 1.6, "type-2-diabetes": 1.6, "ckd-3": 1.3},
        {"never": 1.0, "former": 1.5, "current": 2.0},
    ),
    Condition(
        "atrial-fibrillation",
        AF_PER_CENT,
        0,
        ((40, 0.3), (55, 2), (65, 6), (75, 13), (85, 19)),
        1.4,
        45,
        10,
        {"hypertension": 1.6, "coronary-heart-disease": 1.6},
        _NO_SMOKING_EFFECT,
    ),
    Condition(
        "heart-failure",
        HEART_FAILURE_PER_CENT,
        0,
        ((45, 1), (65, 4), (75, 9), (85, 14)),
        1.3,
        45,
        8,
        {"coronary-heart-disease": 5.0, "atrial-fibrillation": 4.0, "ckd-3": 1.5, "hypertension": 1.5},
        _NO_SMOKING_EFFECT,
    ),
)
_SHORTEST_DAYS = 120  # nobody is diagnosed in the last weeks before today: every diagnosis has had a review


def conditions_of(seed: int, people: list[Person], today: date) -> dict[int, dict[str, date]]:
    """For each place in the practice the conditions held and the day of each diagnosis.

    The number with a condition is the prevalence times the people of its register's age, to the person; the
    two patients of the story have exactly the conditions their story says.
    """
    held: dict[int, dict[str, date]] = {
        person.place: dict(person.story.conditions) if person.story else {} for person in people
    }
    for condition in CONDITIONS:
        dice = Dice(seed, "condition", condition.name)
        wanted = expected_count(condition, people, today)
        wanted -= sum(1 for conditions in held.values() if condition.name in conditions)
        weigh = _weigher(condition, held, today)
        drawn = dice.draw([(person, weigh(person)) for person in people if not person.story], max(wanted, 0))
        for person in drawn:
            held[person.place][condition.name] = _onset(dice, condition, person, today)
    return held


def expected_count(condition: Condition, people: list[Person], today: date) -> int:
    """How many of the practice have the condition."""
    register = sum(1 for person in people if person.age(today) >= condition.register_from)
    return round(register * condition.per_cent / 100)


def _weigher(condition: Condition, held: Mapping[int, Held], today: date) -> Callable[[Person], float]:
    def weigh(person: Person) -> float:
        age = person.age(today)
        weight = 0.0
        for from_age, step in condition.weights:
            if age >= from_age:
                weight = step
        weight *= condition.male if person.sex == "male" else 1.0
        weight *= condition.smoking[person.smoking]
        for other in held[person.place]:
            weight *= condition.likelier_with.get(other, 1.0)
        return weight

    return weigh


def _onset(dice: Dice, condition: Condition, person: Person, today: date) -> date:
    """A day of diagnosis after the youngest age for it; recent ones somewhat likelier than old ones."""
    youngest = person.birth_date + timedelta(days=round(condition.onset_from * 365.25))
    longest = min((today - youngest).days, round(condition.onset_within_years * 365.25))
    share = max(dice.roll(), dice.roll() * dice.roll())
    days_ago = max(round(share * longest), min(_SHORTEST_DAYS, longest))
    return today - timedelta(days=days_ago)
