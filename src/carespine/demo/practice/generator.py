"""The practice as a stream of FHIR resources, as bundles of a patient each, and as totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

from carespine.demo.practice.directory import register
from carespine.demo.practice.population import roster
from carespine.demo.practice.prevalence import conditions_of
from carespine.demo.practice.record import record_of
from carespine.demo.practice.trees import Tree

DEFAULT_SEED = 1948  # the year the NHS began
DEFAULT_PATIENTS = 500
# The demonstration's "today": fixed, so that every run is the same; ten years of history lie before it.
DEFAULT_TODAY = date(2026, 11, 16)


def generate(
    seed: int = DEFAULT_SEED, patients: int = DEFAULT_PATIENTS, today: date = DEFAULT_TODAY
) -> Iterator[Tree]:
    """All resources of the practice, the same for the same arguments on every machine and Python.

    First the register (organisations, locations, practitioners, roles), then patient after patient, each
    with its whole record; every reference is to a resource that came before. Numbers with a fraction are
    Decimal, whole ones int; write them with `fhir.codec.encode`. Raises ValueError for fewer patients than
    the story has, or more than the NHS-number range of the demonstration holds.
    """
    for record in _records(seed, patients, today):
        yield from record


def as_bundles(
    seed: int = DEFAULT_SEED, patients: int = DEFAULT_PATIENTS, today: date = DEFAULT_TODAY
) -> Iterator[Tree]:
    """The same resources as transaction bundles of PUTs with given ids: the register, then one a patient.

    There are `patients + 1` of them, so that progress can be shown without generating twice.
    """
    for record in _records(seed, patients, today):
        yield _transaction(record)


def count(
    seed: int = DEFAULT_SEED, patients: int = DEFAULT_PATIENTS, today: date = DEFAULT_TODAY
) -> dict[str, int]:
    """How many resources of each type there are. It generates them all (about a second for 500 patients)."""
    counted = Counter(tree["resourceType"] for tree in generate(seed, patients, today))
    return dict(sorted(counted.items()))


def _records(seed: int, patients: int, today: date) -> Iterator[Iterable[Tree]]:
    people = roster(seed, patients, today)
    held = conditions_of(seed, people, today)
    yield register()
    for person in people:
        yield record_of(seed, person, held[person.place], today)


def _transaction(record: Iterable[Tree]) -> Tree:
    entries = [
        {
            "resource": tree,
            "request": {"method": "PUT", "url": f"{tree['resourceType']}/{tree['id']}"},
        }
        for tree in record
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
