"""Who is registered: ages, sexes, backgrounds, names and addresses of the practice's patients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from carespine.demo.practice import addresses, names
from carespine.demo.practice.addresses import Address
from carespine.demo.practice.chance import Dice
from carespine.demo.practice.story_people import (
    MOST_PATIENTS,
    STORY_PATIENTS,
    StoryPatient,
    nhs_number_of,
    patient_id,
)

# (youngest, oldest, per mille of the population, per cent male).
# Source: ONS mid-year population estimates for England, 2023, rounded by hand (unconfirmed to the digit).
AGE_BANDS = (
    (0, 4, 53, 51),
    (5, 9, 58, 51),
    (10, 14, 61, 51),
    (15, 19, 58, 51),
    (20, 24, 61, 51),
    (25, 29, 66, 50),
    (30, 34, 71, 49),
    (35, 39, 69, 49),
    (40, 44, 66, 49),
    (45, 49, 61, 49),
    (50, 54, 67, 49),
    (55, 59, 67, 49),
    (60, 64, 59, 49),
    (65, 69, 50, 48),
    (70, 74, 46, 48),
    (75, 79, 41, 47),
    (80, 84, 26, 45),
    (85, 89, 15, 41),
    (90, 99, 9, 33),
)
# (ethnic category of the NHS Data Dictionary, background of the names, per mille).
# Source: ONS Census 2021, ethnic group, England, rounded by hand (unconfirmed to the digit).
ETHNICITIES = (
    (("A", "british"), 735),
    (("B", "british"), 9),
    (("C", "european"), 64),
    (("D", "british"), 9),
    (("F", "british"), 9),
    (("G", "british"), 8),
    (("H", "indian"), 33),
    (("J", "muslim"), 28),
    (("K", "muslim"), 11),
    (("L", "muslim"), 17),
    (("M", "british"), 11),
    (("N", "african"), 26),
    (("P", "british"), 5),
    (("R", "chinese"), 8),
    (("S", "muslim"), 22),
    (("Z", "british"), 5),
)
# Source: ONS, adult smoking habits in England 2023: 11.6 % smoke, about a quarter have stopped.
SMOKERS_PER_CENT, FORMER_SMOKERS_PER_CENT = 11.6, 25.0
_ADULT = 18
_DAYS_PER_YEAR = 365.25
_HAS_EMAIL = 0.6


@dataclass(frozen=True, slots=True)
class Person:
    """A registered patient. `smoking` is never, former or current; `story` is set for the story's two."""

    place: int
    id: str
    nhs_number: str
    sex: str
    birth_date: date
    title: str
    given: str
    middle: str | None
    family: str
    background: str
    ethnic_category: str
    address: Address
    phone: str
    email: str | None
    smoking: str
    story: StoryPatient | None = None

    def age(self, on: date) -> int:
        """Completed years."""
        before_birthday = (on.month, on.day) < (self.birth_date.month, self.birth_date.day)
        return on.year - self.birth_date.year - before_birthday

    def years(self, on: date) -> float:
        """Age as a fraction, for smooth curves."""
        return (on - self.birth_date).days / _DAYS_PER_YEAR


def roster(seed: int, patients: int, today: date) -> list[Person]:
    """The registered patients, the story's two first; the same for the same arguments, always."""
    if not len(STORY_PATIENTS) <= patients <= MOST_PATIENTS:
        raise ValueError(f"a practice has {len(STORY_PATIENTS)} to {MOST_PATIENTS} patients, not {patients}")
    bands = _bands(Dice(seed, "age bands"), patients)
    people = []
    for place in range(patients):
        dice = Dice(seed, "person", place)
        story = STORY_PATIENTS[place] if place < len(STORY_PATIENTS) else None
        people.append(_from_story(dice, story, today) if story else _person(dice, place, bands[place], today))
    return people


def _bands(dice: Dice, patients: int) -> list[tuple[int, int, int]]:
    """(youngest, oldest, per cent male) of each patient, so that the whole has England's shape exactly."""
    total = sum(share for _, _, share, _ in AGE_BANDS)
    bands: list[tuple[int, int, int]] = []
    reached = 0
    for youngest, oldest, share, male in AGE_BANDS:
        reached += share
        until = round(patients * reached / total)
        bands += [(youngest, oldest, male)] * (until - len(bands))
    return dice.shuffled(bands)


def _person(dice: Dice, place: int, band: tuple[int, int, int], today: date) -> Person:
    youngest, oldest, male = band
    sex = "male" if dice.chance(male / 100) else "female"
    age = dice.between(youngest, oldest)
    birth_date = _birth_date(dice, age, today)
    ethnic_category, background = dice.weighted(ETHNICITIES)
    given, middle = (
        names.given_name(dice, sex=sex, birth_year=birth_date.year, background=background) for _ in range(2)
    )
    family = names.family_name(dice, background=background)
    return Person(
        place=place,
        id=patient_id(place),
        nhs_number=nhs_number_of(place),
        sex=sex,
        birth_date=birth_date,
        title=names.title(dice, sex=sex, age=age),
        given=given,
        middle=middle if middle != given and dice.chance(0.5) else None,
        family=family,
        background=background,
        ethnic_category=ethnic_category,
        address=addresses.home(dice),
        phone=addresses.mobile(dice) if age < 75 else addresses.landline(dice),
        email=addresses.email(given, family, place) if dice.chance(_HAS_EMAIL) and age >= _ADULT else None,
        smoking=_smoking(dice, age),
    )


def _from_story(dice: Dice, story: StoryPatient, today: date) -> Person:
    if story.birth_date >= today:
        raise ValueError(f"the story needs a day after {story.birth_date}, not {today}")
    return Person(
        place=story.place,
        id=story.id,
        nhs_number=story.nhs_number,
        sex=story.sex,
        birth_date=story.birth_date,
        title=story.title,
        given=story.given,
        middle=None,
        family=story.family,
        background=story.background,
        ethnic_category=story.ethnic_category,
        address=addresses.home(dice),
        phone=addresses.mobile(dice),
        email=addresses.email(story.given, story.family, story.place),
        smoking="never",
        story=story,
    )


def _birth_date(dice: Dice, age: int, today: date) -> date:
    """A day on which a person of that age today may have been born."""
    first = date(today.year - age - 1, today.month, min(today.day, 28)) + timedelta(days=4)
    return first + timedelta(days=dice.between(0, 359))


def _smoking(dice: Dice, age: int) -> str:
    if age < _ADULT:
        return "never"
    never = 100 - SMOKERS_PER_CENT - FORMER_SMOKERS_PER_CENT
    return dice.weighted(
        (("current", SMOKERS_PER_CENT), ("former", FORMER_SMOKERS_PER_CENT), ("never", never))
    )
