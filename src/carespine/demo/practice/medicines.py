"""The medicines the practice prescribes, coded in dm+d (virtual medicinal products), each with its voucher.

dm+d numbers are SNOMED CT identifiers of the UK drug extension. Checked 2026-11 against OpenSAFELY's
published dm+d code lists (ACE inhibitor, statin, calcium channel blocker, thiazide, beta blocker, ARB,
antidiabetic, insulin, DOAC, and PRIMIS asthma). `voucher` says how far each number is vouched for:

- named: a published list or NHS example gives this number with this name;
- successor: a published list says "VMP subsequent to" the number it gives with this name, so this number
  is the current one;
- unconfirmed: found with this name only in secondary sources.

Doses and pack sizes are the usual ones in England, chosen for plausibility, not as prescribing advice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Voucher = Literal["named", "successor", "unconfirmed"]


@dataclass(frozen=True, slots=True)
class Medicine:
    """A virtual medicinal product with the way it is usually taken.

    `supply` is the number of units (tablets, pens, inhalers) in a supply of `supply_days`.
    """

    code: str
    name: str
    voucher: Voucher
    dose: str
    supply: int
    unit: str
    supply_days: int = 56


def _tablet(code: str, name: str, voucher: Voucher, dose: str, a_day: int = 1) -> Medicine:
    unit = "capsule" if "capsule" in name else "tablet"
    return Medicine(code, name, voucher, dose, 56 * a_day, unit)


_ONE = "Take one each day"
_MORNING = "Take one each morning"
_NIGHT = "Take one at night"
_TWICE = "Take one twice a day"

MEDICINES: dict[str, Medicine] = {
    "amlodipine-5": _tablet("39732011000001102", "Amlodipine 5mg tablets", "successor", _ONE),
    "amlodipine-10": _tablet("39731911000001109", "Amlodipine 10mg tablets", "successor", _ONE),
    "ramipril-2.5": _tablet("42381411000001102", "Ramipril 2.5mg capsules", "successor", _ONE),
    "ramipril-5": _tablet("42381611000001104", "Ramipril 5mg capsules", "successor", _ONE),
    "ramipril-10": _tablet("42381211000001101", "Ramipril 10mg capsules", "successor", _ONE),
    "losartan-50": _tablet("318956006", "Losartan 50mg tablets", "named", _ONE),
    "indapamide-2.5": _tablet("39696211000001108", "Indapamide 2.5mg tablets", "successor", _MORNING),
    "bisoprolol-2.5": _tablet("42371311000001103", "Bisoprolol 2.5mg tablets", "successor", _MORNING),
    "furosemide-40": _tablet("317972000", "Furosemide 40mg tablets", "unconfirmed", _MORNING),
    "atorvastatin-20": _tablet("39733011000001106", "Atorvastatin 20mg tablets", "successor", _NIGHT),
    "atorvastatin-80": _tablet("39733211000001101", "Atorvastatin 80mg tablets", "successor", _NIGHT),
    "aspirin-75": _tablet("319773006", "Aspirin 75mg dispersible tablets", "named", _MORNING),
    "apixaban-5": _tablet("42206511000001102", "Apixaban 5mg tablets", "successor", _TWICE, 2),
    "metformin-500": _tablet(
        "42084911000001109", "Metformin 500mg tablets", "successor", "Take one twice a day with food", 2
    ),
    "empagliflozin-10": _tablet("25290511000001101", "Empagliflozin 10mg tablets", "named", _MORNING),
    "dapagliflozin-10": _tablet("39689811000001104", "Dapagliflozin 10mg tablets", "successor", _MORNING),
    "sitagliptin-100": _tablet("42089711000001108", "Sitagliptin 100mg tablets", "successor", _ONE),
    "insulin-glargine": Medicine(
        "38897011000001107",
        "Insulin glargine 100units/ml solution for injection 3ml pre-filled disposable devices",
        "successor",
        "Inject once a day as directed",
        5,
        "pre-filled disposable injection",
    ),
    "insulin-lispro": Medicine(
        "36047811000001104",
        "Insulin lispro 100units/ml solution for injection 3ml pre-filled disposable devices",
        "named",
        "Inject before meals as directed",
        5,
        "pre-filled disposable injection",
    ),
    "salbutamol": Medicine(
        "39113611000001102",
        "Salbutamol 100micrograms/dose inhaler CFC free",
        "named",
        "One or two puffs when needed, up to four times a day",
        1,
        "inhaler",
    ),
    "beclometasone": Medicine(
        "10621011000001101",
        "Beclometasone 200micrograms/dose inhaler CFC free",
        "named",
        "One puff twice a day",
        1,
        "inhaler",
    ),
    "beclometasone-formoterol": Medicine(
        "12911011000001100",
        "Beclometasone 100micrograms/dose / Formoterol 6micrograms/dose inhaler CFC free",
        "named",
        "Two puffs twice a day",
        1,
        "inhaler",
        30,
    ),
}
