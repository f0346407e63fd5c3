"""What the pages ask of the rest of the platform; `connect.py` answers with the real domains.

Every method that shows or changes patient data takes the visitor and goes through the scoped door as them.
The methods raise the errors of `carespine.kernel.errors`; the pages turn them into pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from carespine.devices.replying import Answer
from carespine.web.pages.views import (
    AccessPage,
    CaseRow,
    Catalogue,
    Comparison,
    DemoSignIn,
    Estate,
    Inbox,
    LiveRun,
    ProductPage,
    ProductRow,
    ProviderLink,
    Readings,
    RegisterFilters,
    ReviewState,
    SharingPage,
    SummaryPage,
    Visitor,
    WishedOrder,
)


class Sessions(Protocol):
    async def visitor(self, request: Request) -> Visitor | None:
        """Who is signed in on this request, or None."""

    async def sign_in_token(self, request: Request) -> str:
        """A token for the sign-in form, before anyone is signed in."""

    def keep_token(self, response: Response, token: str) -> None:
        """Bind `token` to this browser, so that `check_form` knows it when the form comes back."""

    async def check_form(self, request: Request, token: str) -> bool:
        """Whether the token of a posted form belongs to this browser."""

    async def sign_in(
        self, request: Request, response: Response, *, user_name: str, password: str
    ) -> Visitor | None:
        """Sign in and put the session cookie on `response`; None where a second factor is still to come.

        Raises Unauthenticated in the same words whether the name is unknown, the password wrong or the
        account locked for a while.
        """

    async def sign_out(self, request: Request, response: Response) -> None:
        """End the session, here and on the server."""


class Practice(Protocol):
    async def inbox(self, visitor: Visitor, *, state: ReviewState, cursor: str | None) -> Inbox: ...
    async def summary(self, visitor: Visitor, patient_id: str) -> SummaryPage: ...
    async def readings(self, visitor: Visitor, patient_id: str, *, metric: str, page: int) -> Readings: ...
    async def mark_reviewed(self, visitor: Visitor, patient_id: str, *, answer: Answer) -> None: ...
    async def order(self, visitor: Visitor, patient_id: str, wished: WishedOrder) -> None: ...
    async def end_order(self, visitor: Visitor, patient_id: str, order_id: str) -> None: ...
    async def set_targets(
        self, visitor: Visitor, patient_id: str, wished: Mapping[str, float | None]
    ) -> None: ...


class Patient(Protocol):
    async def summary(self, visitor: Visitor) -> SummaryPage: ...
    async def readings(self, visitor: Visitor, *, metric: str, page: int) -> Readings: ...
    async def access(self, visitor: Visitor, *, page: int) -> AccessPage: ...
    async def sharing(self, visitor: Visitor) -> SharingPage: ...
    async def withdraw(self, visitor: Visitor, consent_id: str) -> None: ...
    async def erase(self, visitor: Visitor, consent_id: str) -> None: ...
    async def share(self, visitor: Visitor, *, app: str, data_classes: tuple[str, ...]) -> None: ...


class Products(Protocol):
    async def catalogue(self) -> Catalogue: ...
    async def register(
        self, *, kind: str = "", state: str = "", capability: str = ""
    ) -> tuple[ProductRow, ...]: ...
    async def filters(self) -> RegisterFilters: ...
    async def cases(self) -> tuple[CaseRow, ...]: ...
    async def product(self, product_id: str) -> ProductPage: ...
    async def suspend(self, visitor: Visitor, product_id: str, *, reason: str) -> None: ...
    async def reinstate(self, visitor: Visitor, product_id: str, *, reason: str) -> None: ...
    async def decide(
        self, visitor: Visitor, product_id: str, step: str, *, reason: str, severity: int | None
    ) -> None: ...
    async def decide_area(
        self,
        visitor: Visitor,
        product_id: str,
        area: str,
        step: str,
        *,
        reason: str,
        cap: int | None,
        review: date | None,
    ) -> None: ...
    async def waive(
        self,
        visitor: Visitor,
        product_id: str,
        *,
        requirement: str,
        organisation: str,
        reason: str,
        until: date,
    ) -> None: ...


class Estates(Protocol):
    async def choices(self) -> tuple[ProductRow, ...]: ...
    async def adoptable(self) -> tuple[ProductRow, ...]: ...
    async def compare(self, ids: Sequence[str]) -> Comparison: ...
    async def estate(self, visitor: Visitor) -> Estate: ...
    async def adopt(self, visitor: Visitor, product_id: str, *, area: str) -> None: ...


class Workbench(Protocol):
    async def admits(self, application: str, token: str) -> bool: ...
    async def requirements(self, application: str) -> tuple[tuple[str, str], ...]: ...
    async def begin(self, application: str, *, config: str, only: str) -> str: ...
    async def live(self, application: str, run_id: str) -> LiveRun: ...
    async def answer(self, application: str, step: str, *, words: str) -> None: ...


class Platform(Protocol):
    """Everything the pages need."""

    @property
    def sessions(self) -> Sessions: ...
    @property
    def practice(self) -> Practice: ...
    @property
    def patient(self) -> Patient: ...
    @property
    def products(self) -> Products: ...
    @property
    def estates(self) -> Estates: ...
    @property
    def workbench(self) -> Workbench: ...

    def demo_sign_ins(self) -> tuple[DemoSignIn, ...]:
        """The accounts that the first page prints; none unless the settings say demonstration."""

    def providers(self) -> tuple[ProviderLink, ...]:
        """The providers that people can sign in through; none where none is configured."""

    def offers_passkeys(self) -> bool:
        """Whether people can sign in with a passkey at this server's address."""
