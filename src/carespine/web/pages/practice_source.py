"""What the practice sees: its inbox of Tasks, the summary of a patient, and the mark that it was reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from carespine.devices import codes
from carespine.devices.models import SAFETY_NOTICE, SummaryView
from carespine.devices.views import summary_view
from carespine.fhir import json_text
from carespine.fhir.search import parse
from carespine.kernel.clock import fhir_instant, london_date
from carespine.kernel.errors import Conflict, Forbidden, Gone, NotFound
from carespine.security.actor import TREATMENT, Actor
from carespine.security.session import Session
from carespine.web.pages import people
from carespine.web.pages.readings_source import readings_page
from carespine.web.pages.views import Inbox, InboxRow, Readings, Review, ReviewState, SummaryPage, Visitor

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.security.door import Door

Tree = dict[str, Any]

PAGE_SIZE = 25
_CODE = ("code", f"{codes.REVIEW_READINGS.system}|{codes.REVIEW_READINGS.code}")
_STATUS: dict[ReviewState, str] = {"waiting": "requested", "reviewed": "completed"}
_NEWEST_FIRST = ("_sort", "-authored-on")
_WITH_PATIENT_AND_REPORT = [("_include", "Task:patient"), ("_include", "Task:focus")]
_LONGEST_HEADLINE = 220
# The text of a note that says no more than the act itself.
_REVIEWED = "Reviewed."


@dataclass(frozen=True, slots=True)
class PracticeSource:
    """Fills the port `Practice`: everything is read and written as the visitor, through the door."""

    door: Door
    clock: Clock

    async def inbox(self, visitor: Visitor, *, state: ReviewState, cursor: str | None) -> Inbox:
        """Urgent summaries first, then the newest; one row a summary."""
        async with self.door.glance(_staff(visitor), purpose=TREATMENT) as session:
            urgent, others = ("priority", "urgent"), ("priority:not", "urgent")
            rows: list[InboxRow] = []
            if cursor is None:
                rows, _ = await self._rows(session, state, [urgent, ("_count", "200")], None)
            following_rows, following = await self._rows(
                session, state, [others, ("_count", str(PAGE_SIZE))], cursor
            )
            return Inbox(
                visitor.organisation,
                state,
                (*rows, *following_rows),
                waiting=await _count(session, "waiting"),
                reviewed=await _count(session, "reviewed"),
                first=cursor is None,
                following=following,
            )

    async def _rows(
        self, session: Session, state: ReviewState, narrowed: list[tuple[str, str]], cursor: str | None
    ) -> tuple[list[InboxRow], str | None]:
        asked = [_CODE, ("status", _STATUS[state]), *narrowed, _NEWEST_FIRST, *_WITH_PATIENT_AND_REPORT]
        page = await session.search_stored(parse("Task", asked), cursor=cursor)
        beside = {f"{item.type}/{item.id}": json_text.read(item.body) for item in page.included}
        tasks = [json_text.read(item.body) for item in page.matches]
        return [_row(task, beside, self._today()) for task in tasks], page.next

    def _today(self) -> date:
        return london_date(self.clock())

    async def summary(self, visitor: Visitor, patient_id: str) -> SummaryPage:
        async with self.door.glance(_staff(visitor), purpose=TREATMENT) as session:
            patient = await people.banner(session, patient_id, today=self._today())
            summary = await summary_view(session, patient_id)
            return SummaryPage(patient, summary, *await review_of(session, summary))

    async def readings(self, visitor: Visitor, patient_id: str, *, metric: str, page: int) -> Readings:
        async with self.door.glance(_staff(visitor), purpose=TREATMENT) as session:
            patient = await people.banner(session, patient_id, today=self._today())
            summary = await summary_view(session, patient_id)
            return await readings_page(session, patient, summary, metric=metric, page=page)

    async def mark_reviewed(self, visitor: Visitor, patient_id: str, *, note: str) -> None:
        """Complete the Task in the visitor's name. Raises Conflict where it is completed already."""
        actor = _staff(visitor)
        async with self.door.enter(actor, purpose=TREATMENT) as session:
            summary = await summary_view(session, patient_id)
            task = await _task(session, summary)
            if task is None:
                raise NotFound("There is no summary of this patient to review.")
            if task["status"] == "completed":
                raise Conflict("Somebody has already marked this summary as reviewed.")
            now = fhir_instant(self.clock())
            author = {"display": f"{visitor.name}, {visitor.role}"}
            signed = {**author, **({"reference": actor.reference} if actor.reference else {})}
            task["status"] = "completed"
            task["lastModified"] = now
            task["executionPeriod"] = {"end": now}
            task["note"] = [
                *task.get("note", ()),
                {"authorReference": signed, "time": now, "text": note or _REVIEWED},
            ]
            await session.update(task, if_match=int(task["meta"]["versionId"]))


def _staff(visitor: Visitor) -> Actor:
    if visitor.actor is None or visitor.kind != "practitioner":
        raise Forbidden("This is for people who work in a practice.")
    return visitor.actor


async def _count(session: Session, state: ReviewState) -> int:
    found = await session.search("Task", [_CODE, ("status", _STATUS[state]), ("_summary", "count")])
    return found.total or 0


async def _task(session: Session, summary: SummaryView | None) -> Tree | None:
    """The practice's Task for the summary; None before there is one."""
    if summary is None or summary.task_id is None:
        return None
    try:
        return await session.read("Task", summary.task_id)
    except (NotFound, Gone):
        return None


async def review_of(session: Session, summary: SummaryView | None) -> tuple[ReviewState, Review | None]:
    """Whether the summary has been reviewed, and by whom."""
    return _review(await _task(session, summary))


def _review(task: Tree | None) -> tuple[ReviewState, Review | None]:
    if task is None or task["status"] != "completed":
        return "waiting", None
    last: Tree = task.get("note", [{}])[-1]
    by, _, role = last.get("authorReference", {}).get("display", "Someone in the practice").partition(", ")
    text = last.get("text")
    return "reviewed", Review(by, role, _reviewed_at(task), None if text == _REVIEWED else text)


def _reviewed_at(task: Tree) -> datetime:
    return datetime.fromisoformat(task.get("executionPeriod", {}).get("end") or task["meta"]["lastUpdated"])


def _row(task: Tree, beside: dict[str, Tree], today: date) -> InboxRow:
    patient = beside.get(task["for"]["reference"], {})
    state, review = _review(task)
    return InboxRow(
        patient_id=task["for"]["reference"].removeprefix("Patient/"),
        name=people.name(patient),
        nhs_number=people.number(patient),
        age=people.age(people.birth_date(patient), today),
        headline=_headline(task, beside.get(task.get("focus", {}).get("reference", ""), {})),
        received_at=datetime.fromisoformat(task["authoredOn"]),
        state=state,
        urgent=task.get("description") if task.get("priority") == "urgent" else None,
        reviewed_by=review.by if review else None,
        reviewed_at=review.at if review else None,
    )


def _headline(task: Tree, report: Tree) -> str:
    """The first finding of the report in one sentence, or what the Task is called."""
    found = str(report.get("conclusion", "")).removeprefix(SAFETY_NOTICE).strip()
    first = found.split(". ")[0].rstrip(".")
    return f"{first[:_LONGEST_HEADLINE]}." if first else str(task.get("description", "Readings from home"))
