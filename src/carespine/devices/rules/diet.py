"""A food diary against the government's dietary recommendations, and the days that cannot be right. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carespine.devices.rules.labels import (
    KCAL_ALCOHOL,
    KCAL_CARBOHYDRATE,
    KCAL_FAT,
    KCAL_PROTEIN,
    KJ_PER_KCAL,
    SALT_PER_SODIUM,
)

RULE = "Government dietary recommendations (PHE 2016), SACN 2015 and 2019, Eatwell Guide, UK CMO alcohol guideline 2016"

# SACN Carbohydrates and Health 2015: fibre 30 g a day, free sugars at most 5 % of energy.
FIBRE_G, FREE_SUGARS_SHARE = 30.0, 5.0
# PHE 2016: fat at most 35 % and saturates at most 11 % of food energy; salt at most 6 g a day.
FAT_SHARE, SATURATES_SHARE, SALT_G = 35.0, 11.0, 6.0
# Eatwell Guide: five portions of 80 g of fruit and vegetables a day.
PORTIONS = 5.0
# UK CMO 2016: at most 14 units of alcohol a week. A unit is 8 g.
UNITS_A_WEEK, GRAMS_A_UNIT = 14.0, 8.0
# Carespine: a day under 500 kcal is a diary not kept to its end; a mean needs three complete days of the last seven.
COMPLETE_KCAL, LEAST_DAYS, WEEK = 500.0, 3, 7
# Carespine: the energy of a day and the sum of its nutrients agree within a quarter.
ENERGY_TOLERANCE = 0.25
# Carespine: nobody keeps a diary of more than this; kilojoules taken for kilocalories do.
MOST_KCAL = 6000.0


@dataclass(frozen=True, slots=True)
class DietDay:
    """One local day: kcal, grams, mg of sodium, UK units, portions. None where the diary does not say."""

    kcal: float | None = None
    fat_g: float | None = None
    saturates_g: float | None = None
    carbohydrate_g: float | None = None
    sugars_g: float | None = None
    free_sugars_g: float | None = None
    fibre_g: float | None = None
    protein_g: float | None = None
    sodium_mg: float | None = None
    alcohol_units: float | None = None
    portions: float | None = None

    @property
    def salt_g(self) -> float | None:
        return None if self.sodium_mg is None else self.sodium_mg / 1000 * SALT_PER_SODIUM

    @property
    def is_complete(self) -> bool:
        return self.kcal is not None and self.kcal >= COMPLETE_KCAL


@dataclass(frozen=True, slots=True)
class Diet:
    """Means of the complete days of a week; shares in percent of energy. `doubts` are days that cannot be right."""

    days: int
    kcal: float
    fat_share: float | None
    saturates_share: float | None
    free_sugars_share: float | None
    fibre_g: float | None
    protein_g: float | None
    carbohydrate_g: float | None
    salt_g: float | None
    portions: float | None
    alcohol_units_week: float | None
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooFewDays:
    """Too few complete days."""

    days: int
    doubts: tuple[str, ...]

    @property
    def sentence(self) -> str:
        missing = LEAST_DAYS - self.days
        return f"Write down everything you eat and drink on {missing} more day{'' if missing == 1 else 's'}."


def doubts_about(day: DietDay) -> tuple[str, ...]:
    """Why a day's numbers cannot be right, each in a sentence."""
    found = []
    for part, whole, sentence in (
        (day.saturates_g, day.fat_g, "Saturates exceed fat."),
        (day.sugars_g, day.carbohydrate_g, "Sugars exceed carbohydrate."),
        (day.free_sugars_g, day.sugars_g, "Free sugars exceed sugars."),
    ):
        if part is not None and whole is not None and part > whole * 1.01 + 0.5:
            found.append(sentence)
    if day.kcal is not None:
        found += _energy_doubts(day, day.kcal)
    return tuple(found)


def _energy_doubts(day: DietDay, kcal: float) -> list[str]:
    macros = (day.fat_g, day.carbohydrate_g, day.protein_g)
    if any(one is None for one in macros):
        return ["The energy is beyond any day's diet: kilojoules?"] if kcal > MOST_KCAL else []
    expected = (
        KCAL_FAT * (day.fat_g or 0)
        + KCAL_CARBOHYDRATE * (day.carbohydrate_g or 0)
        + KCAL_PROTEIN * (day.protein_g or 0)
        + KCAL_ALCOHOL * GRAMS_A_UNIT * (day.alcohol_units or 0)
    )
    if expected <= 0 or abs(kcal - expected) <= ENERGY_TOLERANCE * expected:
        return []
    if abs(kcal - expected * KJ_PER_KCAL) <= ENERGY_TOLERANCE * expected * KJ_PER_KCAL:
        return ["The energy is in kilojoules, though it says kilocalories."]
    return [f"The energy is {kcal:.0f} kcal, its nutrients give {expected:.0f} kcal."]


def week(days: Mapping[int, DietDay], *, last_day: int) -> Diet | TooFewDays | None:
    """The complete days of the seven up to `last_day`; days in doubt are named and left out. None without any."""
    inside = {day: found for day, found in days.items() if last_day - WEEK < day <= last_day}
    if not inside:
        return None
    doubts = tuple(dict.fromkeys(sentence for found in inside.values() for sentence in doubts_about(found)))
    sound = [found for found in inside.values() if found.is_complete and not doubts_about(found)]
    if len(sound) < LEAST_DAYS:
        return TooFewDays(len(sound), doubts)
    kcal = sum(found.kcal or 0 for found in sound) / len(sound)
    units = _mean([found.alcohol_units for found in sound])
    return Diet(
        days=len(sound),
        kcal=kcal,
        fat_share=_share(_mean([found.fat_g for found in sound]), KCAL_FAT, kcal),
        saturates_share=_share(_mean([found.saturates_g for found in sound]), KCAL_FAT, kcal),
        free_sugars_share=_share(_mean([found.free_sugars_g for found in sound]), KCAL_CARBOHYDRATE, kcal),
        fibre_g=_mean([found.fibre_g for found in sound]),
        protein_g=_mean([found.protein_g for found in sound]),
        carbohydrate_g=_mean([found.carbohydrate_g for found in sound]),
        salt_g=_mean([found.salt_g for found in sound]),
        portions=_mean([found.portions for found in sound]),
        alcohol_units_week=None if units is None else units * WEEK,
        doubts=doubts,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of the days that say; None where no day does."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _share(grams: float | None, kcal_per_gram: float, kcal: float) -> float | None:
    return None if grams is None or kcal <= 0 else grams * kcal_per_gram / kcal * 100
