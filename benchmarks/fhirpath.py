"""Median microseconds of typical FHIRPath expressions, parsed before, on resources as they come from JSON.

    python benchmarks/fhirpath.py [--limit 5]

With `--limit` it ends with status 1 if an expression of the first group takes longer than that.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from carespine.fhir import fhirpath
from carespine.kernel import nhs_number

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": nhs_number.SYSTEM, "value": nhs_number.synthetic(1)}],
    "active": True,
    "name": [
        {"use": "official", "family": "Okafor", "given": ["Ada", "Grace"]},
        {"use": "nickname", "given": ["Addie"], "period": {"start": "2001-05-06", "end": "2011"}},
    ],
    "telecom": [
        {"system": "phone", "value": "0161 496 0000", "use": "home"},
        {"system": "email", "value": "ada@example.org"},
    ],
    "gender": "female",
    "birthDate": "1975-03-04",
    "contact": [{"name": {"family": "Okafor"}, "telecom": [{"system": "phone", "value": "0161 496 0001"}]}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "category": [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                    "code": "vital-signs",
                }
            ]
        }
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-29T12:30:00+01:00",
    "valueQuantity": {
        "value": Decimal("81.4"),
        "unit": "kg",
        "system": "http://unitsofmeasure.org",
        "code": "kg",
    },
}

TYPICAL: list[tuple[dict[str, Any], str]] = [
    (PATIENT, "name.given"),
    (PATIENT, "birthDate"),
    (PATIENT, "Patient.name.family"),
    (PATIENT, "Patient.telecom.where(system = 'phone')"),
    (PATIENT, "name.where(use = 'official').given"),
    (OBSERVATION, "Observation.value"),
    (OBSERVATION, "(Observation.value as Quantity)"),
    (OBSERVATION, "Observation.subject.where(resolve() is Patient)"),
    (OBSERVATION, "code.coding.exists(system = 'http://loinc.org' and code = '29463-7')"),
]
INVARIANTS: list[tuple[dict[str, Any], str]] = [
    (OBSERVATION, "value.exists() or dataAbsentReason.exists()"),
    (OBSERVATION, "dataAbsentReason.empty() or value.empty()"),
    (OBSERVATION, "value.code.empty() or value.system.exists()"),
    (PATIENT, "contact.all(name.exists() or telecom.exists() or address.exists() or organization.exists())"),
    (PATIENT, "name.period.all(start.hasValue().not() or end.hasValue().not() or (start <= end))"),
    (PATIENT, "contained.contained.empty()"),
    (PATIENT, "birthDate <= today()"),
]
OTHERS: list[tuple[dict[str, Any], str]] = [
    (PATIENT, "name.given.first() & ' ' & name.family.first()"),
    (OBSERVATION, "value > 80000 'g'"),
    (PATIENT, "identifier.value.matches('^[0-9]{10}$')"),
    (PATIENT, "descendants().count()"),
]
_ROUNDS, _CALLS = 41, 500


def median_microseconds(run: Callable[[], object]) -> float:
    """The median over rounds of the mean processor time of a call, since the machine may be shared."""
    times = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(_CALLS):
            run()
        times.append((time.process_time() - start) / _CALLS * 1e6)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, help="the most microseconds for paths and invariants")
    limit = parser.parse_args().limit
    slow = []
    for title, rows in (
        ("paths and search parameters", TYPICAL),
        ("invariants", INVARIANTS),
        ("others", OTHERS),
    ):
        print(f"\n{title}")
        for resource, expression in rows:
            compiled = fhirpath.compile(expression)
            if rows is INVARIANTS:
                taken = median_microseconds(lambda c=compiled, r=resource: c.holds(r))
            else:
                taken = median_microseconds(lambda e=expression, r=resource: fhirpath.evaluate(r, e))
            print(f"  {taken:6.2f} us  {expression}")
            if rows is not OTHERS and limit is not None and taken > limit:
                slow.append(expression)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
