"""What the practice sees: its inbox of Tasks, the summary of a patient, and the mark that it was reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from carespine.devices import codes, ordering, report
from carespine.devices.erasing import erasures_of
from carespine.devices.models import SAFETY_NOTICE, SummaryView
from carespine.devices.replying import REVIEWED, Answer, answer_summary, messages, task_of
from carespine.devices.threshold_store import thresholds_of
from carespine.devices.thresholds import SETTINGS
from carespine.devices.views import summary_view
from carespine.fhir import json_text
from carespine.fhir.search import parse
from carespine.kernel.clock import london_date
from carespine.kernel.errors import Forbidden
from carespine.security.actor import TREATMENT, Actor
from carespine.security.session import Session
from carespine.web.pages import people
from carespine.web.pages.readings_source import readings_page
from carespine.web.pages.views import (
    Inbox,
    InboxRow,
    Readings,
    Review,
    ReviewState,
    SummaryPage,
    Visitor,
    WishedOrder,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carespine.kernel.clock import Clock
    from carespine.security.door import Door

Tree = dict[str, Any]

PAGE_SIZE = 25
_CODE = ("code", f"{codes.REVIEW_READINGS.system}|{codes.REVIEW_READINGS.code}")
_STATUS: dict[ReviewState, str] = {"waiting": "requested", "reviewed": "completed"}
_NEWEST_FIRST = ("_sort", "-authored-on")
_WITH_PATIENT_AND_REPORT = [("_include", "Task:patient"), ("_include", "Task:focus")]
_LONGEST_HEADLINE = 220
# Urgent and overdue summaries stand on the first page, whatever their number; more than this is another problem.
_FIRST_OF_ALL = ("_count", "200")


@dataclass(frozen=True, slots=True)
class PracticeSource:
    """Fills the port `Practice`: everything is read and written as the visitor, through the door."""

    door: Door
    clock: Clock

    async def inbox(self, visitor: Visitor, *, state: ReviewState, cursor: str | None) -> Inbox:
        """Urgent summaries first, then those whose answer is overdue, then the newest; one row a summary."""
        async with self.door.glance(_staff(visitor), purpose=TREATMENT) as session:
            urgent, others = ("priority", "urgent"), ("priority:not", "urgent")
            due = (self.clock() - report.REPLY_WITHIN).isoformat()
            rows: list[InboxRow] = []
            if cursor is None:
                rows, _ = await self._rows(session, state, [urgent, _FIRST_OF_ALL], None)
            if state == "waiting":
                late, others_in_time = ("authored-on", f"lt{due}"), ("authored-on", f"ge{due}")
                if cursor is None:
                    rows += (await self._rows(session, state, [others, late, _FIRST_OF_ALL], None))[0]
                narrowed = [others, others_in_time, ("_count", str(PAGE_SIZE))]
            else:
                narrowed = [others, ("_count", str(PAGE_SIZE))]
            following_rows, following = await self._rows(session, state, narrowed, cursor)
            return Inbox(
                visitor.organisation,
                state,
                (*rows, *following_rows),
                waiting=await _count(session, "waiting"),
                reviewed=await _count(session, "reviewed"),
                first=cursor is None,
                following=following,
                overdue=await _count(session, "waiting", ("authored-on", f"lt{due}")),
            )

    async def _rows(
        self, session: Session, state: ReviewState, narrowed: list[tuple[str, str]], cursor: str | None
    ) -> tuple[list[InboxRow], str | None]:
        asked = [_CODE, ("status", _STATUS[state]), *narrowed, _NEWEST_FIRST, *_WITH_PATIENT_AND_REPORT]
        page = await session.search_stored(parse("Task", asked), cursor=cursor)
        beside = {f"{item.type}/{item.id}": json_text.read(item.body) for item in page.included}
        tasks = [json_text.read(item.body) for item in page.matches]
        return [_row(task, beside, self.clock()) for task in tasks], page.next

    def _today(self) -> date:
        return london_date(self.clock())

    async def summary(self, visitor: Visitor, patient_id: str) -> SummaryPage:
        async with self.door.glance(_staff(visitor), purpose=TREATMENT) as session:
            patient = await people.banner(session, patient_id, today=self._today())
            summary = await summary_view(session, patient_id)
            state, review = await review_of(session, summary)
            return SummaryPage(patient, summary, state, review, **await plan_of(session, patient_id))

    async def readings(self, visitor: Visitor, patient_id: str, *, metric: str, page: int) -> Readings:
        async with self.door.glance(_staff(visitor), purpose=TREATMENT) as session:
            patient = await people.banner(session, patient_id, today=self._today())
            summary = await summary_view(session, patient_id)
            return await readings_page(session, patient, summary, metric=metric, page=page)

    async def mark_reviewed(self, visitor: Visitor, patient_id: str, *, answer: Answer) -> None:
        """Answer the summary in the visitor's name. Raises Conflict where somebody has already."""
        async with self.door.enter(_staff(visitor), purpose=TREATMENT) as session:
            await answer_summary(session, await summary_view(session, patient_id), answer)

    async def order(self, visitor: Visitor, patient_id: str, wished: WishedOrder) -> None:
        async with self.door.enter(_staff(visitor), purpose=TREATMENT) as session:
            await ordering.place_order(
                session,
                patient_id=patient_id,
                kind=wished.kind,
                times_a_day=wished.times_a_day,
                days=wished.days,
                note=wished.note,
            )

    async def end_order(self, visitor: Visitor, patient_id: str, order_id: str) -> None:
        async with self.door.enter(_staff(visitor), purpose=TREATMENT) as session:
            await ordering.end_order(session, patient_id=patient_id, order_id=order_id)

    async def set_targets(
        self, visitor: Visitor, patient_id: str, wished: Mapping[str, float | None]
    ) -> None:
        """Set what changed; an empty one goes back to the guideline's."""
        async with self.door.enter(_staff(visitor), purpose=TREATMENT) as session:
            ordering.demand_clinician(session, "Goal")
            await session.require_patient(patient_id)
            now = await thresholds_of(session, patient_id)
            for key, value in wished.items():
                if value is None and key in now:
                    await ordering.clear_threshold(session, patient_id=patient_id, key=key)
                elif value is not None and (key not in now or now[key].value != value):
                    await ordering.set_threshold(session, patient_id=patient_id, key=key, value=value)


