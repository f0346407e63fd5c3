"""Example people, summaries and products for the page tests, and a platform that answers with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from math import sin

from carespine.devices.models import (
    Change,
    Figure,
    ImportResult,
    Point,
    Provenance,
    Quality,
    Reason,
    Result,
    Series,
    Source,
    SourceShare,
    SummaryView,
    Target,
)
from carespine.kernel import nhs_number
from carespine.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from carespine.security.accounts import REFUSED as REFUSED_WORDS
from carespine.web.pages import views

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 6), date(2026, 11, 19)
DAYS = [FIRST + timedelta(days=offset) for offset in range(14)]

GP = views.Visitor("practitioner", "Dr Amara Osei", "GP", "Riverside Surgery", "gp-token", "/practice/inbox")
PATIENT = views.Visitor("patient", "Margaret Hughes", "Patient", "", "patient-token", "/me", patient_id="p1")
ADMIN = views.Visitor(
    "administrator", "Jo Bell", "Administrator", "Carespine register", "admin-token", "/admin/products"
)
BANNER = views.PatientBanner(
    "p1", "Margaret Hughes", nhs_number.synthetic(1), date(1958, 3, 14), 68, "female", "Riverside Surgery"
)
CUFF = SourceShare(
    "s1",
    "Omron M7 cuff",
    26,
    6,
    13,
    (
        "4 readings of the first day are left out, as NICE NG136 says",
        "2 readings repeat one sent by the phone",
    ),
)
WATCH = SourceShare("s2", "Apple Watch Series 9", 8_412, 0, 14)
PHONE = SourceShare(
    "s3", "iPhone 15", 0, 3_105, 0, ("3,105 readings cover times that the watch covers better",)
)


def wave(middle: float, swing: float, speed: float) -> list[float]:
    """Fourteen days of values around `middle`."""
    return [middle + swing * sin(day * speed) for day in range(14)]


def points(values: list[float], spread: float | None = None) -> tuple[Point, ...]:
    return tuple(
        Point(
            day, value, None if spread is None else value - spread, None if spread is None else value + spread
        )
        for day, value in zip(DAYS, values, strict=False)
    )


def at_times(values: list[tuple[int, float]]) -> tuple[Point, ...]:
    """Two readings a day, at 8am and 8pm."""
    return tuple(
        Point(DAYS[index], value, at=datetime(2026, 11, DAYS[index].day, hour, 5, tzinfo=UTC))
        for index, value in values
        for hour in (8, 20)
    )


def blood_pressure() -> Result:
    upper, lower = (
        Target(None, 135, "below 135", "NICE NG136, recommendation 1.4.21"),
        Target(None, 85, "below 85", "NICE NG136, recommendation 1.4.21"),
    )
    return Result(
        key="home-blood-pressure",
        title="Home blood pressure",
        plain_title="Your blood pressure at home",
        data_class="vital-signs",
        state="ready",
        verdict="Home average 148/91 mmHg: above target, in the range of stage 1 hypertension.",
        plain="Your average blood pressure at home is 148 over 91. This is higher than the target.",
        rule="NICE NG136: two readings a minute apart, twice a day, 4 to 7 days; day 1 left out; the mean.",
        figures=(
            Figure(
                "systolic", "Average systolic", 148.0, "148", "mm[Hg]", "mmHg", target=upper, standing="above"
            ),
            Figure(
                "diastolic", "Average diastolic", 91.0, "91", "mm[Hg]", "mmHg", target=lower, standing="above"
            ),
        ),
        series=(
            Series(
                "systolic",
                "Systolic",
                "mm[Hg]",
                "mmHg",
                "points",
                at_times([(i, 148 + 7 * sin(i)) for i in range(7)]),
                upper,
            ),
            Series(
                "diastolic",
                "Diastolic",
                "mm[Hg]",
                "mmHg",
                "points",
                at_times([(i, 91 + 4 * sin(i + 1)) for i in range(7)]),
                lower,
            ),
        ),
        changes=(
            Change(
                "Systolic", 148, 142, 6, "mmHg", "Average systolic is 6 mmHg higher than in October 2026."
            ),
        ),
        quality=Quality(
            7, 7, 1.0, 26, 6, ("On 10 November the two evening readings were less than 1 minute apart.",)
        ),
        provenance=Provenance((CUFF,), ("o1", "o2"), ("i1",)),
        observation_id="0199f1c2-bp",
    )


def glucose() -> Result:
    target = Target(3.9, 10.0, "3.9 to 10.0 mmol/L", "International consensus on time in range, 2019")
    bands = (
        ("cgm-in-range", "In range, 3.9 to 10.0", 68.0, Target(70, None, "above 70 %", "consensus"), "below"),
        ("cgm-very-low", "Very low, under 3.0", 0.6, Target(None, 1, "under 1 %", "consensus"), "within"),
        ("cgm-low", "Low, 3.0 to 3.8", 3.4, None, None),
        ("cgm-high", "High, 10.1 to 13.9", 22.0, None, None),
        ("cgm-very-high", "Very high, over 13.9", 6.0, Target(None, 5, "under 5 %", "consensus"), "above"),
    )
    means = [8.9 + 1.2 * sin(i) for i in range(14)]
    return Result(
        key="glucose-cgm",
        title="Glucose, continuous monitor",
        plain_title="Glucose from your sensor",
        data_class="glucose",
        state="ready",
        verdict="Time in range 68 %, below 4.0 %, above 28 %; mean 8.9 mmol/L.",
        plain="Your glucose was in range 68 % of the time.",
        rule="International consensus 2019: 14 days, sensor active for at least 70 % of the time.",
        figures=(
            *(
                Figure(key, label, share, f"{share:g}", "%", "%", (), aim, standing)  # type: ignore[arg-type]
                for key, label, share, aim, standing in bands
            ),
            Figure("cgm-mean", "Mean glucose", 8.9, "8.9", "mmol/L", "mmol/L"),
        ),
        series=(Series("glucose-cgm", "Daily mean", "mmol/L", "mmol/L", "line", points(means, 2.1), target),),
        quality=Quality(14, 14, 0.93, 3_750, 12),
        provenance=Provenance(
            (SourceShare("s4", "Dexcom G7", 3_750, 12, 14, ("12 readings repeat in the autumn hour",)),)
        ),
    )


def line(
    key: str, title: str, unit: str, values: list[float], *, kind: str = "line", places: int = 0
) -> Result:
    mean = sum(values) / len(values)
    return Result(
        key=key,
        title=title,
        plain_title=f"Your {title.lower()}",
        data_class="activity",
        state="ready",
        verdict=f"Average {mean:,.{places}f} {unit} over 14 days.",
        plain=f"Your average was {mean:,.{places}f} {unit}.",
        rule="Mean of the daily values.",
        figures=(Figure("mean", "Average", mean, f"{mean:,.{places}f}", unit, unit),),
        series=(Series("daily", title, unit, unit, kind, points(values)),),  # type: ignore[arg-type]
        quality=Quality(14, len(values), len(values) / 14, 8_412, 3_105),
        provenance=Provenance((WATCH, PHONE)),
    )


def weight() -> Result:
    values = [84.6 - 0.09 * i + 0.4 * sin(i * 2) for i in range(14)]
    base = line("weight", "Weight", "kg", values, kind="points", places=1)
    trend = Series("trend", "Trend", "kg", "kg", "line", points([84.6 - 0.09 * i for i in range(14)]))
    return replace(
        base,
        series=(*base.series, trend),
        changes=(Change("Weight", 83.4, 84.6, -1.2, "kg", "1.2 kg lighter than 14 days ago."),),
    )


def waiting_result(key: str, title: str, state: str) -> Result:
    texts = {
        "not-enough": ("Too few readings for an average.", ("3 more days with a reading before breakfast",)),
        "no-data": ("No readings in this period.", ()),
        "not-shared": ("The patient does not share this.", ()),
    }
    words, missing = texts[state]
    return Result(
        key,
        title,
        f"Your {title.lower()}",
        "activity",
        state,
        words,
        words,
        "Not worked out.",
        missing=missing,
    )  # type: ignore[arg-type]


IMPORT = ImportResult(
    "i1",
    "p1",
    "Pulse Diary",
    "apple-health",
    "complete",
    60_000,
    41_204,
    18_731,
    65,
    (
        Reason("impossible", "The value is outside what is possible.", 40),
        Reason("future", "The time is in the future.", 25),
    ),
    (),
    "ab" * 32,
    NOW,
    "r1",
    "t1",
)
SUMMARY = SummaryView(
    "p1", "2026-11", FIRST, LAST, NOW,
    (
        blood_pressure(),
        line("resting-heart-rate", "Resting heart rate", "beats a minute", wave(62, 3, 0.5)),
        line("steps", "Steps a day", "steps", wave(6200, 2400, 1.3), kind="bar"),
        line("sleep", "Sleep a night", "hours", wave(7.1, 0.9, 1.7), kind="bar", places=1),
        weight(),
        glucose(),
        waiting_result("glucose-meter", "Glucose, finger-prick", "not-enough"),
        waiting_result("oxygen-saturation", "Oxygen saturation", "no-data"),
    ),
    ("menstrual health",),
    (Source("s2", "Apple Watch Series 9", "watch", "Series 9", "Pulse Diary", "Apple Health", "watch"),),
    (IMPORT,), "r1", "t1",
)  # fmt: skip

CERTIFIED = views.ProductState(
    "certified", "Certified", "good", "It meets the minimum standards and may connect."
)
RESTRICTED = views.ProductState(
    "restricted", "Restricted", "bad", "It may serve the organisations that use it already, and no new ones."
)
SUSPENDED = views.ProductState(
    "suspended", "Suspended", "bad", "It may not connect until the fault is put right."
)
REFUSED = views.ProductState(
    "refused", "Not certified", "bad", "It did not pass the checks and gets no access."
)
PULSE = views.ProductRow(
    "pulse-diary", "Pulse Diary", "Example Wearables Ltd", "1.4.0", CERTIFIED, NOW, date(2027, 11, 20)
)
STEPLY = views.ProductRow("steply", "Steply", "Leaky Apps Ltd", "0.9.1", REFUSED, NOW)
CHECKS = (
    views.CheckResult(
        "SE-05", "A replayed client assertion is refused", "pass", "good", "Expected 401 and got 401."
    ),
    views.CheckResult(
        "TR-04",
        "Times keep their zone",
        "fail",
        "bad",
        "Expected 2026-10-25T01:30:00+01:00 and got 2026-10-25T01:30:00Z.",
    ),
)
PRODUCT = views.ProductPage(
    PULSE, "Sends blood pressure, heart rate, steps and sleep from a watch and a cuff.",
    (views.Transition(CERTIFIED, NOW, "Jo Bell", "Passed all 18 checks."),), None, CHECKS,
    certificate_id="0199f1c2-cert", certificate_url="/standards/certificates/0199f1c2-cert",
    report_url="/standards/runs/r1/report.html", can_suspend=True, contact="help@pulse-diary.example",
    decisions=(("find", "Find that a standard is not met"), ("phase-out", "Begin to phase it out")),
    sites=("A81001", "B82002"), due=NOW,
)  # fmt: skip
CLIENT_ASSERTION = views.Requirement(
    "SE-05",
    "Client authentication is by a signed assertion with an asymmetric key.",
    "must",
    "25 of 25 bad tokens are refused",
    "NHS API platform rules",
    "A running test",
    automatic=True,
)
CONTACT = views.Requirement(
    "SE-13",
    "A contact for reporting vulnerabilities is published.",
    "should",
    "",
    "RFC 9116",
    "Not checked yet: needs a public address",
    automatic=False,
)
ZONES = views.Requirement(
    "TR-04",
    "Dates carry their zone.",
    "must",
    "100% equal after a round trip",
    "GP Connect",
    "A running test",
    automatic=True,
)
CATALOGUE = views.Catalogue(
    "2026-11",
    (
        views.RequirementArea("Security", (CLIENT_ASSERTION, CONTACT)),
        views.RequirementArea("Terminology and data", (ZONES,)),
    ),
)
DEMO = (
    views.DemoSignIn("dr.osei", "riverside-demo-1", "Dr Amara Osei, GP", "The practice inbox"),
    views.DemoSignIn("margaret.hughes", "riverside-demo-2", "Margaret Hughes, patient", "Her own readings"),
    views.DemoSignIn("jo.bell", "register-demo-3", "Jo Bell, administrator", "The product register"),
)
BY_NAME = {"dr.osei": GP, "margaret.hughes": PATIENT, "jo.bell": ADMIN}


def inbox_row(index: int = 0, **changes) -> views.InboxRow:
    row = views.InboxRow(
        "p1",
        "Margaret Hughes",
        BANNER.nhs_number,
        68,
        "Home blood pressure 148/91 mmHg, above target.",
        NOW,
        "waiting",
    )
    return replace(row, **changes)


SUMMARY_PAGE = views.SummaryPage(BANNER, SUMMARY)
SHARING_PAGE = views.SharingPage(
    (views.Sharing("c1", "Pulse Diary", ("vital signs", "activity"), NOW),),
    (views.Sharing("c0", "Old App", ("activity",), NOW, NOW),),
    (views.Choice("pulse-diary", "Pulse Diary", "Made by Example Wearables Ltd"),),
    (
        views.Choice("vital-signs", "Blood pressure and heart rate"),
        views.Choice("activity", "Steps and exercise"),
    ),
)


@dataclass
class ExampleSessions:
    """Signs in by a cookie that holds the user name."""

    async def visitor(self, request):
        return BY_NAME.get(request.cookies.get("session", ""))

    async def sign_in_token(self, request):
        return "form-token"

    def keep_token(self, response, token):
        response.set_cookie("form", token, httponly=True, samesite="lax")

    async def check_form(self, request, token):
        visitor = await self.visitor(request)
        return token == (visitor.csrf_token if visitor else request.cookies.get("form"))

    async def sign_in(self, request, response, *, user_name, password):
        if user_name not in BY_NAME or password != "right":
            raise Unauthenticated(REFUSED_WORDS)
        response.set_cookie("session", user_name, httponly=True, samesite="lax")
        return BY_NAME[user_name]

    async def sign_out(self, request, response):
        response.delete_cookie("session")


@dataclass
class ExamplePractice:
    rows: tuple[views.InboxRow, ...] = (
        inbox_row(),
        inbox_row(urgent="A reading of 184/121 mmHg", name="Owen Pritchard", patient_id="p2"),
    )
    summary_page: views.SummaryPage = SUMMARY_PAGE
    notes: list[str] = field(default_factory=list)

    async def inbox(self, visitor, *, state, cursor):
        rows = tuple(row for row in self.rows if row.state == state)
        return views.Inbox(
            "Riverside Surgery", state, rows, len(rows), 0, cursor is None, None if cursor else "next/page="
        )

    async def summary(self, visitor, patient_id):
        if patient_id != "p1":
            raise NotFound("There is no such patient in your practice.")
        return self.summary_page

    async def readings(self, visitor, patient_id, *, metric, page):
        links = tuple(views.MetricLink(result.key, result.title) for result in SUMMARY.results)
        chosen = next((link for link in links if link.key == metric), None)
        if chosen is None:
            raise NotFound("There is no such kind of reading.")
        rows = (
            views.Reading("o1", "20 November 2026 at 2:30pm", "151/92 mmHg", "Omron M7 cuff"),
            views.Reading(
                "o2", "19 November 2026", "6,204 steps", "iPhone 15", "iPhone 15: 31 set aside, repeats."
            ),
        )
        return views.Readings(BANNER, chosen, links, rows if metric != "sleep" else (), len(rows), page, 3)

    async def mark_reviewed(self, visitor, patient_id, *, answer):
        self.notes.append(answer.note)

    async def order(self, visitor, patient_id, wished):
        self.notes.append(wished)

    async def end_order(self, visitor, patient_id, order_id):
        self.notes.append(order_id)

    async def set_targets(self, visitor, patient_id, wished):
        self.notes.append(wished)


@dataclass
class ExamplePatient:
    practice: ExamplePractice
    rows: tuple[views.Access, ...] = (
        views.Access(
            NOW,
            "Dr Amara Osei",
            "GP",
            "Riverside Surgery",
            "Looked at the summary of your home readings",
            "Direct care",
        ),
        views.Access(
            NOW, "Steply", "App", "Leaky Apps Ltd", "Tried to send readings", "Sending readings", refused=True
        ),
    )
    sharing_page: views.SharingPage = SHARING_PAGE
    calls: list[tuple] = field(default_factory=list)

    async def summary(self, visitor):
        return self.practice.summary_page

    async def readings(self, visitor, *, metric, page):
        return await self.practice.readings(visitor, "p1", metric=metric, page=page)

    async def access(self, visitor, *, page):
        return views.AccessPage(self.rows, len(self.rows), page, 1)

    async def sharing(self, visitor):
        return self.sharing_page

    async def erase(self, visitor, consent_id):
        self.calls.append(("erase", consent_id))

    async def withdraw(self, visitor, consent_id):
        if consent_id != "c1":
            raise NotFound("There is no such sharing.")
        self.calls.append(("withdraw", consent_id))

    async def share(self, visitor, *, app, data_classes):
        self.calls.append(("share", app, data_classes))


@dataclass
class ExampleProducts:
    rows: tuple[views.ProductRow, ...] = (PULSE, STEPLY)
    page: views.ProductPage = PRODUCT

    async def catalogue(self):
        return CATALOGUE

    async def register(self, *, kind="", state="", capability=""):
        return tuple(each for each in self.rows if state in {"", each.state.code})

    async def filters(self):
        states = tuple((each.state.code, each.state.label) for each in self.rows)
        kinds = (("device-app", "Device apps"),) if self.rows else ()
        return views.RegisterFilters(kinds, states, ("readings",))

    async def product(self, product_id):
        if product_id != "pulse-diary":
            raise NotFound("There is no such product in the register.")
        return self.page

    async def suspend(self, visitor, product_id, *, reason):
        if not self.page.can_suspend:
            raise Conflict("The product is already suspended.")
        step = views.Transition(SUSPENDED, NOW, visitor.name, reason)
        row = replace(self.page.product, state=SUSPENDED)
        self.page = replace(
            self.page, product=row, history=(step, *self.page.history), refused=reason,
            can_suspend=False, can_reinstate=True,
        )  # fmt: skip

    async def decide(self, visitor, product_id, step, *, reason, severity):
        row = replace(self.page.product, state=RESTRICTED)
        self.page = replace(self.page, product=row, decisions=())

    async def cases(self):
        said = (
            ("Reply", "Example Ltd", NOW, "We mend it by May."),
            ("Finding", "Jo Bell", NOW, "Zones are lost."),
        )
        return tuple(
            views.CaseRow(each, "The authority: agree the plan.", NOW, NOW, said) for each in self.rows
        )

    async def decide_area(self, visitor, product_id, area, step, *, reason, cap, review):
        if step == "accept" and cap is None:
            raise Conflict("G2: an area has a cap of at least one patient.")
        gate = views.AreaGate(area, True, True, (), 0, cap, review, ())
        self.page = replace(self.page, areas=(gate,))

    async def waive(self, visitor, product_id, *, requirement, organisation, reason, until):
        ends = datetime.combine(until, datetime.min.time(), UTC)
        waived = views.Waived(
            requirement, organisation or "Everywhere", reason, visitor.name, ends, holds=True
        )
        self.page = replace(self.page, waivers=(*self.page.waivers, waived))

    async def reinstate(self, visitor, product_id, *, reason):
        if reason == "no":
            raise Forbidden("Only another administrator may reinstate it.")
        self.page = PRODUCT


@dataclass
class ExampleEstates:
    rows: tuple[views.ProductRow, ...] = (PULSE, STEPLY)
    held: tuple[views.EstateRow, ...] = (
        views.EstateRow(PULSE, ("E54000008",), False, NOW, (("The certificate", NOW),), "Not rehearsed yet"),
    )

    async def choices(self):
        return self.rows

    async def adoptable(self):
        return self.rows[:1]

    async def compare(self, ids):
        shown = views.Evidence("Passed", "good", "probe", NOW.date(), NOW.date())
        products = tuple(views.ComparedProduct(each, "Device apps", ("readings",)) for each in self.rows)
        return views.Comparison(
            products, (views.ComparedLine("SE-05", "Clients prove who they are", "must", (shown, None)),)
        )

    async def estate(self, visitor):
        return views.Estate("A81001", self.held, ((NOW, "Pulse Diary is being phased out."),))

    async def adopt(self, visitor, product_id, *, area):
        if area == "closed":
            raise Conflict("The area has not accepted it.")
        self.held = (*self.held, views.EstateRow(PULSE, (area,), False, None, (), "Not rehearsed yet"))


@dataclass
class ExampleWorkbench:
    said: list[str] = field(default_factory=list)
    going: bool = True

    async def admits(self, application, token):
        return (application, token) == ("pulse-diary", "its-token")

    async def requirements(self, application):
        return (("SE-05", "SE-05 Clients prove who they are"),)

    async def begin(self, application, *, config, only):
        if config == "{":
            raise Invalid("The configuration is not JSON that can be read here.")
        return "run-1"

    async def live(self, application, run_id):
        failed = views.LiveCheck(
            "SE-05", "Clients prove who they are", "Failed", "bad", "all are refused", "one was taken",
            "Refuse it.", ("an altered token was taken",), ((7, "GET /fhir 200"),), explain=True,
        )  # fmt: skip
        good = replace(failed, title="Another", outcome="Passed", tone="good", explain=False)
        return views.LiveRun(run_id, "", 9, self.going, "refused: SE-05", None, (good, failed))

    async def answer(self, application, step, *, words):
        if step == "appeal":
            raise Conflict("There is no decision to appeal against.")
        self.said.append(words)


@dataclass
class ExamplePlatform:
    sign_ins: tuple[views.DemoSignIn, ...] = DEMO
    sessions: ExampleSessions = field(default_factory=ExampleSessions)
    practice: ExamplePractice = field(default_factory=ExamplePractice)
    patient: ExamplePatient = None  # type: ignore[assignment]
    products: ExampleProducts = field(default_factory=ExampleProducts)
    estates: ExampleEstates = field(default_factory=ExampleEstates)
    workbench: ExampleWorkbench = field(default_factory=ExampleWorkbench)

    def __post_init__(self):
        self.patient = self.patient or ExamplePatient(self.practice)

    def providers(self):
        return ()

    def offers_passkeys(self):
        return False

    def demo_sign_ins(self):
        return self.sign_ins
