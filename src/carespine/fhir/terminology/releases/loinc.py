"""LOINC: the table as CSV, from the release's zip or by itself."""

from __future__ import annotations

import csv
import re

from carespine.fhir.terminology.models import Concept, Described, Designation
from carespine.fhir.terminology.releases.files import Progress, Release, Source, in_order
from carespine.kernel.errors import Invalid

URL = "http://loinc.org"
# R4 loinc.html#props: the parts by which codes are chosen, as properties.
_PARTS = (
    *("STATUS", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS"),
    *("CONSUMER_NAME", "CLASSTYPE", "ORDER_OBS"),
)
_INACTIVE = frozenset({"DEPRECATED"})
_TABLE = r"Loinc\.csv"
_VERSION = re.compile(r"(?:loinc|Loinc)[_-]v?(\d+\.\d+)")
_STEP = 5_000


def recognises(source: Source) -> bool:
    return bool(source.matching(_TABLE))


def read(source: Source, *, version: str | None, progress: Progress) -> Release:
    """The release; its version is in the zip's or folder's name, or asked for."""
    names = [name for name in source.matching(_TABLE) if "Accessory" not in name]
    if not names:
        raise Invalid(f"{source.path} has no Loinc.csv.")
    concepts: list[Concept] = []
    with source.text(names[0]) as file:
        reader = csv.DictReader(file)
        if missing := {"LOINC_NUM", "LONG_COMMON_NAME", "STATUS"} - set(reader.fieldnames or ()):
            raise Invalid(f"{names[0]} has no column {min(missing)}.")
        try:
            for number, row in enumerate(reader, start=1):
                concepts.append(_concept(row))
                if not number % _STEP:
                    progress("Loinc.csv", _STEP)
        except (csv.Error, UnicodeDecodeError) as error:
            raise Invalid(f"{names[0]} cannot be read at line {reader.line_num}: {error}.") from error
    found = _VERSION.search(f"{source.path.name}/{names[0]}")
    if version is None and found is None:
        raise Invalid("The version of LOINC is not in the file's name; say it with --version.")
    about = Described(
        URL,
        version or (found[1] if found else None),
        "LOINC",
        properties={part: f"LOINC {part}" for part in _PARTS},
    )
    return Release(about, in_order(concepts))


def _concept(row: dict[str, str | None]) -> Concept:
    texts = [text for key in ("SHORTNAME", "DisplayName", "CONSUMER_NAME") if (text := row.get(key))]
    display = row.get("LONG_COMMON_NAME") or row.get("SHORTNAME")
    return Concept(
        row["LOINC_NUM"] or "",
        display,
        None,
        tuple(Designation(text, "en-US") for text in dict.fromkeys(texts) if text != display),
        tuple({"code": part, "valueString": value} for part in _PARTS if (value := row.get(part))),
        inactive=row.get("STATUS") in _INACTIVE,
    )
