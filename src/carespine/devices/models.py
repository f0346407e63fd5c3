"""The nouns that leave this domain: what an import did, and the summary that a page shows.

Everything here is a frozen value made of plain types, so that a page, a FHIR resource and a JSON answer can
be written from the same object. Numbers come with their unit; a missing number is None and says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

ResultState = Literal["ready", "not-enough", "no-data", "not-shared"]
Standing = Literal["within", "above", "below"]
ImportState = Literal["complete", "partial"]

SAFETY_NOTICE = "Not for clinical use until signed by the deployer's clinical safety officer."


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of a code system, as FHIR spells it."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Target:
    """The band a number is held against; either end may be open. `source` names the guideline."""

    low: float | None
    high: float | None
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a result. `unit` is UCUM, `unit_text` what people write, `text` the rounded number."""

    key: str
    label: str
    value: float | None
    text: str
    unit: str
    unit_text: str
    codes: tuple[Coding, ...] = ()
    target: Target | None = None
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a chart: a local day (or instant, `at`), its value, and its spread where there is one."""

    day: date
    value: float
    low: float | None = None
    high: float | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One line or row of bars of a chart, in `unit` (UCUM), with the target band drawn behind it."""

    key: str
    label: str
    unit: str
    unit_text: str
    kind: Literal["line", "bar", "points", "share"]
    points: tuple[Point, ...]
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A number against the period before: `difference` = now - before, in the figure's unit."""

    label: str
    now: float
    before: float
    difference: float
    unit_text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How much the numbers of one result may be trusted. `coverage` is 0 to 1 of the days looked at."""

    days_expected: int
    days_with_readings: int
    coverage: float
    readings: int
    readings_set_aside: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceShare:
    """What one source gave to one result: how many readings were used and set aside, and why."""

    source_id: str
    label: str
    readings_used: int
    readings_set_aside: int
    days_used: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers of one result come from: sources, imports and the reading Observations.

    `other_ids` are Observations of the same kind that stand in the chart and that the numbers do not use.
    """

    sources: tuple[SourceShare, ...] = ()
    observation_ids: tuple[str, ...] = ()
    other_ids: tuple[str, ...] = ()
    import_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One section of the summary, such as the home blood pressure average.

    `verdict` is a sentence for the clinician, `plain` one for the patient. With state `not-enough`,
    `missing` says what is still needed. `rule` names the guideline that produced it. `observation_id` is
    the coded result in the record (None unless state is `ready`). `urgent_at` is the moment of the reading that
    makes it urgent. `validation` says of each device whether it is known to be validated, and who says so.
    """

    key: str
    title: str
    plain_title: str
    data_class: str
    state: ResultState
    verdict: str
    plain: str
    rule: str
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()
    changes: tuple[Change, ...] = ()
    quality: Quality | None = None
    provenance: Provenance = field(default_factory=Provenance)
    observation_id: str | None = None
    urgent: str | None = None
    urgent_at: datetime | None = None
    validation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A device together with the app that reported it. `kind` is watch, phone, cuff, scale, meter, ..."""

    source_id: str
    label: str
    device: str
    model: str
    app: str
    platform: str
    kind: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records were not stored, and how many: a stable code, and a sentence fit for the sender."""

    code: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What one import did. Promise: read == stored + duplicate + rejected; rejected is the sum of reasons.

    `replayed` is true when the same client sent the same idempotency key before: nothing was repeated.
    """

    import_id: str
    patient_id: str
    client: str
    adapter: str
    state: ImportState
    read: int
    stored: int
    duplicate: int
    rejected: int
    reasons: tuple[Reason, ...]
    notices: tuple[str, ...]
    sha256: str
    received_at: datetime
    report_id: str | None
    task_id: str | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased: whose readings, of which classes (none: every class), how many, when."""

    label: str
    classes: tuple[str, ...]
    readings: int
    at: datetime

    @property
    def sentence(self) -> str:
        """What a summary says of it, without saying what the readings were."""
        what = ", ".join(self.classes) or "every class"
        day = f"{self.at.day} {self.at:%B %Y}"
        sent = f"The readings that {self.label} had sent ({what})"
        return f"{sent} were erased at the patient's wish on {day}: {self.readings:,} in all."


@dataclass(frozen=True, slots=True)
class SummaryView:
    """Everything a page needs of one patient's readings, from one consistent moment.

    `first_day`..`last_day` is what the summary looked at; `period` names the review period ("2026-11").
    `report_id` and `task_id` are the DiagnosticReport and the practice's Task, None before a first import.
    """

    patient_id: str
    period: str
    first_day: date
    last_day: date
    made_at: datetime
    results: tuple[Result, ...]
    not_shared: tuple[str, ...]
    sources: tuple[Source, ...]
    imports: tuple[ImportResult, ...]
    report_id: str | None
    task_id: str | None
    safety_notice: str = SAFETY_NOTICE
    erased: tuple[Erasure, ...] = ()

    def result(self, key: str) -> Result | None:
        """The section called `key`, such as "home-blood-pressure", or None."""
        return next((result for result in self.results if result.key == key), None)

    @property
    def urgent(self) -> tuple[Result, ...]:
        """The sections with an urgent sentence, which a page shows first."""
        return tuple(result for result in self.results if result.urgent)
