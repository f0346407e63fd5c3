"""Front-of-pack traffic lights of the United Kingdom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from carespine.devices.rules.labels import Label

RULE = "UK front-of-pack nutrition labelling guidance (2016), criteria for 100 g, 100 ml and portions"

Colour = Literal["green", "amber", "red"]

# Guidance 2016, table 2: per 100 g of food, green up to and including, red above.
FOOD: Mapping[str, tuple[float, float]] = {
    "fat": (3.0, 17.5),
    "saturates": (1.5, 5.0),
    "sugars": (5.0, 22.5),
    "salt": (0.3, 1.5),
}
# Guidance 2016, table 3: per 100 ml of drink; fat by the half rule.
DRINK: Mapping[str, tuple[float, float]] = {
    "fat": (1.5, 8.75),
    "saturates": (0.75, 2.5),
    "sugars": (2.5, 11.25),
    "salt": (0.3, 0.75),
}
# Guidance 2016: portions above 100 g are red above these grams in the portion; above 150 ml of a drink, half of them.
PORTION: Mapping[str, float] = {"fat": 21.0, "saturates": 6.0, "sugars": 27.0, "salt": 1.8}
DRINK_PORTION: Mapping[str, float] = {"fat": 10.5, "saturates": 3.0, "sugars": 13.5, "salt": 0.9}
LARGE_PORTION_G, LARGE_PORTION_ML = 100.0, 150.0


def light(nutrient: str, per_100: float, *, is_drink: bool = False, portion: float | None = None) -> Colour:
    """The colour of one nutrient: `per_100` in grams per 100 g or ml, `portion` in grams or ml."""
    green, red = (DRINK if is_drink else FOOD)[nutrient]
    large = LARGE_PORTION_ML if is_drink else LARGE_PORTION_G
    if portion is not None and portion > large:
        in_portion = per_100 * portion / 100
        if in_portion > (DRINK_PORTION if is_drink else PORTION)[nutrient]:
            return "red"
    if per_100 > red:
        return "red"
    return "green" if per_100 <= green else "amber"


def lights(label: Label, *, portion: float | None = None) -> dict[str, Colour]:
    """The colours of what a label of 100 g or 100 ml says; a nutrient that it does not say has none."""
    amounts = {
        "fat": label.fat_g,
        "saturates": label.saturates_g,
        "sugars": label.sugars_g,
        "salt": label.salt(),
    }
    return {
        name: light(name, amount, is_drink=label.is_drink, portion=portion)
        for name, amount in amounts.items()
        if amount is not None and amount >= 0
    }
