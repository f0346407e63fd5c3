"""The catalogue as CSV: one row a requirement, for those who work in a spreadsheet."""

from __future__ import annotations

import csv
import io

import msgspec

from carespine.standards import catalogue


def requirements() -> bytes:
    """Every field of every requirement; what has several values is joined by blanks. UTF-8."""
    rows = [msgspec.to_builtins(each, str_keys=True) for each in catalogue.requirements().values()]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                name: " ".join(map(str, value)) if isinstance(value, list | tuple) else value
                for name, value in row.items()
            }
        )
    return text.getvalue().encode()
