"""Emergency access: staff ask for it with a reason; the privacy officer reads every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel import nhs_number
from carespine.kernel.errors import Forbidden, Invalid, NotFound
from carespine.security import emergency
from carespine.security.actor import ADMINISTRATION, EMERGENCY, system_job
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.visits import posted, require, see_other, text

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.web.pages.connect import Connected
    from carespine.web.pages.views import Visitor
    from carespine.web.platform import Platform

ASK, ALERTS = "/practice/emergency", "/privacy/alerts"


def routes(platform: Platform, connected: Connected) -> list[Route]:
    """`/practice/emergency` for staff, `/privacy/alerts` for the privacy officer."""
    pages = _Emergencies(platform, connected)
    return guarded(
        connected,
        [
            Route(ASK, pages.ask, methods=["GET"]),
            Route(ASK, pages.begin, methods=["POST"]),
            Route(ALERTS, pages.alerts, methods=["GET"]),
            Route(f"{ALERTS}/{{access_id}}/seen", pages.seen, methods=["POST"]),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Emergencies:
    platform: Platform
    connected: Connected

    async def ask(self, request: Request) -> Response:
        visitor = await require(self.connected, request, "practitioner")
        return _form(visitor, Form())

    async def begin(self, request: Request) -> Response:
        fields = await posted(self.connected, request)
        visitor = await require(self.connected, request, "practitioner")
        number, reason = text(fields, "nhs_number").replace(" ", ""), text(fields, "reason")
        values = {"nhs_number": text(fields, "nhs_number"), "reason": reason}
        if not nhs_number.is_valid(number):
            error = FieldError("nhs_number", "Enter the NHS number: ten digits")
            return _form(visitor, Form(values, (error,)), 400)
        if visitor.actor is None:
            raise Forbidden("Sign in first.")
        try:
            patient_id = await self._patient(number)
            async with self.platform.door.enter(visitor.actor, purpose=EMERGENCY) as session:
                await emergency.begin(session, patient_id, reason)
        except (Invalid, NotFound) as refusal:
            field = "reason" if isinstance(refusal, Invalid) else "nhs_number"
            words = refusal.message if field == "reason" else "There is no patient with this NHS number"
            return _form(visitor, Form(values, (FieldError(field, words),)), refusal.status)
        return see_other(f"/practice/patients/{patient_id}/summary")

    async def _patient(self, number: str) -> str:
        """Who has this NHS number: looked up by the platform, since the asker does not reach them yet."""
        async with self.platform.door.glance(system_job("emergency access"), purpose=EMERGENCY) as session:
            found = await session.search("Patient", [("identifier", f"{nhs_number.SYSTEM}|{number}")])
        if len(found.entries) != 1:
            raise NotFound("There is no patient with this NHS number.")
        return str(found.entries[0]["id"])

    async def alerts(self, request: Request) -> Response:
        visitor = await require(self.connected, request, "officer")
        if visitor.actor is None:
            raise Forbidden("Sign in first.")
        async with self.platform.door.enter(visitor.actor, purpose=ADMINISTRATION) as session:
            found = await emergency.accesses(session)
        return page("practice/alerts.html", visitor=visitor, current=ALERTS, accesses=found)

    async def seen(self, request: Request) -> Response:
        await posted(self.connected, request)
        visitor = await require(self.connected, request, "officer")
        if visitor.actor is None:
            raise Forbidden("Sign in first.")
        async with self.platform.door.enter(visitor.actor, purpose=ADMINISTRATION) as session:
            await emergency.mark_seen(session, request.path_params["access_id"])
        return see_other(ALERTS)


def _form(visitor: Visitor, form: Form, status: int = 200) -> Response:
    return page("practice/emergency.html", visitor=visitor, current=ASK, status=status, form=form)
