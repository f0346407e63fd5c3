"""Pages about standards and products: the catalogue, the public register, the administrator's desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Conflict
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.views import ProductPage, Visitor
from carespine.web.pages.visits import long_text, posted, require, see_other, text

CASES = "/admin/cases"
DESK, CATALOGUE, REGISTER = "/admin/products", "/standards", "/standards/products"
REASON_LIMIT = 500
AREA_STEPS = ("accept", "cap", "close")
_LONGEST_CAP = 6
SEVERITIES = ("", "1", "2", "3")
_PUBLIC_LEDE = (
    "Every product that has asked to be certified, and where it stands. "
    "Only certified products may send or read data."
)
_DESK_LEDE = "Where each product stands. Open one to see its history, or to suspend or reinstate it."


def routes(platform: Platform) -> list[Route]:
    """`/standards` for everyone and `/admin/products` for administrators."""
    public, desk = _Public(platform), _Desk(platform)
    return guarded(
        platform,
        [
            Route(CATALOGUE, public.catalogue),
            Route(REGISTER, public.register),
            Route(f"{REGISTER}/{{product_id}}", public.product),
            Route(DESK, desk.products),
            Route(CASES, desk.cases),
            Route(f"{DESK}/{{product_id}}", desk.product),
            Route(f"{DESK}/{{product_id}}/suspend", desk.suspend, methods=["POST"]),
            Route(f"{DESK}/{{product_id}}/reinstate", desk.reinstate, methods=["POST"]),
            Route(f"{DESK}/{{product_id}}/decide", desk.decide, methods=["POST"]),
            Route(f"{DESK}/{{product_id}}/area", desk.area, methods=["POST"]),
            Route(f"{DESK}/{{product_id}}/waive", desk.waive, methods=["POST"]),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Public:
    platform: Platform

    async def catalogue(self, request: Request) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        catalogue = await self.platform.products.catalogue()
        return page("standards/catalogue.html", visitor=visitor, current=CATALOGUE, catalogue=catalogue)

    async def register(self, request: Request) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        asked = {name: request.query_params.get(name, "") for name in ("kind", "state", "capability")}
        return page(
            "standards/register.html",
            visitor=visitor,
            current=REGISTER,
            products=await self.platform.products.register(**asked),
            filters=await self.platform.products.filters(),
            asked=asked,
            base=REGISTER,
            heading="Register of products",
            lede=_PUBLIC_LEDE,
        )

    async def product(self, request: Request) -> Response:
        visitor = await self.platform.sessions.visitor(request)
        shown = await self.platform.products.product(request.path_params["product_id"])
        return page("standards/product.html", visitor=visitor, current=REGISTER, page=shown)


@dataclass(frozen=True, slots=True)
class _Desk:
    platform: Platform

    async def products(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "administrator")
        return page(
            "standards/register.html",
            visitor=visitor,
            current=DESK,
            products=await self.platform.products.register(),
            base=DESK,
            heading="Products",
            lede=_DESK_LEDE,
        )

    async def product(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "administrator")
        shown = await self.platform.products.product(request.path_params["product_id"])
        return _desk_page(visitor, shown, Form(), done=request.query_params.get("done", ""))

    async def cases(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "administrator")
        found = await self.platform.products.cases()
        return page("admin/cases.html", visitor=visitor, current=CASES, cases=found)

    async def suspend(self, request: Request) -> Response:
        products = self.platform.products
        return await self._decide(
            request, products.suspend, missing="Enter why you are suspending it", done="suspended"
        )

    async def reinstate(self, request: Request) -> Response:
        products = self.platform.products
        return await self._decide(
            request, products.reinstate, missing="Enter what was put right", done="reinstated"
        )

    async def decide(self, request: Request) -> Response:
        """Any other step of a case: which, how severe, and why."""
        visitor = await require(self.platform, request, "administrator")
        fields = await posted(self.platform, request)
        products, product_id = self.platform.products, request.path_params["product_id"]
        written = long_text(fields, "why", limit=REASON_LIMIT, required="Enter why you decide so")
        shown = await products.product(product_id)
        step, severity = text(fields, "step"), text(fields, "severity")
        wrong = [] if step in dict(shown.decisions) else [FieldError("step", "Choose what you decide")]
        if severity not in SEVERITIES:
            wrong.append(FieldError("severity", "Choose how severe it is"))
        form = Form({**written.values, "step": step, "severity": severity}, (*wrong, *written.errors))
        if form.errors:
            return _desk_page(visitor, shown, form, status=400)
        number = int(severity) if severity else None
        await products.decide(visitor, product_id, step, reason=form.value("why"), severity=number)
        return see_other(f"{DESK}/{product_id}?done=decided")

    async def area(self, request: Request) -> Response:
        """Open an area to a virtual service, change its cap, or close it."""
        visitor = await require(self.platform, request, "administrator")
        fields = await posted(self.platform, request)
        products, product_id = self.platform.products, request.path_params["product_id"]
        shown = await products.product(product_id)
        form, cap, review = _area_form(fields, shown)
        if not form.errors:
            try:
                await products.decide_area(
                    visitor,
                    product_id,
                    form.value("area"),
                    form.value("area_step"),
                    reason=form.value("area_why"),
                    cap=cap,
                    review=review,
                )
            except Conflict as refusal:
                form = Form(form.values, (FieldError("area_step", refusal.message),))
        if form.errors:
            return _desk_page(visitor, shown, form, status=400)
        return see_other(f"{DESK}/{product_id}?done=area")

    async def waive(self, request: Request) -> Response:
        """Let a requirement be unmet for a while: which, where, why and until which day."""
        visitor = await require(self.platform, request, "administrator")
        fields = await posted(self.platform, request)
        products, product_id = self.platform.products, request.path_params["product_id"]
        shown = await products.product(product_id)
        form, until = _waiver_form(fields, shown)
        if form.errors or until is None:
            return _desk_page(visitor, shown, form, status=400)
        await products.waive(
            visitor,
            product_id,
            requirement=form.value("requirement"),
            organisation=form.value("organisation"),
            reason=form.value("grounds"),
            until=until,
        )
        return see_other(f"{DESK}/{product_id}?done=waived")

    async def _decide(
        self, request: Request, verb: Callable[..., Awaitable[None]], *, missing: str, done: str
    ) -> Response:
        visitor = await require(self.platform, request, "administrator")
        fields = await posted(self.platform, request)
        product_id = request.path_params["product_id"]
        form = long_text(fields, "reason", limit=REASON_LIMIT, required=missing)
        if form.errors:
            return _desk_page(visitor, await self.platform.products.product(product_id), form, status=400)
        await verb(visitor, product_id, reason=form.value("reason"))
        return see_other(f"{DESK}/{product_id}?done={done}")


def _area_form(fields: FormData, shown: ProductPage) -> tuple[Form, int | None, date | None]:
    """The form of a decision on an area, with its cap and its day of review where they can be read."""
    written = long_text(
        fields, "area_why", limit=REASON_LIMIT, required="Enter why you decide so on the area"
    )
    sent = {name: text(fields, name) for name in ("area", "area_step", "cap", "review")}
    wrong, cap, review = list(written.errors), None, None
    if sent["area"] not in {each.area for each in shown.areas}:
        wrong.append(FieldError("area", "Choose an area for which evidence was sent"))
    if sent["area_step"] not in AREA_STEPS:
        wrong.append(FieldError("area_step", "Choose what you decide on the area"))
    if sent["cap"]:
        if sent["cap"].isascii() and sent["cap"].isdigit() and len(sent["cap"]) <= _LONGEST_CAP:
            cap = int(sent["cap"])
        else:
            wrong.append(FieldError("cap", "The cap is a whole number of patients, such as 2600"))
    if sent["review"]:
        try:
            review = date.fromisoformat(sent["review"])
        except ValueError:
            wrong.append(FieldError("review", "Enter the day of review, such as 2027-03-31"))
    return Form({**written.values, **sent}, tuple(wrong)), cap, review


def _waiver_form(fields: FormData, shown: ProductPage) -> tuple[Form, date | None]:
    """The form of a waiver, and the last day on which it holds where that can be read."""
    written = long_text(fields, "grounds", limit=REASON_LIMIT, required="Enter why it may be left unmet")
    sent = {name: text(fields, name) for name in ("requirement", "organisation", "until")}
    wrong, until = list(written.errors), None
    if sent["requirement"] not in dict(shown.waivable):
        wrong.append(FieldError("requirement", "Choose a requirement that may be waived"))
    if sent["organisation"] and sent["organisation"] not in shown.sites:
        wrong.append(
            FieldError("organisation", "Choose everywhere, or an organisation that uses the product")
        )
    try:
        until = date.fromisoformat(sent["until"])
    except ValueError:
        wrong.append(FieldError("until", "Enter the last day on which the waiver holds, such as 2027-03-31"))
    return Form({**written.values, **sent}, tuple(wrong)), until


def _desk_page(
    visitor: Visitor, shown: ProductPage, form: Form, *, done: str = "", status: int = 200
) -> Response:
    return page(
        "admin/product.html",
        visitor=visitor,
        current=DESK,
        status=status,
        page=shown,
        form=form,
        done=done,
        reason_limit=REASON_LIMIT,
    )
