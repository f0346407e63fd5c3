"""Addresses, telephone numbers and e-mail addresses that can reach nobody.

- Towns and counties are real, streets are invented, and no postcode is live: Royal Mail has no area ZZ. The
  NHS itself uses ZZ99 for pseudo postcodes with a meaning ("no fixed abode" and the like), so only ZZ1 to
  ZZ9 are used here. Source: NHS Data Model and Dictionary, "Organisation Data Service default postcodes".
- Telephone numbers are from the ranges Ofcom keeps free for drama: 0113 496 0000-0999 (Leeds),
  01632 960000-960999 (no area) and 07700 900000-900999 (mobile).
  Source: Ofcom, "Telephone numbers for use in TV and radio drama programmes".
- E-mail uses the domain example.org (RFC 2606).
"""

from __future__ import annotations

from dataclasses import dataclass

from carespine.demo.practice.chance import Dice

_INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"  # the letters Royal Mail uses in the second half of a postcode
_STREETS = (
    "Larkfield Lane",
    "Moorside View",
    "Beck Hill",
    "Weavers Row",
    "Chapel Fold",
    "Quarry Bank",
    "Spinners Way",
    "Old Tannery Road",
    "Heron Close",
    "Fairfield Terrace",
    "Intake Avenue",
    "Kestrel Drive",
    "Bracken Mount",
    "Ginnel Street",
    "Orchard Croft",
    "Stonebridge Grove",
    "Hawthorn Garth",
    "Albion Parade",
)
_TOWNS = (
    ("Leeds", "West Yorkshire", 60.0),
    ("Pudsey", "West Yorkshire", 15.0),
    ("Morley", "West Yorkshire", 13.0),
    ("Otley", "West Yorkshire", 12.0),
)
_DISTRICT_OF_TOWN = {"Leeds": (1, 5), "Pudsey": (6, 6), "Morley": (7, 7), "Otley": (8, 8)}
_FLAT = 0.18


@dataclass(frozen=True, slots=True)
class Address:
    line: tuple[str, ...]
    town: str
    county: str
    postcode: str

    def tree(self, **more: str) -> dict[str, object]:
        """A FHIR Address."""
        return {
            **more,
            "line": list(self.line),
            "city": self.town,
            "district": self.county,
            "postalCode": self.postcode,
            "country": "GBR",
        }


def home(dice: Dice) -> Address:
    town, county = dice.weighted([((town, county), weight) for town, county, weight in _TOWNS])
    street = f"{dice.between(1, 140)} {dice.pick(_STREETS)}"
    line = (f"Flat {dice.between(1, 12)}", street) if dice.chance(_FLAT) else (street,)
    return Address(line, town, county, postcode(dice, *_DISTRICT_OF_TOWN[town]))


def postcode(dice: Dice, first_district: int, last_district: int) -> str:
    """A postcode of area ZZ, districts 1 to 9: the right shape, and not live."""
    district = dice.between(first_district, last_district)
    letters = dice.pick(_INWARD_LETTERS) + dice.pick(_INWARD_LETTERS)
    return f"ZZ{district} {dice.between(1, 9)}{letters}"


def mobile(dice: Dice) -> str:
    return f"07700 900{dice.between(0, 999):03d}"


def landline(dice: Dice) -> str:
    if dice.chance(0.8):
        return f"0113 496 0{dice.between(0, 999):03d}"
    return f"01632 960{dice.between(0, 999):03d}"


def email(given: str, family: str, number: int) -> str:
    """An address at example.org; the number keeps two people of one name apart."""
    return f"{given}.{family}{number}@example.org".lower().replace(" ", "")
