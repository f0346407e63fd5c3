"""What other parts of the platform may hear about, in the transaction that made it true."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingsImported:
    """A file's readings are in the store. Not announced for a replay."""

    patient_id: str
    import_id: str
    client: str
    stored: int
    duplicate: int
    rejected: int


@dataclass(frozen=True, slots=True)
class SummaryReady:
    """The summary of a review period is new or has changed. `urgent` when a rule found something urgent."""

    patient_id: str
    report_id: str
    task_id: str | None
    period: str
    urgent: bool
