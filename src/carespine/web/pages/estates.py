"""Pages on which a health body chooses products: side by side on evidence, and its own estate."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Conflict
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.views import Visitor
from carespine.web.pages.visits import posted, require, see_other, text

COMPARE, ESTATE, REGISTER = "/standards/products/compare", "/estate", "/standards/products"
_LEAST, _MOST = 2, 4
_LONGEST_AREA = 40


def routes(platform: Platform) -> list[Route]:
    """`/standards/products/compare` for everyone and `/estate` for a health body's administrator."""
    pages = _Pages(platform)
    return guarded(
        platform,
        [
            Route(COMPARE, pages.compare),
            Route(ESTATE, pages.estate),
            Route(f"{ESTATE}/adopt", pages.adopt, methods=["POST"]),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Pages:
    platform: Platform

    async def compare(self, request: Request) -> Response:
        """Two to four products; with fewer or more, what to choose is said above the list of all."""
        visitor, estates = await self.platform.sessions.visitor(request), self.platform.estates
        ids = tuple(dict.fromkeys(request.query_params.getlist("product")))
        if not _LEAST <= len(ids) <= _MOST:
            wrong = FieldError("product", f"Choose {_LEAST} to {_MOST} products to compare")
            form = Form({"product": " ".join(ids)}, (wrong,))
            rows = await estates.choices()
            return page(
                "standards/compare.html",
                visitor=visitor,
                current=REGISTER,
                status=400 if ids else 200,
                form=form if ids else Form(),
                choices=rows,
                chosen=ids,
                shown=None,
            )
        shown = await estates.compare(ids)
        return page(
            "standards/compare.html",
            visitor=visitor,
            current=REGISTER,
            form=Form(),
            choices=(),
            chosen=ids,
            shown=shown,
        )

    async def estate(self, request: Request) -> Response:
        visitor = await require(self.platform, request, "administrator")
        return await self._page(visitor, Form(), done=request.query_params.get("done", ""))

    async def adopt(self, request: Request) -> Response:
        """Put a product on record for one's own health body."""
        visitor = await require(self.platform, request, "administrator")
        fields = await posted(self.platform, request)
        product, area = text(fields, "product"), text(fields, "area")
        wrong = []
        if product not in {each.product_id for each in await self.platform.estates.adoptable()}:
            wrong.append(FieldError("product", "Choose a product that may come to new organisations"))
        if len(area) > _LONGEST_AREA or not area.isprintable():
            wrong.append(FieldError("area", f"The area's code is {_LONGEST_AREA} characters or less"))
        if not wrong:
            try:
                await self.platform.estates.adopt(visitor, product, area=area)
            except Conflict as refusal:
                wrong.append(FieldError("product", refusal.message))
        if wrong:
            form = Form({"product": product, "area": area}, tuple(wrong))
            return await self._page(visitor, form, status=400)
        return see_other(f"{ESTATE}?{urlencode({'done': 'adopted'})}")

    async def _page(self, visitor: Visitor, form: Form, *, done: str = "", status: int = 200) -> Response:
        shown = await self.platform.estates.estate(visitor)
        return page(
            "standards/estate.html",
            visitor=visitor,
            current=ESTATE,
            status=status,
            page=shown,
            choices=await self.platform.estates.adoptable(),
            form=form,
            done=done,
        )
