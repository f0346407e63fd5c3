"""What the standards announce to other domains, inside the transaction that made it true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carespine.standards.models import Application


@dataclass(frozen=True, slots=True)
class CertificateIssued:
    """A product version passed; from now on its client gets tokens, bound to its key."""

    application: Application
    certificate_id: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class CertificateRefused:
    """A run did not meet the standards; `reasons` are for the supplier and the public."""

    application: Application
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CertificateSuspended:
    """Access ends with this transaction, for safety or security."""

    application: Application
    certificate_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateReinstated:
    """A suspension was lifted."""

    application: Application
    certificate_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """A decision on the way from a finding to its end: `event` is the decision's name, `state` what came of it."""

    application: Application
    certificate_id: str | None
    reason: str
    event: str
    state: str


@dataclass(frozen=True, slots=True)
class CertificateWithdrawn:
    """Access ends for good, until the supplier applies again."""

    application: Application
    certificate_id: str | None
    reason: str
