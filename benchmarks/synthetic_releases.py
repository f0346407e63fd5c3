"""Synthetic release files in the shape of RF2: invented concepts, with identifiers that obey the check digit.

    python benchmarks/synthetic_releases.py FOLDER [CONCEPTS]

No term is taken from SNOMED CT; only the identifiers of its own metadata (is-a, kinds of description) are real,
because the files' format is made of them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_MULTIPLY = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]
_FIRST = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
_INVERSE = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9]
ROOT = "138875005"
IS_A, SITE = "116680003", "363698007"
CORE = "900000000000207008"
FSN, SYNONYM = "900000000000003001", "900000000000013009"
PREFERRED, ACCEPTABLE = "900000000000548007", "900000000000549004"
BRITISH = "900000000000508004"
DEFINED, PRIMITIVE = "900000000000073002", "900000000000074008"
INFERRED = "900000000000011006"
DATE = "20260401"
HEADS = {
    "Concept": "id effectiveTime active moduleId definitionStatusId",
    "Description": "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
    "Relationship": "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId "
    "characteristicTypeId modifierId",
    "Language": "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId",
    "Simple": "id effectiveTime active moduleId refsetId referencedComponentId",
}
NAMES = {
    "Concept": f"Terminology/sct2_Concept_Snapshot_INT_{DATE}.txt",
    "Description": f"Terminology/sct2_Description_Snapshot-en_INT_{DATE}.txt",
    "Relationship": f"Terminology/sct2_Relationship_Snapshot_INT_{DATE}.txt",
    "Language": f"Refset/Language/der2_cRefset_LanguageSnapshot-en_INT_{DATE}.txt",
    "Simple": f"Refset/Content/der2_Refset_SimpleSnapshot_INT_{DATE}.txt",
}


def _powers() -> list[list[int]]:
    table = [list(range(10)), _FIRST]
    while len(table) < 8:
        table.append([table[-1][_FIRST[digit]] for digit in range(10)])
    return table


_PERMUTE = _powers()


def check_digit(digits: str) -> str:
    """Verhoeff's check digit for the digits before it."""
    value = 0
    for place, digit in enumerate(reversed(digits), start=1):
        value = _MULTIPLY[value][_PERMUTE[place % 8][int(digit)]]
    return str(_INVERSE[value])


def is_valid(identifier: str) -> bool:
    """Whether the last digit of a SNOMED CT identifier is its check digit."""
    return check_digit(identifier[:-1]) == identifier[-1]


def identifier(number: int, partition: str = "00") -> str:
    """The identifier of a concept (00), description (01) or relationship (02)."""
    digits = f"{number}{partition}"
    return digits + check_digit(digits)


class Writer:
    """The files of a release, open for rows."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, TextIO] = {}
        for kind, name in NAMES.items():
            path = folder / "Snapshot" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[kind] = path.open("w", encoding="utf-8", newline="")
            self.row(kind, *HEADS[kind].split())
        self._numbers = iter(range(1_000, 2**62))

    def row(self, kind: str, *cells: str) -> None:
        self._files[kind].write("\t".join(cells) + "\r\n")

    def concept(self, code: str, terms: list[str], *, active: bool = True, defined: bool = False) -> None:
        """A concept; the first term is preferred, and the fully specified name is made from it."""
        state = "1" if active else "0"
        self.row("Concept", code, DATE, state, CORE, DEFINED if defined else PRIMITIVE)
        for position, (kind, term) in enumerate(
            [(FSN, f"{terms[0]} (thing)"), *((SYNONYM, t) for t in terms)]
        ):
            number = identifier(next(self._numbers), "01")
            self.row("Description", number, DATE, "1", CORE, code, "en", kind, term, CORE)
            said = PREFERRED if position < 2 else ACCEPTABLE
            self.row("Language", number, DATE, "1", CORE, BRITISH, number, said)

    def related(self, code: str, target: str, kind: str = IS_A) -> None:
        number = identifier(next(self._numbers), "02")
        self.row("Relationship", number, DATE, "1", CORE, code, target, "0", kind, INFERRED, CORE)

    def member(self, refset: str, code: str) -> None:
        self.row("Simple", str(next(self._numbers)), DATE, "1", CORE, refset, code)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def vocabulary(*, seed: int = 4, size: int = 12_000) -> list[str]:
    """Invented words, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311
    starts = [
        *"bcdghklmnprstvw",
        "bl",
        "br",
        "cl",
        "cr",
        "dr",
        "fl",
        "gr",
        "ph",
        "pl",
        "pr",
        "qu",
        "sc",
        "st",
        "th",
        "tr",
    ]
    vowels = [*"aeiou", "ae", "ia", "io", "ea"]
    ends = ["", *"nrslmtx", "nd", "rm", "st"]
    found: dict[str, None] = {}
    while len(found) < size:
        syllables = chance.randint(2, 4)
        found[
            "".join(chance.choice(starts) + chance.choice(vowels) for _ in range(syllables))
            + chance.choice(ends)
        ] = None
    return list(found)


def codes(count: int) -> Iterator[str]:
    """The identifiers of the generated concepts, in order."""
    return (identifier(number) for number in range(10_000_000, 10_000_000 + count))


def generate(folder: Path, count: int, *, seed: int = 4) -> None:
    """A release of `count` concepts below one root: a hierarchy with several parents, a relationship in three, and a
    reference set of every hundredth concept."""
    chance = random.Random(seed)  # noqa: S311
    invented = vocabulary(seed=seed)
    weights = [1 / (rank + 20) for rank in range(len(invented))]
    words = chance.choices(invented, weights, k=200_003)
    writer = Writer(folder)
    writer.concept(ROOT, ["SNOMED CT Concept"])
    for fixed, term in ((IS_A, "Is a"), (SITE, "Finding site")):
        writer.concept(fixed, [term])
        writer.related(fixed, ROOT)
    every = list(codes(count))
    refset = identifier(9_999_999)
    writer.concept(refset, ["Every hundredth"])
    writer.related(refset, ROOT)
    for number, code in enumerate(every):
        place = number * 7 % len(words)
        terms = [" ".join(words[place : place + 2 + number % 4]), " ".join(words[place + 1 : place + 4])]
        writer.concept(
            code, [term or "thing" for term in terms], active=number % 50 != 49, defined=number % 3 == 0
        )
        writer.related(code, every[int(number * chance.random() ** 0.5 * 0.98)] if number else ROOT)
        if number > 100 and number % 4 == 0:
            writer.related(code, every[chance.randrange(number // 2)])
        if number > 100 and number % 3 == 0:
            writer.related(code, every[chance.randrange(100)], SITE)
        if number % 100 == 0:
            writer.member(refset, code)
    writer.close()


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
