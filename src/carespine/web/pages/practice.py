"""Pages for the practice: the inbox, the one summary of a patient, the readings behind it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.devices.models import SAFETY_NOTICE
from carespine.devices.orders import KINDS
from carespine.devices.thresholds import SETTINGS
from carespine.web.pages import pictures, plan_forms
from carespine.web.pages.forms import Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.views import SummaryPage, Visitor
from carespine.web.pages.visits import page_number, posted, require, see_other

INBOX = "/practice/inbox"


def routes(platform: Platform) -> list[Route]:
    """The pages under `/practice`."""
    pages = _Practice(platform)
    patient = "/practice/patients/{patient_id}"
    return guarded(
        platform,
        [
            Route(INBOX, pages.inbox),
            Route(f"{patient}/summary", pages.summary),
            Route(f"{patient}/summary/review", pages.review, methods=["POST"]),
            Route(f"{patient}/orders", pages.order, methods=["POST"]),
            Route(f"{patient}/orders/{{order_id}}/end", pages.end_order, methods=["POST"]),
            Route(f"{patient}/targets", pages.targets, methods=["POST"]),
            Route(f"{patient}/readings", pages.readings),
            Route(f"{patient}/charts/{{metric}}.svg", pages.chart),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Practice:
    platform: Platform

    async def inbox(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        inbox = await self.platform.practice.inbox(
            visitor,
            state="reviewed" if request.query_params.get("state") == "reviewed" else "waiting",
            cursor=request.query_params.get("cursor"),
        )
        done = request.query_params.get("done") == "reviewed"
        return page("practice/inbox.html", visitor=visitor, current=INBOX, inbox=inbox, done=done)

    async def summary(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        shown = await self.platform.practice.summary(visitor, request.path_params["patient_id"])
        pictures.remember(visitor, shown.summary)
        return _summary_page(visitor, shown, Form())

    async def review(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        fields = await posted(self.platform, request)
        patient_id = request.path_params["patient_id"]
        shown = await self.platform.practice.summary(visitor, patient_id)
        form, answer = plan_forms.answer(fields, shown.summary)
        if form.errors:
            return _summary_page(visitor, shown, form, status=400)
        await self.platform.practice.mark_reviewed(visitor, patient_id, answer=answer)
        return see_other(f"{INBOX}?done=reviewed")

    async def order(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        form, wished = plan_forms.order(await posted(self.platform, request))
        patient_id = request.path_params["patient_id"]
        if wished is None:
            shown = await self.platform.practice.summary(visitor, patient_id)
            return _summary_page(visitor, shown, form, status=400)
        await self.platform.practice.order(visitor, patient_id, wished)
        return see_other(_plan(patient_id))

    async def end_order(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        await posted(self.platform, request)
        patient_id = request.path_params["patient_id"]
        await self.platform.practice.end_order(visitor, patient_id, request.path_params["order_id"])
        return see_other(_plan(patient_id))

    async def targets(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        form, wished = plan_forms.targets(await posted(self.platform, request))
        patient_id = request.path_params["patient_id"]
        if form.errors:
            shown = await self.platform.practice.summary(visitor, patient_id)
            return _summary_page(visitor, shown, form, status=400)
        await self.platform.practice.set_targets(visitor, patient_id, wished)
        return see_other(_plan(patient_id))

    async def readings(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        readings = await self.platform.practice.readings(
            visitor,
            request.path_params["patient_id"],
            metric=request.query_params.get("metric", ""),
            page=page_number(request),
        )
        return page(
            "practice/readings.html",
            visitor=visitor,
            current=INBOX,
            readings=readings,
            safety_notice=SAFETY_NOTICE,
        )

    async def chart(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "practitioner")
        patient_id = request.path_params["patient_id"]
        summary = pictures.remembered(visitor, patient_id)
        if summary is None:
            summary = (await self.platform.practice.summary(visitor, patient_id)).summary
        return await pictures.picture(request, summary)


def _plan(patient_id: str) -> str:
    return f"/practice/patients/{quote(patient_id, safe='')}/summary#orders"


def _summary_page(visitor: Visitor, shown: SummaryPage, form: Form, status: int = 200) -> Response:
    # A summary that does not exist is not found, although the patient is: the page says what that means.
    return page(
        "practice/summary.html",
        visitor=visitor,
        current=INBOX,
        status=status if shown.summary else 404,
        page=shown,
        form=form,
        note_limit=plan_forms.NOTE_LIMIT,
        reply_limit=plan_forms.REPLY_LIMIT,
        order_kinds=tuple(KINDS.values()),
        settings=tuple(SETTINGS.values()),
    )
