"""The words for the states of a product, the outcomes of checks and the areas of the catalogue."""

from __future__ import annotations

from carespine.standards import catalogue
from carespine.standards.lifecycle import TABLE, Event, Situation, State
from carespine.standards.models import Level, Outcome, Requirement, ThresholdStanding
from carespine.web.pages import views
from carespine.web.pages.views import ProductState, Tone

_STATES: tuple[tuple[State, str, Tone, str], ...] = (
    (State.APPLIED, "Applied", "neutral", "It has asked to be certified and gets no access yet."),
    (State.TESTING, "Being tested", "info", "A run of the checks is under way. It gets no access yet."),
    (State.CERTIFIED, "Certified", "good", "It meets the minimum standards and may connect."),
    (
        State.WATCH,
        "Being watched",
        "watch",
        "A later run found faults. It may connect while they are put right.",
    ),
    (
        State.NONCONFORMITY,
        "Not meeting a standard",
        "watch",
        "A standard is not met. It may connect while its supplier answers.",
    ),
    (
        State.CAP_AGREED,
        "Putting faults right",
        "watch",
        "A plan to put the faults right is agreed. It may connect until the plan's date.",
    ),
    (
        State.RESTRICTED,
        "Restricted",
        "bad",
        "It may serve the organisations that use it already, and no new ones.",
    ),
    (
        State.PHASING_OUT,
        "Being phased out",
        "bad",
        "It serves the organisations that use it until its last day. Plan your move now.",
    ),
    (
        State.EXPORT_ONLY,
        "Export only",
        "bad",
        "It may only read and export, so that its data can be moved.",
    ),
    (State.REFUSED, "Not certified", "bad", "It did not pass the checks and gets no access."),
    (State.SUSPENDED, "Suspended", "bad", "It gets no access until the fault is put right."),
    (State.EXPIRED, "Expired", "bad", "Its certificate has run out and it gets no access."),
    (State.WITHDRAWN, "Withdrawn", "neutral", "It is no longer in use and gets no access."),
)
STATES = {state: ProductState(state.value, label, tone, plain) for state, label, tone, plain in _STATES}
_OUTCOMES: dict[Outcome, tuple[str, Tone]] = {
    Outcome.PASS: ("Passed", "good"),
    Outcome.FAIL: ("Failed", "bad"),
    Outcome.WARN: ("Passed with a warning", "watch"),
    Outcome.SKIP: ("Not proven", "watch"),
    Outcome.OMIT: ("Does not apply", "neutral"),
    Outcome.ERROR: ("Fault of the check", "neutral"),
}
SAID = {
    Event.FIND: "Finding",
    Event.REPLY: "Reply",
    Event.AGREE: "Plan agreed",
    Event.EXTEND: "Plan extended",
    Event.SUSPEND: "Suspension",
    Event.APPEAL: "Appeal",
    Event.UPHOLD: "Appeal dismissed",
    Event.OVERTURN: "Appeal succeeded",
    Event.RESTRICT: "Restriction",
    Event.PHASE_OUT: "Phase-out",
    Event.REFUSE: "Failed run",
}
# By the first letters of a requirement's id.
_STANDINGS = {
    ThresholdStanding.SOURCED: "",
    ThresholdStanding.UNCONFIRMED: " (the number is still to be confirmed)",
    ThresholdStanding.OURS: " (the number is our own, to be calibrated)",
}


# The authority's steps in the order in which a case goes through them.
_DECISIONS: tuple[tuple[Event, str], ...] = (
    (Event.FIND, "Find that a standard is not met"),
    (Event.AGREE, "Agree the supplier's plan"),
    (Event.EXTEND, "Give the plan half its time more"),
    (Event.CLOSE, "Close the finding: it is mended"),
    (Event.RESTRICT, "Restrict it to the organisations that use it"),
    (Event.PHASE_OUT, "Begin to phase it out"),
    (Event.UPHOLD, "Decide the appeal: the decision stands"),
    (Event.OVERTURN, "Decide the appeal: the decision falls"),
)


def decisions(situation: Situation) -> tuple[tuple[str, str], ...]:
    """The steps that may follow now."""
    on_appeal = {Event.UPHOLD, Event.OVERTURN}
    return tuple(
        (str(event), words)
        for event, words in _DECISIONS
        if (situation.state, event) in TABLE
        and (event not in on_appeal or situation.appealed is not None)
        and not (event is Event.EXTEND and situation.extended)
        and not (event is Event.CLOSE and situation.passed is None)
    )


def outcome_words(outcome: str) -> tuple[str, Tone]:
    """What a check's outcome is called, and how it is coloured."""
    return _OUTCOMES[Outcome(outcome)]


def area_of(requirement: Requirement) -> str:
    """The area of the catalogue that a requirement belongs to."""
    return catalogue.AREAS[requirement.id[:2]]


def as_requirement(requirement: Requirement) -> views.Requirement:
    """A requirement of the catalogue as a page shows it."""
    probed = "probe" in requirement.method
    checked = "A running test calls the service" if probed else f"By {' and '.join(requirement.method)}"
    return views.Requirement(
        requirement.id,
        requirement.statement,
        "must" if requirement.level is Level.MUST else "should",
        requirement.threshold + _STANDINGS[requirement.threshold_standing],
        requirement.source,
        checked,
        automatic=probed,
    )
