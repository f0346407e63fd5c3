"""Clinical safety: DCB0129, DCB0160, medical-device status, incidents."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from carespine.standards.assurance.common import YEAR, Document, missing, stale

Residual = Literal["acceptable", "undesirable", "unacceptable"]
# CS-05: the first number is DCB0129 practice, the second is ours.
_TRIAGE_WORKING_DAYS, _DISABLE_MINUTES = 1, 15
# RE-07, NHS digital charter 7.
_FIRST_NOTICE_MINUTES = 60


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a hazard log. Severity and likelihood run from 1 (least) to 5."""

    id: str
    cause: str
    effect: str
    severity: int
    likelihood: int
    controls: tuple[str, ...]
    evidence: tuple[str, ...]
    residual: Residual

    def faults(self) -> list[str]:
        """What a safety officer would send back."""
        found = missing(cause=self.cause, effect=self.effect, controls=self.controls, evidence=self.evidence)
        if not (1 <= self.severity <= 5 and 1 <= self.likelihood <= 5):
            found.append("severity and likelihood must be 1 to 5")
        if self.residual == "unacceptable":
            found.append("its residual risk is unacceptable")
        return [f"hazard {self.id}: {each}" for each in found]


class SafetyCase(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """DCB0129: the plan, the hazard log, the safety officer with a live registration."""

    reviewed: date
    plan: str
    officer: str
    registration_body: str
    registration: str
    registration_checked: date
    hazards: tuple[Hazard, ...]

    def faults(self, today: date) -> list[str]:
        found = missing(
            plan=self.plan,
            officer=self.officer,
            registration_body=self.registration_body,
            registration=self.registration,
            hazards=self.hazards,
        )
        found += stale("the review", self.reviewed, today)
        found += stale("the check of the registration", self.registration_checked, today)
        return found + [fault for hazard in self.hazards for fault in hazard.faults()]


class Deployed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One live deployment: the organisation's ODS code, and its own assessment."""

    organisation: str
    live_since: date
    assessed: date | None = None
    officer: str = ""


class Deployments(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """DCB0160: every live deployment was assessed before it went live."""

    as_of: date
    deployments: tuple[Deployed, ...]

    def faults(self, today: date) -> list[str]:
        found = stale("the list", self.as_of, today)
        for each in self.deployments:
            if each.assessed is None or each.assessed > each.live_since:
                found.append(
                    f"{each.organisation} went live on {each.live_since} without an assessment before"
                )
            elif not each.officer.strip():
                found.append(f"{each.organisation} names no safety officer")
        return found


class DeviceStatus(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the product is a medical device, and if so its marking and registration."""

    declared: date
    is_medical_device: bool
    rationale: str
    device_class: str = ""
    marking: Literal["", "UKCA", "CE"] = ""
    mhra_reference: str = ""

    def faults(self, today: date) -> list[str]:
        found = stale("the declaration", self.declared, today) + missing(rationale=self.rationale)
        if self.is_medical_device:
            found += missing(
                device_class=self.device_class, marking=self.marking, mhra_reference=self.mhra_reference
            )
        return found


class IncidentProcess(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attested: how incidents are taken, triaged, told and stopped."""

    attested: date
    by: str
    intake: str
    triage_working_days: int
    disable_minutes: int
    disable_drilled: date

    def faults(self, today: date) -> list[str]:
        found = stale("the attestation", self.attested, today)
        found += stale("the drill of the switch", self.disable_drilled, today, most=YEAR)
        found += missing(by=self.by, intake=self.intake)
        if self.triage_working_days > _TRIAGE_WORKING_DAYS:
            found.append(f"triage takes {self.triage_working_days} working days, more than 1")
        if self.disable_minutes > _DISABLE_MINUTES:
            found.append(f"switching off takes {self.disable_minutes} minutes, more than {_DISABLE_MINUTES}")
        return found


class IncidentNotice(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attested: users and the register hear of a serious incident within the hour, from a feed."""

    attested: date
    by: str
    first_notice_minutes: int
    status_feed: str

    def faults(self, today: date) -> list[str]:
        found = stale("the attestation", self.attested, today) + missing(by=self.by)
        if self.first_notice_minutes > _FIRST_NOTICE_MINUTES:
            found.append(f"the first notice takes {self.first_notice_minutes} minutes, more than 60")
        if not self.status_feed.startswith("https://"):
            found.append("the status feed is not an https address")
        return found
