"""The states of a product version and the steps between them, as a table you can read aloud."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class State(StrEnum):
    """Where a product version stands."""

    APPLIED = "applied"
    TESTING = "testing"
    REFUSED = "refused"
    CERTIFIED = "certified"
    WATCH = "watch"
    NONCONFORMITY = "nonconformity"
    CAP_AGREED = "cap-agreed"
    RESTRICTED = "restricted"
    PHASING_OUT = "phasing-out"
    EXPORT_ONLY = "export-only"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What happens to a product version. The last three happen by themselves when their time has come."""

    APPLY = "apply"
    START = "start"  # a run of checks begins
    CERTIFY = "certify"  # a run passed, a certificate was issued
    REFUSE = "refuse"  # a run failed
    FIND = "find"  # the authority finds that a standard is not met
    REPLY = "reply"  # the supplier answers the finding
    AGREE = "agree"  # a corrective action plan is agreed
    EXTEND = "extend"  # the plan gets half of its time once more
    CLOSE = "close"  # the authority sees its finding mended, after a run that passed
    RESTRICT = "restrict"
    PHASE_OUT = "phase-out"
    SUSPEND = "suspend"  # for safety or security
    REINSTATE = "reinstate"
    RECOVER = "recover"  # what monitoring saw is over
    APPEAL = "appeal"
    UPHOLD = "uphold"  # the appeal is decided: the decision stands
    OVERTURN = "overturn"  # the appeal is decided: the decision falls
    HOLD = "hold"  # a national emergency: no deadline runs out before it ends
    WITHDRAW = "withdraw"
    LAPSE = "lapse"  # a suspension that nobody renewed ends
    EXPIRE = "expire"  # a certificate that nobody renewed ends
    OVERDUE = "overdue"  # a deadline has passed


AS_BEFORE = None  # "... it is again as it was before"
_PROCESS = (
    State.CERTIFIED,
    State.WATCH,
    State.NONCONFORMITY,
    State.CAP_AGREED,
    State.RESTRICTED,
    State.PHASING_OUT,
)
_HELD = (State.NONCONFORMITY, State.CAP_AGREED, State.RESTRICTED, State.PHASING_OUT, State.EXPORT_ONLY)

