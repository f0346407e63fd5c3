"""The area gates of virtual services, G1 to G3: in which area a clinic is open, and to how many; pure.

Source: what stopped GP at Hand beyond London in 2018 (minimum-standards.md): no area without its own safety evidence, a
cap of 2,600 patients with a review after 8 weeks, a sub-organisation above 1,000 patients of another area.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

import msgspec

# G3: above this many registered residents of another area a sub-organisation is opened.
BRANCH_ABOVE = 1_000
# The real ones were 2,600 and 8 weeks: shown as what to enter, never assumed.
USUAL_CAP = 2_600
PROFILE = "virtual-clinic"
_LONGEST = 300


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """G1: the evidence bundle for one service in one area. Texts name a document, a place or a person to call;
    `is_home` says that the clinic's own organisation lies in the area.
    """

    dcb0129: str
    dcb0160: str
    branch_ods: str
    referral_pathways: str
    safeguarding_contact: str
    formulary: str
    face_to_face_site: str
    is_home: bool = False


NAMES = tuple(name for name in Evidence.__struct_fields__ if name != "is_home")


class Said(StrEnum):
    """What is said of an area."""

    SUBMIT = "submit"  # the supplier's evidence
    ACCEPT = "accept"  # the authority opens the area, with a cap and a day of review
    CLOSE = "close"
    CAP = "cap"  # the authority lifts or lowers the cap, with a new day of review
    BRANCH = "branch"  # a sub-organisation was opened


@dataclass(frozen=True, slots=True)
class Word:
    """One line of an area's log."""

    said: Said
    at: datetime
    who: str
    reason: str
    evidence: Evidence | None = None
    cap: int | None = None
    review: date | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """Where an area stands: what is known, and whether it was opened. `review` is the last day on which it is open."""

    evidence: Evidence | None = None
    is_open: bool = False
    cap: int = 0
    review: date | None = None
    branch: str | None = None
    reason: str = ""


def missing(evidence: Evidence) -> list[str]:
    """The parts of a bundle that are not there or cannot be a name."""
    return [
        name
        for name in NAMES
        if not (text := getattr(evidence, name)).strip() or len(text) > _LONGEST or not text.isprintable()
    ]


def why_not(gate: Gate, word: Word) -> str | None:
    """What forbids a line, or None."""
    match word.said:
        case Said.SUBMIT if word.evidence is None or missing(word.evidence):
            parts = ", ".join(missing(word.evidence)) if word.evidence else "everything"
            return f"G1: the evidence lacks {parts}"
        case Said.ACCEPT if gate.evidence is None:
            return "G1: there is no evidence for this area yet"
        case Said.CAP | Said.CLOSE if not gate.is_open:
            return "the area is not open"
        case Said.ACCEPT | Said.CAP if word.cap is None or word.cap < 1:
            return "G2: an area has a cap of at least one patient"
        case Said.ACCEPT | Said.CAP if word.review is None or word.review < word.at.astimezone(UTC).date():
            return "G2: an area has a day of review that is still to come"
        case Said.BRANCH if not (word.branch or "").strip():
            return "G3: name the sub-organisation by its ODS code"
    return None


def after(gate: Gate, word: Word) -> Gate:
    """The gate after one more line. New evidence closes an area until it is accepted: other evidence, other risk."""
    match word.said:
        case Said.SUBMIT:
            return replace(
                gate, evidence=word.evidence, is_open=False, reason="new evidence is to be accepted"
            )
        case Said.ACCEPT:
            return replace(gate, is_open=True, cap=word.cap or 0, review=word.review, reason=word.reason)
        case Said.CAP:
            return replace(gate, cap=word.cap or 0, review=word.review, reason=word.reason)
        case Said.CLOSE:
            return replace(gate, is_open=False, reason=word.reason)
        case Said.BRANCH:
            return replace(gate, branch=word.branch)


def replay(words: Iterable[Word]) -> Gate:
    """Where the log leads."""
    gate = Gate()
    for word in words:
        gate = after(gate, word)
    return gate


def reasons_to_hide(gate: Gate, *, now: datetime) -> tuple[str, ...]:
    """Why no slot of the service may be shown to residents of the area now; none shows them (G1, G2)."""
    if gate.evidence is None:
        return ("G1: there is no evidence for this area",)
    if not gate.is_open:
        return (f"G1: the area is not open: {gate.reason}",)
    if gate.review is None or now.astimezone(UTC).date() > gate.review:
        return (f"G2: the area was to be reviewed by {gate.review}",)
    return ()


def reasons_to_refuse(gate: Gate, *, registered: int, now: datetime) -> tuple[str, ...]:
    """Why one more resident may not register now; none registers them (G1 to G3)."""
    reasons = list(reasons_to_hide(gate, now=now))
    if gate.is_open and registered >= gate.cap:
        reasons.append(f"G2: the cap of {gate.cap} registered residents is reached")
    away = gate.evidence is not None and not gate.evidence.is_home
    if gate.is_open and away and not gate.branch and registered >= BRANCH_ABOVE:
        reasons.append(
            f"G3: above {BRANCH_ABOVE} residents of another area a sub-organisation is opened first"
        )
    return tuple(reasons)
