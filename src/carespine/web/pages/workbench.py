"""The supplier's workbench: where the product stands, a run as it goes, one check again, and answers to findings.

A supplier has no account: the application's id and its token, which was shown once, open the workbench.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Conflict, Forbidden, Invalid, Misconfigured, TooMany
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.visits import long_text, posted, see_other, text

BENCH = "/supplier"
_COOKIE, _HOURS = "carespine-workbench", 8
_LONGEST_CONFIG, _LONGEST_ANSWER = 50_000, 2_000
ANSWERS = ("reply", "appeal")


def routes(platform: Platform) -> list[Route]:
    """`/supplier`, for whoever holds an application's token."""
    pages = _Bench(platform)
    return guarded(
        platform,
        [
            Route(BENCH, pages.bench),
            Route(f"{BENCH}/open", pages.open, methods=["POST"]),
            Route(f"{BENCH}/close", pages.close, methods=["POST"]),
            Route(f"{BENCH}/run", pages.run, methods=["POST"]),
            Route(f"{BENCH}/answer", pages.answer, methods=["POST"]),
            Route(f"{BENCH}/runs/{{run_id}}", pages.live),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    platform: Platform

    async def bench(self, request: Request) -> Response:
        try:
            application = await self._holder(request)
        except Forbidden:
            return await self._door(request, Form())
        return await self._page(request, application, Form(), done=request.query_params.get("done", ""))

    async def open(self, request: Request) -> Response:
        """Let in whoever holds the token; wrong in either part is told in the same words."""
        fields = await posted(self.platform, request)
        application, token = text(fields, "application"), text(fields, "token")
        if not await self.platform.workbench.admits(application, token):
            form = Form(
                {"application": application}, (FieldError("token", "The application or its token is wrong"),)
            )
            return await self._door(request, form, status=400)
        response = see_other(BENCH)
        secure = request.url.scheme == "https"
        response.set_cookie(
            _COOKIE,
            f"{application}:{token}",
            max_age=_HOURS * 3600,
            path=BENCH,
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def close(self, request: Request) -> Response:
        await posted(self.platform, request)
        response = see_other(BENCH)
        response.delete_cookie(_COOKIE, path=BENCH)
        return response

    async def run(self, request: Request) -> Response:
        """Start a run of the whole profile, or of one requirement again."""
        application, fields = await self._holder(request), await posted(self.platform, request)
        config, only = text(fields, "config"), text(fields, "only")
        try:
            if len(config) > _LONGEST_CONFIG:
                raise Invalid(f"The configuration is {_LONGEST_CONFIG} characters or less.")
            run_id = await self.platform.workbench.begin(application, config=config, only=only)
        except (Invalid, Misconfigured, TooMany) as refusal:
            form = Form({"only": only}, (FieldError("config", refusal.message),))
            return await self._page(request, application, form, status=400)
        return see_other(f"{BENCH}/runs/{run_id}")

    async def answer(self, request: Request) -> Response:
        """A reply to a finding, or an appeal."""
        application, fields = await self._holder(request), await posted(self.platform, request)
        form = long_text(fields, "answer", limit=_LONGEST_ANSWER, required="Enter your answer")
        step = text(fields, "step")
        wrong = list(form.errors)
        if step not in ANSWERS:
            wrong.append(FieldError("step", "Choose whether you reply or appeal"))
        if not wrong:
            try:
                await self.platform.workbench.answer(application, step, words=form.value("answer"))
            except Conflict as refusal:
                wrong.append(FieldError("step", refusal.message))
        if wrong:
            form = Form({**form.values, "step": step}, tuple(wrong))
            return await self._page(request, application, form, status=400)
        return see_other(f"{BENCH}?done=answered")

    async def live(self, request: Request) -> Response:
        application = await self._holder(request)
        shown = await self.platform.workbench.live(application, request.path_params["run_id"])
        visitor = await self.platform.sessions.visitor(request)
        return page("supplier/live.html", visitor=visitor, current=BENCH, run=shown)

    async def _holder(self, request: Request) -> str:
        """The application whose token the cookie holds. Raises Forbidden."""
        application, _, token = request.cookies.get(_COOKIE, "").partition(":")
        if not application or not await self.platform.workbench.admits(application, token):
            raise Forbidden("Open the workbench at /supplier with the application's token.")
        return application

    async def _door(self, request: Request, form: Form, *, status: int = 200) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        token = visitor.csrf_token if visitor else await self.platform.sessions.sign_in_token(request)
        response = page(
            "supplier/door.html", visitor=visitor, current=BENCH, status=status, form=form, form_token=token
        )
        if visitor is None:
            self.platform.sessions.keep_token(response, token)
        return response

    async def _page(
        self, request: Request, application: str, form: Form, *, done: str = "", status: int = 200
    ) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        token = visitor.csrf_token if visitor else await self.platform.sessions.sign_in_token(request)
        shown = await self.platform.products.product(application)
        requirements = await self.platform.workbench.requirements(application)
        response = page(
            "supplier/bench.html",
            visitor=visitor,
            current=BENCH,
            status=status,
            page=shown,
            requirements=requirements,
            form=form,
            form_token=token,
            done=done,
            answer_limit=_LONGEST_ANSWER,
        )
        if visitor is None:
            self.platform.sessions.keep_token(response, token)
        return response