# "While ... , after ... it is ...". What is not in the table cannot happen.
TABLE: dict[tuple[State, Event], State | None] = {
    (State.APPLIED, Event.START): State.TESTING,
    (State.APPLIED, Event.WITHDRAW): State.WITHDRAWN,
    (State.TESTING, Event.START): State.TESTING,  # the run before was cut short
    (State.TESTING, Event.CERTIFY): State.CERTIFIED,
    (State.TESTING, Event.REFUSE): State.REFUSED,
    (State.TESTING, Event.WITHDRAW): State.WITHDRAWN,
    (State.REFUSED, Event.START): State.TESTING,
    (State.REFUSED, Event.WITHDRAW): State.WITHDRAWN,
    (State.CERTIFIED, Event.REFUSE): State.WATCH,
    (State.WATCH, Event.REFUSE): State.NONCONFORMITY,  # a day or more later; before that it stays on watch
    (State.WATCH, Event.RECOVER): State.CERTIFIED,  # where monitoring alone began the watch
    (State.CERTIFIED, Event.FIND): State.NONCONFORMITY,
    (State.WATCH, Event.FIND): State.NONCONFORMITY,
    (State.NONCONFORMITY, Event.REPLY): State.NONCONFORMITY,
    (State.NONCONFORMITY, Event.AGREE): State.CAP_AGREED,
    (State.NONCONFORMITY, Event.OVERDUE): State.RESTRICTED,
    (State.CAP_AGREED, Event.EXTEND): State.CAP_AGREED,
    (State.CAP_AGREED, Event.OVERDUE): State.RESTRICTED,
    (State.NONCONFORMITY, Event.RESTRICT): State.RESTRICTED,
    (State.CAP_AGREED, Event.RESTRICT): State.RESTRICTED,
    **{
        (state, Event.CLOSE): State.CERTIFIED
        for state in (State.NONCONFORMITY, State.CAP_AGREED, State.RESTRICTED)
    },
    (State.RESTRICTED, Event.OVERDUE): State.PHASING_OUT,
    (State.PHASING_OUT, Event.OVERDUE): State.EXPORT_ONLY,
    (State.EXPORT_ONLY, Event.WITHDRAW): State.WITHDRAWN,  # behind the gates W1 to W5 (gates.py)
    (State.CERTIFIED, Event.EXPIRE): State.EXPIRED,
    (State.WATCH, Event.EXPIRE): State.EXPIRED,
    (State.EXPIRED, Event.START): State.TESTING,
    (State.EXPIRED, Event.PHASE_OUT): State.PHASING_OUT,
    (State.SUSPENDED, Event.SUSPEND): State.SUSPENDED,  # renewed
    (State.SUSPENDED, Event.REINSTATE): AS_BEFORE,
    (State.SUSPENDED, Event.LAPSE): AS_BEFORE,
    (State.SUSPENDED, Event.PHASE_OUT): State.PHASING_OUT,
    (State.SUSPENDED, Event.START): State.SUSPENDED,  # the supplier shows that the fault is mended
    (State.SUSPENDED, Event.REFUSE): State.SUSPENDED,
    (State.SUSPENDED, Event.APPEAL): State.SUSPENDED,
    (State.SUSPENDED, Event.UPHOLD): State.SUSPENDED,
    (State.SUSPENDED, Event.OVERTURN): AS_BEFORE,
    (State.WITHDRAWN, Event.APPLY): State.APPLIED,
    # A re-check takes nothing away while it runs, and a pass mends what a run led to: what the authority found
    # itself, it closes itself (lifecycle.py).
    **{(state, Event.START): state for state in (*_PROCESS, State.EXPORT_ONLY)},
    **{(state, Event.CERTIFY): State.CERTIFIED for state in _PROCESS if state is not State.PHASING_OUT},
    **{
        (state, Event.REFUSE): state
        for state in (State.NONCONFORMITY, State.CAP_AGREED, State.RESTRICTED, State.PHASING_OUT)
    },
    **{(state, Event.SUSPEND): State.SUSPENDED for state in (*_PROCESS, State.EXPORT_ONLY)},
    **{(state, Event.PHASE_OUT): State.PHASING_OUT for state in _PROCESS if state is not State.PHASING_OUT},
    **{(state, Event.APPEAL): state for state in _HELD},
    **{(state, Event.UPHOLD): state for state in _HELD},
    **{(state, Event.OVERTURN): AS_BEFORE for state in _HELD},
    **{(state, Event.HOLD): state for state in _HELD},
}

BY_ITSELF = frozenset({Event.LAPSE, Event.EXPIRE, Event.OVERDUE})

# Who writes what the hourly probes lead to.
MONITOR = "Carespine: monitoring"

# lifecycle.md, the table of states; defaults in days.
CERTIFICATE_LIFETIME = timedelta(days=365)
FLAKE_GUARD = timedelta(hours=24)
REPLY_TIME = {1: timedelta(days=3), 2: timedelta(days=28), 3: timedelta(days=28)}
PLAN_TIME = timedelta(days=30)
# Severity 1 has no fix time of its own in lifecycle.md; it gets the shorter one. Ours.
FIX_TIME = {1: timedelta(days=90), 2: timedelta(days=90), 3: timedelta(days=180)}
EXTENSION = 0.5
RESTRICTED_TIME = timedelta(days=60)
# lifecycle.md: 365, at least 180; severity 1: 30 to 90. The decision may choose within these.
PHASE_OUT_TIME = {1: timedelta(days=90), 2: timedelta(days=365), 3: timedelta(days=365)}
PHASE_OUT_LEAST = {1: timedelta(days=30), 2: timedelta(days=180), 3: timedelta(days=180)}
EXPORT_TIME = timedelta(days=30)
EXPORT_TIME_OF_RECORDS = timedelta(days=90)  # "90 for GP-type systems"
RECORD_PROFILES = frozenset({"record-system"})  # whose data are the record itself
SUSPENSION_LIFETIME = timedelta(days=14)
APPEAL_TIME = timedelta(days=28)
# lifecycle.md: "lodge 28, decide 28". An appeal that nobody has decided by then stays nothing any longer.
DECIDING_TIME = timedelta(days=28)
HOLD_MOST = timedelta(days=90)
