"""What the pages are given to show: small frozen values, made by the sources, never by a template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from carespine.devices.models import Erasure, SummaryView
from carespine.devices.orders import Progress
from carespine.devices.replying import Message
from carespine.devices.thresholds import Threshold
from carespine.security.actor import Actor

VisitorKind = Literal["patient", "practitioner", "administrator", "officer"]
ReviewState = Literal["waiting", "reviewed"]
Tone = Literal["good", "watch", "bad", "neutral", "info"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in. `csrf_token` belongs into every form; `patient_id` is set for a patient only.

    `landing` is the page that the visitor starts from; `actor` is what the scoped door knows them by; `has_passkeys`
    says that they may add passkeys to their account.
    """

    kind: VisitorKind
    name: str
    role: str
    organisation: str
    csrf_token: str
    landing: str
    actor: Actor | None = None
    patient_id: str | None = None
    signed_in: datetime | None = None
    has_passkeys: bool = False


@dataclass(frozen=True, slots=True)
class ProviderLink:
    """A provider that people can sign in through: what it is called, whom it is for, and where it begins."""

    title: str
    whom: str
    path: str


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """A demonstration account that the landing page may print."""

    user_name: str
    password: str
    who: str
    sees: str


@dataclass(frozen=True, slots=True)
class PatientBanner:
    """The identity strip at the head of a patient's pages. `nhs_number` has ten digits, unspaced."""

    patient_id: str
    name: str
    nhs_number: str
    birth_date: date | None
    age: int | None
    gender: str
    practice: str


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One summary in the practice's inbox. `urgent` is the sentence that makes it come first, or None.

    `overdue_since` is when an answer was due, where none has come.
    """

    patient_id: str
    name: str
    nhs_number: str
    age: int | None
    headline: str
    received_at: datetime
    state: ReviewState
    urgent: str | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    overdue_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page of the inbox. The counts are over all of it; `following` is the cursor of the next page."""

    practice: str
    state: ReviewState
    rows: tuple[InboxRow, ...]
    waiting: int
    reviewed: int
    first: bool = True
    following: str | None = None
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """That a person looked at a summary, when, and what they noted."""

    by: str
    role: str
    at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """The one summary of a patient, with what they are asked to measure, their own targets and the replies.

    `summary` is None before any readings came in.
    """

    patient: PatientBanner
    summary: SummaryView | None
    state: ReviewState = "waiting"
    review: Review | None = None
    orders: tuple[Progress, ...] = ()
    targets: tuple[Threshold, ...] = ()
    messages: tuple[Message, ...] = ()
    erased: tuple[Erasure, ...] = ()


@dataclass(frozen=True, slots=True)
class WishedOrder:
    """An order as the form asks for it."""

    kind: str
    times_a_day: int
    days: int
    note: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading behind a number, in words. `note` says what of a day was used and what set aside."""

    observation_id: str
    when: str
    value: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class MetricLink:
    """A result whose readings can be listed."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Readings:
    """One page of the readings of one result, newest first; `counted` of all of them its numbers use."""

    patient: PatientBanner
    metric: MetricLink
    metrics: tuple[MetricLink, ...]
    rows: tuple[Reading, ...]
    total: int
    page: int = 1
    pages: int = 1
    counted: int | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """One look at, or change to, a patient's record, as the audit trail has it."""

    at: datetime
    who: str
    role: str
    organisation: str
    what: str
    why: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class AccessPage:
    rows: tuple[Access, ...]
    total: int
    page: int = 1
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be ticked: a code, and the words a person reads."""

    value: str
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """One consent: what is shared with which app. `ended_at` is set once withdrawn; `note` warns."""

    consent_id: str
    app: str
    shared: tuple[str, ...]
    since: datetime | None
    ended_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SharingPage:
    """What a patient shares, what they stopped sharing, and which certified apps they could share with."""

    active: tuple[Sharing, ...]
    ended: tuple[Sharing, ...]
    apps: tuple[Choice, ...]
    data_classes: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class ProductState:
    """Where a product stands. `plain` says in a sentence what that means for someone who uses it."""

    code: str
    label: str
    tone: Tone
    plain: str


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in a product's history: state, when, who decided, and why."""

    state: ProductState
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found: what was expected and what came."""

    requirement_id: str
    title: str
    outcome: str
    tone: Tone
    message: str


@dataclass(frozen=True, slots=True)
class ProductRow:
    product_id: str
    name: str
    supplier: str
    version: str
    state: ProductState
    since: datetime
    certificate_until: date | None = None


@dataclass(frozen=True, slots=True)
class RegisterFilters:
    """What the register can be narrowed to: pairs of a value and its words."""

    kinds: tuple[tuple[str, str], ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one product has shown for one requirement: `how` is by probe, document or attestation."""

    outcome: str
    tone: Tone
    how: str
    on: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One requirement across the products; a cell is None where a product's profile does not ask for it."""

    requirement_id: str
    title: str
    level: str
    cells: tuple[Evidence | None, ...]


