"""Nutrition labels: what one of 100 g says, and the errors by which a label gives itself away. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RULE = "UK Food Information Regulations: energy factors of Annex XIV of Regulation (EU) No 1169/2011"

# Regulation 1169/2011, annex I: salt = sodium x 2.5.
SALT_PER_SODIUM = 2.5
# 1 kcal = 4.184 kJ.
KJ_PER_KCAL = 4.184
# Regulation 1169/2011, annex XIV: kcal per gram.
KCAL_FAT, KCAL_CARBOHYDRATE, KCAL_PROTEIN, KCAL_FIBRE, KCAL_ALCOHOL = 9.0, 4.0, 4.0, 2.0, 7.0
# EU guidance on tolerances (2012): 20 % for most values of a label; Carespine doubles it for the sum of several.
ENERGY_TOLERANCE, ENERGY_SLACK_KCAL = 0.4, 30.0
UNIT_TOLERANCE, UNIT_SLACK = 0.1, 5.0
SALT_TOLERANCE, SALT_SLACK_G = 0.2, 0.1
# Pure fat has 900 kcal in 100 g; nothing that is eaten has more.
MOST_KCAL = 902.0
ROUNDING_G = 1.0


@dataclass(frozen=True, slots=True)
class Label:
    """The label of 100 g, or of 100 ml of a drink. None where it does not say."""

    kcal: float | None = None
    kj: float | None = None
    fat_g: float | None = None
    saturates_g: float | None = None
    carbohydrate_g: float | None = None
    sugars_g: float | None = None
    fibre_g: float | None = None
    protein_g: float | None = None
    salt_g: float | None = None
    sodium_g: float | None = None
    is_drink: bool = False
    alcohol_g: float | None = None

    def salt(self) -> float | None:
        """The salt, from the sodium where the label gives that alone."""
        if self.salt_g is not None:
            return self.salt_g
        return None if self.sodium_g is None else self.sodium_g * SALT_PER_SODIUM

    def energy_kcal(self) -> float | None:
        """The energy, from kilojoules where the label gives those alone."""
        if self.kcal is not None:
            return self.kcal
        return None if self.kj is None else self.kj / KJ_PER_KCAL


def errors(label: Label) -> tuple[str, ...]:
    """What cannot be right about a label, each in a sentence; none is no proof that it is right."""
    found = [*_negative(label), *_parts(label), *_energy(label), *_salt(label)]
    return tuple(found)


def _negative(label: Label) -> list[str]:
    amounts = (label.kcal, label.kj, label.fat_g, label.saturates_g, label.carbohydrate_g, label.sugars_g,
               label.fibre_g, label.protein_g, label.salt_g, label.sodium_g)  # fmt: skip
    return ["An amount is below zero."] if any(one is not None and one < 0 for one in amounts) else []


def _parts(label: Label) -> list[str]:
    found = []
    for part, whole, names in (
        (label.saturates_g, label.fat_g, "Saturates exceed fat."),
        (label.sugars_g, label.carbohydrate_g, "Sugars exceed carbohydrate."),
    ):
        if part is not None and whole is not None and part > whole + 0.1:
            found.append(names)
    total = sum(
        one or 0.0
        for one in (label.fat_g, label.carbohydrate_g, label.fibre_g, label.protein_g, label.salt())
    )
    if not label.is_drink and total > 100 + ROUNDING_G:
        found.append(f"The parts add up to {total:.0f} g in 100 g.")
    return found


def _energy(label: Label) -> list[str]:
    found = []
    if label.kcal is not None and label.kj is not None:
        expected = label.kcal * KJ_PER_KCAL
        if abs(label.kj - expected) > max(UNIT_SLACK, UNIT_TOLERANCE * expected):
            swapped = abs(label.kcal - label.kj * KJ_PER_KCAL) <= max(UNIT_SLACK, UNIT_TOLERANCE * label.kcal)
            found.append(
                "Kilocalories and kilojoules are swapped."
                if swapped
                else "Kilocalories and kilojoules disagree."
            )
    energy = label.energy_kcal()
    if energy is None:
        return found
    if energy > MOST_KCAL:
        found.append(f"{energy:.0f} kcal in 100 g is more than pure fat has: kilojoules, or a whole pack?")
    macros = (label.fat_g, label.carbohydrate_g, label.protein_g)
    if all(one is not None for one in macros):
        expected = (
            KCAL_FAT * (label.fat_g or 0)
            + KCAL_CARBOHYDRATE * (label.carbohydrate_g or 0)
            + KCAL_PROTEIN * (label.protein_g or 0)
            + KCAL_FIBRE * (label.fibre_g or 0)
            + KCAL_ALCOHOL * (label.alcohol_g or 0)
        )
        if abs(energy - expected) > max(ENERGY_SLACK_KCAL, ENERGY_TOLERANCE * expected):
            found.append(f"The energy is {energy:.0f} kcal, its parts give {expected:.0f} kcal.")
    return found


def _salt(label: Label) -> list[str]:
    if label.salt_g is None or label.sodium_g is None:
        return []
    expected = label.sodium_g * SALT_PER_SODIUM
    if abs(label.salt_g - expected) <= max(SALT_SLACK_G, SALT_TOLERANCE * expected):
        return []
    if abs(label.salt_g - label.sodium_g) <= SALT_SLACK_G:
        return ["Salt and sodium are the same number: one of them is mislabelled."]
    return ["Salt is not 2.5 times the sodium."]
