"""The nouns of the standards: requirement, profile, finding, result, verdict, standing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec


class Level(StrEnum):
    """How binding a requirement is."""

    MUST = "must"
    SHOULD = "should"


class ServiceKind(StrEnum):
    """What a service is, which decides the requirements that apply to it."""

    RECORD_SYSTEM = "record-system"
    PATIENT_APP = "patient-app"
    DEVICE_APP = "device-app"
    BOOKING_SERVICE = "booking-service"
    CARE_PROGRAMME = "care-programme"
    VIRTUAL_CLINIC = "virtual-clinic"


class ThresholdStanding(StrEnum):
    """Whether the number in a requirement is somebody's published rule, awaits confirmation, or is ours."""

    SOURCED = "sourced"
    UNCONFIRMED = "unconfirmed [M]"
    OURS = "ours [D]"


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One requirement of the catalogue, as its TOML file states it.

    `severity` runs from 1 (a person may be harmed or data exposed) to 3 (a nuisance). `evidence_days` is how
    long one proof counts before it must be renewed. `probes` and `mutants` name the checks that test it and
    the deliberate defects by which those checks are themselves tested. Without `published` it is a draft;
    what its dates mean on a day is in stages.py.
    """

    id: str
    version: str
    title: str
    statement: str
    level: Level
    applies_to: tuple[ServiceKind, ...]
    severity: int
    harm: str
    threshold: str
    threshold_standing: ThresholdStanding
    source: str
    method: tuple[str, ...]
    probes: tuple[str, ...]
    mutants: tuple[str, ...]
    evidence_days: int
    waivable: bool
    effective: date
    published: date | None = None
    deprecated: date | None = None
    retired: date | None = None


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The requirements that a certificate for one kind of service stands for."""

    name: str
    version: str
    title: str
    service_kind: ServiceKind
    requirements: tuple[str, ...]


class Outcome(StrEnum):
    """How one check ended."""

    PASS = "pass"  # noqa: S105 - the outcome of a check, not a password
    FAIL = "fail"
    WARN = "warn"  # passed, with something to mend
    SKIP = "skip"  # could not be proven either way
    OMIT = "omit"  # does not apply to this service
    ERROR = "error"  # the engine's fault, never charged to the supplier


class Verdict(StrEnum):
    """How a whole run ended."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOT_PROVEN = "not-proven"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that was not as required, and the number of the exchange in the evidence that shows it."""

    text: str
    exchange: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one run of a check found. `tried` counts the single assertions it made."""

    outcome: Outcome
    came: str
    faults: tuple[Fault, ...] = ()
    tried: int = 1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding with everything a supplier needs to act on it."""

    check: str
    requirement: str
    requirement_version: str
    level: Level
    title: str
    quote: str
    expected: str
    advice: str
    finding: Finding
    exchanges: tuple[int, ...] = ()
    attempts: int = 1
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """How the check ended."""
        return self.finding.outcome


# The state of a client that never applied.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a client may do on the platform now, and why; read from the committed log.

    `reach` is all, export or none; `deprecated_since` and `sunset` go into its answers where it is on its way out.
    """

    state: str
    certificate_id: str | None
    thumbprint: str | None
    allowed: bool
    reason: str
    # How often it has been suspended: a token from before a suspension carries a smaller number.
    suspensions: int = 0
    reach: str = "none"
    deprecated_since: datetime | None = None
    sunset: datetime | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """One product version that asks to be certified against a profile."""

    id: str
    supplier: str
    product: str
    version: str
    client_id: str
    base_url: str
    profile: str
    contact: str
    jwks: dict[str, Any]
    thumbprint: str
    created: datetime