@dataclass(frozen=True, slots=True)
class ComparedProduct:
    """The head of a column."""

    product: ProductRow
    kind: str
    capabilities: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two to four products side by side."""

    products: tuple[ComparedProduct, ...]
    lines: tuple[ComparedLine, ...]


@dataclass(frozen=True, slots=True)
class EstateRow:
    """A product that the health body uses; `lapses` are what ends within 90 days, and when."""

    product: ProductRow
    areas: tuple[str, ...]
    leaving: bool
    deadline: datetime | None
    lapses: tuple[tuple[str, datetime], ...]
    moved: str


@dataclass(frozen=True, slots=True)
class Estate:
    """All that one health body uses."""

    organisation: str
    rows: tuple[EstateRow, ...]
    notices: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AreaGate:
    """An area of a virtual service; `evidence` are pairs of what and where, empty where none was sent."""

    area: str
    is_open: bool
    accepted: bool
    reasons: tuple[str, ...]
    registered: int
    cap: int | None
    review: date | None
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """An open case; `said` are what was said, by whom, when and in which words, the newest first."""

    product: ProductRow
    waits_for: str
    until: datetime | None
    appealed: datetime | None
    said: tuple[tuple[str, str, datetime, str], ...]


@dataclass(frozen=True, slots=True)
class LiveCheck:
    """A check of a run as it goes; `exchanges` are numbers and texts; `explain` says that it needs the supplier."""

    requirement_id: str
    title: str
    outcome: str
    tone: Tone
    expected: str
    came: str
    advice: str
    faults: tuple[str, ...]
    exchanges: tuple[tuple[int, str], ...]
    explain: bool


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run as it goes; `kept` is the run of the register that it became."""

    run_id: str
    only: str
    total: int
    going: bool
    outcome: str
    kept: str | None
    checks: tuple[LiveCheck, ...]


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver as a page shows it; `where` is an ODS code or words for everywhere."""

    requirement_id: str
    where: str
    reason: str
    by: str
    until: datetime
    holds: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    """A product as the register shows it.

    `refused` says in words why it is refused, or is None; `ends` is when the state ends by itself. The urls
    are None where there is no such document. `decisions` are the steps that the authority may take now, as
    pairs of a name and its words; `sites` the organisations that use it; `due` is when its deadline passes.
    """

    product: ProductRow
    description: str
    history: tuple[Transition, ...]
    refused: str | None
    checks: tuple[CheckResult, ...] = ()
    certificate_id: str | None = None
    certificate_url: str | None = None
    report_url: str | None = None
    evidence_url: str | None = None
    ends: datetime | None = None
    can_suspend: bool = False
    can_reinstate: bool = False
    decisions: tuple[tuple[str, str], ...] = ()
    sites: tuple[str, ...] = ()
    due: datetime | None = None
    contact: str | None = None
    waivers: tuple[Waived, ...] = ()
    capabilities: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    contacts: tuple[tuple[str, str], ...] = ()
    areas: tuple[AreaGate, ...] = ()
    waivable: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One minimum standard: `checked` says how it is checked, or why it is not yet."""

    requirement_id: str
    wording: str
    level: Literal["must", "should"]
    threshold: str
    source: str
    checked: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class RequirementArea:
    name: str
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The published requirements. `version` names the edition."""

    version: str
    areas: tuple[RequirementArea, ...] = ()

    @property
    def total(self) -> int:
        return sum(len(area.requirements) for area in self.areas)

    @property
    def automatic(self) -> int:
        return sum(item.automatic for area in self.areas for item in area.requirements)
