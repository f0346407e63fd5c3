"""The page after the password: a code from an authenticator app, and the first time the secret for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Unauthenticated
from carespine.security import passkeys, second_factor
from carespine.web.pages import passkey_pages
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.visits import own_path, see_other

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.web.pages.connect import Connected
    from carespine.web.platform import Platform

PATH = "/sign-in/code"


def routes(platform: Platform, connected: Connected) -> list[Route]:
    """`/sign-in/code`."""
    pages = _SecondFactors(platform, connected)
    return guarded(
        connected, [Route(PATH, pages.ask, methods=["GET"]), Route(PATH, pages.take, methods=["POST"])]
    )


@dataclass(frozen=True, slots=True)
class _SecondFactors:
    platform: Platform
    connected: Connected

    async def ask(self, request: Request) -> Response:
        form = Form()
        if request.query_params.get("passkey") == "refused":
            form = Form({}, (FieldError("passkey", passkeys.REFUSED),))
        return await self._form(request, form, own_path(request.query_params.get("next", "")))

    async def take(self, request: Request) -> Response:
        fields = await request.form(max_files=0, max_fields=10)
        onward = own_path(str(fields.get("next", "")))
        code = str(fields.get("code", "")).replace(" ", "")
        token = str(fields.get("csrf_token", ""))
        response = see_other(onward or "/")
        try:
            visitor = await self.connected.sessions.confirm(request, response, code=code, token=token)
        except Unauthenticated as refusal:
            form = Form({}, (FieldError("code", refusal.message),))
            return await self._form(request, form, onward, status=401)
        response.headers["location"] = onward or visitor.landing
        return response

    async def _form(self, request: Request, form: Form, onward: str, status: int = 200) -> Response:
        async with self.platform.database.transaction() as tx:
            value = self.connected.sessions.cookie_of(request)
            vault, now = self.platform.keys.vault, self.platform.clock()
            found = await second_factor.pending(tx, vault, value, now=now) if value else None
        if found is None:
            return see_other("/sign-in")
        asked = None
        if found.passkeys:
            asked = await passkey_pages.asked_second(self.platform, found.username, value, onward)
        return page(
            "second_factor.html",
            visitor=None,
            current="/sign-in",
            status=status,
            form=form,
            pending=found,
            asked=asked,
            next=onward,
        )
