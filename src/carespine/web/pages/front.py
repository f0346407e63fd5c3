"""The front door: the landing page, signing in and signing out."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Unauthenticated
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.visits import own_path, posted, see_other, text


def routes(platform: Platform) -> list[Route]:
    """`/`, `/sign-in` and `/sign-out`."""
    pages = _Front(platform)
    return guarded(
        platform,
        [
            Route("/", pages.landing),
            Route("/sign-in", pages.ask, methods=["GET"]),
            Route("/sign-in", pages.sign_in, methods=["POST"]),
            Route("/sign-out", pages.sign_out, methods=["POST"]),
            Route("/signed-out", pages.signed_out),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Front:
    platform: Platform

    async def landing(self, request: Request) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        return page("landing.html", visitor=visitor, current="/", sign_ins=self.platform.demo_sign_ins())

    async def ask(self, request: Request) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        if visitor:
            return see_other(visitor.landing)
        return await self._form(request, Form(), own_path(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        fields = await posted(self.platform, request)
        user_name, password = text(fields, "user_name"), str(fields.get("password", ""))
        onward = own_path(text(fields, "next"))
        form = _missing(user_name, password)
        if form.errors:
            return await self._form(request, form, onward, status=400)
        response = see_other(onward or "/")
        try:
            visitor = await self.platform.sessions.sign_in(
                request, response, user_name=user_name, password=password
            )
        except Unauthenticated as refusal:
            form = Form({"user_name": user_name}, (FieldError("user_name", refusal.message),))
            return await self._form(request, form, onward, status=401)
        if visitor is None:
            query = f"?{urlencode({'next': onward})}" if onward else ""
            response.headers["location"] = f"/sign-in/code{query}"
        else:
            response.headers["location"] = onward or visitor.landing
        return response

    async def _form(self, request: Request, form: Form, onward: str, status: int = 200) -> Response:
        token = await self.platform.sessions.sign_in_token(request)
        response = page(
            "sign_in.html",
            visitor=None,
            current="/sign-in",
            status=status,
            form=form,
            form_token=token,
            next=onward,
            sign_ins=self.platform.demo_sign_ins(),
            providers=self.platform.providers(),
            offers_passkeys=self.platform.offers_passkeys(),
        )
        self.platform.sessions.keep_token(response, token)
        return response

    async def sign_out(self, request: Request) -> Response:
        await posted(self.platform, request)
        response = see_other("/signed-out")
        await self.platform.sessions.sign_out(request, response)
        return response

    async def signed_out(self, request: Request) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        return page("signed_out.html", visitor=visitor, current="")


def _missing(user_name: str, password: str) -> Form:
    errors = [
        FieldError(name, message)
        for name, value, message in (
            ("user_name", user_name, "Enter your user name"),
            ("password", password, "Enter your password"),
        )
        if not value
    ]
    return Form({"user_name": user_name}, tuple(errors))
