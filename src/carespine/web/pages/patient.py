"""Pages for the patient: their own readings, who has looked at their record, what they share."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.devices.models import SAFETY_NOTICE
from carespine.web.pages import pictures
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.views import SharingPage, Visitor
from carespine.web.pages.visits import page_number, posted, require, see_other, text, texts

HOME, ACCESS, SHARING = "/me", "/me/access", "/me/sharing"


def routes(platform: Platform) -> list[Route]:
    """The pages under `/me`."""
    pages = _Patient(platform)
    return guarded(
        platform,
        [
            Route(HOME, pages.home),
            Route(f"{HOME}/readings", pages.readings),
            Route(f"{HOME}/charts/{{metric}}.svg", pages.chart),
            Route(ACCESS, pages.access),
            Route(SHARING, pages.sharing, methods=["GET"]),
            Route(SHARING, pages.share, methods=["POST"]),
            Route(f"{SHARING}/{{consent_id}}/stop", pages.stop, methods=["POST"]),
            Route(f"{SHARING}/{{consent_id}}/erase", pages.erase, methods=["POST"]),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Patient:
    platform: Platform

    async def home(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        shown = await self.platform.patient.summary(visitor)
        pictures.remember(visitor, shown.summary)
        return page("patient/home.html", visitor=visitor, current=HOME, page=shown)

    async def readings(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        metric = request.query_params.get("metric", "")
        readings = await self.platform.patient.readings(visitor, metric=metric, page=page_number(request))
        return page(
            "patient/readings.html",
            visitor=visitor,
            current=HOME,
            readings=readings,
            safety_notice=SAFETY_NOTICE,
        )

    async def chart(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        summary = pictures.remembered(visitor, visitor.patient_id or "")
        if summary is None:
            summary = (await self.platform.patient.summary(visitor)).summary
        return await pictures.picture(request, summary)

    async def access(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        access = await self.platform.patient.access(visitor, page=page_number(request))
        return page("patient/access.html", visitor=visitor, current=ACCESS, access=access)

    async def sharing(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        sharing = await self.platform.patient.sharing(visitor)
        return _sharing_page(visitor, sharing, Form(), done=request.query_params.get("done", ""))

    async def share(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        fields = await posted(self.platform, request)
        sharing = await self.platform.patient.sharing(visitor)
        form = _checked(fields, sharing)
        if form.errors:
            return _sharing_page(visitor, sharing, form, status=400)
        await self.platform.patient.share(
            visitor, app=form.value("app"), data_classes=texts(fields, "data_class")
        )
        return see_other(f"{SHARING}?done=shared")

    async def stop(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        await posted(self.platform, request)
        await self.platform.patient.withdraw(visitor, request.path_params["consent_id"])
        return see_other(f"{SHARING}?done=stopped")

    async def erase(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "patient")
        fields = await posted(self.platform, request)
        consent_id = request.path_params["consent_id"]
        if text(fields, f"sure-{consent_id}") != "yes":
            sharing = await self.platform.patient.sharing(visitor)
            error = FieldError(f"sure-{consent_id}", "Tick the box if you want to erase these readings")
            return _sharing_page(visitor, sharing, Form(errors=(error,)), status=400)
        await self.platform.patient.erase(visitor, consent_id)
        return see_other(f"{SHARING}?done=erased")


def _checked(fields: FormData, sharing: SharingPage) -> Form:
    app, kinds = text(fields, "app"), texts(fields, "data_class")
    errors = []
    if app not in {choice.value for choice in sharing.apps}:
        errors.append(FieldError("app", "Choose an app"))
    if not kinds or set(kinds) - {choice.value for choice in sharing.data_classes}:
        errors.append(FieldError("data_class", "Choose at least one kind of reading"))
    return Form({"app": app, "data_class": " ".join(kinds)}, tuple(errors))


def _sharing_page(
    visitor: Visitor, sharing: SharingPage, form: Form, *, done: str = "", status: int = 200
) -> Response:
    return page(
        "patient/sharing.html",
        visitor=visitor,
        current=SHARING,
        status=status,
        sharing=sharing,
        form=form,
        done=done,
    )