def _staff(visitor: Visitor) -> Actor:
    if visitor.actor is None or visitor.kind != "practitioner":
        raise Forbidden("This is for people who work in a practice.")
    return visitor.actor


async def _count(session: Session, state: ReviewState, *further: tuple[str, str]) -> int:
    found = await session.search("Task", [_CODE, ("status", _STATUS[state]), *further, ("_summary", "count")])
    return found.total or 0


async def plan_of(session: Session, patient_id: str) -> dict[str, Any]:
    """What the patient is asked to measure, the targets set for them, and what the practice replied."""
    thresholds = await thresholds_of(session, patient_id)
    return {
        "orders": await ordering.orders_of(session, patient_id=patient_id),
        "targets": tuple(thresholds[key] for key in SETTINGS if key in thresholds),
        "messages": await messages(session, patient_id),
        "erased": await erasures_of(session, patient_id),
    }


async def review_of(session: Session, summary: SummaryView | None) -> tuple[ReviewState, Review | None]:
    """Whether the summary has been reviewed, and by whom."""
    return _review(await task_of(session, summary))


def _review(task: Tree | None) -> tuple[ReviewState, Review | None]:
    if task is None or task["status"] != "completed":
        return "waiting", None
    last: Tree = task.get("note", [{}])[-1]
    by, _, role = last.get("authorReference", {}).get("display", "Someone in the practice").partition(", ")
    text = last.get("text")
    return "reviewed", Review(by, role, _reviewed_at(task), None if text == REVIEWED else text)


def _reviewed_at(task: Tree) -> datetime:
    return datetime.fromisoformat(task.get("executionPeriod", {}).get("end") or task["meta"]["lastUpdated"])


def _row(task: Tree, beside: dict[str, Tree], now: datetime) -> InboxRow:
    patient = beside.get(task["for"]["reference"], {})
    state, review = _review(task)
    return InboxRow(
        patient_id=task["for"]["reference"].removeprefix("Patient/"),
        name=people.name(patient),
        nhs_number=people.number(patient),
        age=people.age(people.birth_date(patient), london_date(now)),
        headline=_headline(task, beside.get(task.get("focus", {}).get("reference", ""), {})),
        received_at=datetime.fromisoformat(task["authoredOn"]),
        state=state,
        urgent=task.get("description") if task.get("priority") == "urgent" else None,
        reviewed_by=review.by if review else None,
        reviewed_at=review.at if review else None,
        overdue_since=_overdue_since(task, now) if state == "waiting" else None,
    )


def _overdue_since(task: Tree, now: datetime) -> datetime | None:
    """When the answer was due, if that has passed; a Task from before due dates were kept has the usual time."""
    end = task.get("restriction", {}).get("period", {}).get("end")
    authored = datetime.fromisoformat(task["authoredOn"])
    due = datetime.fromisoformat(end) if end else authored + report.REPLY_WITHIN
    return due if due < now else None


def _headline(task: Tree, report: Tree) -> str:
    """The first finding of the report in one sentence, or what the Task is called."""
    found = str(report.get("conclusion", "")).removeprefix(SAFETY_NOTICE).strip()
    first = found.split(". ")[0].rstrip(".")
    return f"{first[:_LONGEST_HEADLINE]}." if first else str(task.get("description", "Readings from home"))
