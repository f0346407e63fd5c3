"""Joins the pages to the real platform: fills their ports with the domains, and gives the application its routes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import CarespineError, Issue
from carespine.spine.fhir_api import answer
from carespine.standards.routes import standards_of
from carespine.web.pages import (
    authorising,
    emergencies,
    launching,
    passkey_pages,
    problems,
    provider_sign_in,
    second_factors,
)
from carespine.web.pages.access_trail import AccessTrail
from carespine.web.pages.browser_sessions import BrowserSessions
from carespine.web.pages.directory import Directory
from carespine.web.pages.estate_source import EstateSource
from carespine.web.pages.patient_source import PatientSource
from carespine.web.pages.practice_source import PracticeSource
from carespine.web.pages.product_source import ProductSource
from carespine.web.pages.routing import page_routes
from carespine.web.pages.sharing_choices import SharingChoices
from carespine.web.pages.views import DemoSignIn, ProviderLink
from carespine.web.pages.workbench_source import WorkbenchSource
from carespine.web.settings import is_named

if TYPE_CHECKING:
    from carespine.web.platform import Platform
    from carespine.web.settings import Settings

# Written by `carespine demo`, readable by its owner only; shown only where the settings say demonstration.
SIGN_INS_FILE = "demo-sign-ins.json"


@dataclass(frozen=True, slots=True)
class Connected:
    """The ports of the pages, filled."""

    settings: Settings
    sessions: BrowserSessions
    practice: PracticeSource
    patient: PatientSource
    products: ProductSource
    estates: EstateSource
    workbench: WorkbenchSource

    def providers(self) -> tuple[ProviderLink, ...]:
        return provider_sign_in.links(self.settings)

    def offers_passkeys(self) -> bool:
        return is_named(self.settings)

    def demo_sign_ins(self) -> tuple[DemoSignIn, ...]:
        """The demonstration's accounts, read each time: the demonstration writes them after the server starts."""
        path = self.settings.data / SIGN_INS_FILE
        if not self.settings.demo or not path.is_file():
            return ()
        return tuple(DemoSignIn(**entry) for entry in json.loads(path.read_text("utf-8")))


def connected(platform: Platform) -> Connected:
    """The pages' view of a platform."""
    directory = Directory(platform.door)
    products = ProductSource(platform.database, platform.clock, standards_of(platform))
    return Connected(
        platform.settings,
        BrowserSessions(platform, directory),
        PracticeSource(platform.door, platform.clock),
        PatientSource(
            platform.door,
            platform.clock,
            AccessTrail(platform.door, directory),
            SharingChoices(platform.door, platform.clock),
            products,
        ),
        products,
        EstateSource(platform.database, platform.clock, products.standards),
        WorkbenchSource(products.standards),
    )


def routes(platform: Platform) -> list[Route]:
    """Every page."""
    view = connected(platform)
    return [
        *page_routes(view),
        *authorising.routes(platform, view),
        *emergencies.routes(platform, view),
        *second_factors.routes(platform, view),
        *provider_sign_in.routes(platform, view),
        *passkey_pages.routes(platform, view),
        *launching.routes(platform, view),
    ]


async def on_error(request: Request, error: Exception) -> Response:
    """What goes back for an error raised on purpose outside a page: a page for people, else an OperationOutcome."""
    if not isinstance(error, CarespineError):
        raise error
    if _wants_a_page(request):
        return problems.problem_page(error.status, message=error.message)
    return Response(
        answer.outcome(error.issues), error.status, headers=error.headers, media_type=answer.CONTENT_TYPE
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """What goes back where no route fits: the page "not found", or an OperationOutcome."""
    if not isinstance(error, HTTPException):
        raise error
    if _wants_a_page(request):
        return problems.problem_page(error.status_code)
    code = "not-found" if error.status_code == 404 else "not-supported"
    body = answer.outcome([Issue(code, f"{request.method} {request.url.path}: {error.detail}.")])
    headers = dict(error.headers or {})
    return Response(body, error.status_code, headers=headers, media_type=answer.CONTENT_TYPE)


def _wants_a_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
