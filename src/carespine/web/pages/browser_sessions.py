"""Who is at the browser: the session cookie, the tokens of forms, signing in and out."""

from __future__ import annotations

from secrets import compare_digest, token_urlsafe
from typing import TYPE_CHECKING

from carespine.kernel.errors import Unauthenticated
from carespine.security import accounts, second_factor
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.security.audit_event import MINOR_FAILURE, SUCCESS, Event
from carespine.security.federation import attempts
from carespine.web.pages.directory import Directory
from carespine.web.pages.formats import role
from carespine.web.pages.views import Visitor, VisitorKind
from carespine.web.rates import Rates
from carespine.web.settings import is_named

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from carespine.security.federation.attempts import Attempt, Under
    from carespine.storage.database import Connection
    from carespine.web.platform import Platform

_LANDINGS: dict[str, str] = {
    "patient": "/me",
    "practitioner": "/practice/inbox",
    "administrator": "/admin/products",
    "officer": "/privacy/alerts",
}
# Ours: wrong passwords and codes in a minute, from one address (a practice is one) and for one name, known or not.
# Few accounts lock before that: this stops whoever tries one password on many names.
_FAILURES_OF_AN_ADDRESS, _FAILURES_OF_A_NAME = 60, 20
_LONGEST_NAME = 64
_KINDS: dict[str, VisitorKind] = {
    "patient": "patient",
    "practitioner": "practitioner",
    "administrator": "administrator",
    "officer": "officer",
}


class BrowserSessions:
    """Fills the port `Sessions` with the accounts of the security layer."""

    def __init__(self, platform: Platform, directory: Directory) -> None:
        self._platform, self._directory = platform, directory
        self._secure = platform.settings.address.startswith("https://")
        # The prefix __Host- makes browsers refuse the cookie from anyone but this very host.
        prefix = "__Host-" if self._secure else ""
        self._cookie, self._form_cookie = f"{prefix}carespine-session", f"{prefix}carespine-form"
        self._provider_cookie = f"{prefix}carespine-provider"
        self._failures = Rates(platform.clock, per_minute=_FAILURES_OF_AN_ADDRESS)
        self._guesses = Rates(platform.clock, per_minute=_FAILURES_OF_A_NAME)

    async def visitor(self, request: Request) -> Visitor | None:
        """The visitor, asked for once a request however many parts of the page want to know."""
        if not hasattr(request.state, "visitor"):
            request.state.visitor = await self._open(request, request.cookies.get(self._cookie))
        found: Visitor | None = request.state.visitor
        return found

    async def _open(self, request: Request, value: str | None) -> Visitor | None:
        if not value:
            return None
        async with self._platform.database.connection() as connection:
            session = await accounts.session(
                connection,
                value,
                now=self._platform.clock(),
                address=_address(request),
                request_id=request.state.request_id,
            )
        return await self._as_visitor(session) if session else None

    async def _as_visitor(self, session: accounts.BrowserSession) -> Visitor:
        actor = session.actor
        return Visitor(
            kind=_KINDS[actor.kind],
            name=actor.name,
            role=role(actor.role),
            organisation=await self._directory.organisation(actor),
            csrf_token=session.csrf,
            landing=_LANDINGS[actor.kind],
            actor=actor,
            patient_id=actor.patient,
            signed_in=session.started,
            has_passkeys=session.local and is_named(self._platform.settings),
        )

    async def sign_in_token(self, request: Request) -> str:
        return request.cookies.get(self._form_cookie) or token_urlsafe(32)

    def keep_token(self, response: Response, token: str) -> None:
        self._keep(response, self._form_cookie, token)

    async def check_form(self, request: Request, token: str) -> bool:
        visitor = await self.visitor(request)
        expected = visitor.csrf_token if visitor else request.cookies.get(self._form_cookie, "")
        return bool(expected) and compare_digest(expected.encode(), token.encode())

    async def sign_in(
        self, request: Request, response: Response, *, user_name: str, password: str
    ) -> Visitor | None:
        self._check_rates(request, user_name)
        refused: Unauthenticated | None = None
        value, settings = "", self._platform.settings
        async with self._platform.database.transaction() as tx:
            if earlier := request.cookies.get(self._cookie):
                await accounts.sign_out(tx, earlier)
            try:
                value = await accounts.sign_in(
                    tx,
                    user_name,
                    password,
                    now=self._platform.clock(),
                    second_factor=settings.second_factor and not settings.demo,
                )
            except Unauthenticated as error:
                refused = error  # raised below, once the count of failures is stored
        if refused:
            self._count_failure(request, user_name)
            await self._on_record(stranger(request), "login", detail=await self._known_name(user_name))
            raise refused
        self._keep(response, self._cookie, value)
        self._drop(response, self._form_cookie)
        visitor = await self._open(request, value)
        if visitor is None:
            return None
        await self._on_record(visitor.actor, "login")
        return visitor

    def cookie_of(self, request: Request) -> str:
        """The session cookie of a request; empty where there is none."""
        return request.cookies.get(self._cookie, "")

    async def confirm(self, request: Request, response: Response, *, code: str, token: str) -> Visitor:
        """The second factor: take the code, and put the cookie of a new session on `response`."""
        refused: Unauthenticated | None = None
        value, fresh, now = self.cookie_of(request), "", self._platform.clock()
        vault = self._platform.keys.vault
        async with self._platform.database.transaction() as tx:
            waiting = await second_factor.pending(tx, vault, value, now=now) if value else None
            if waiting is None or not compare_digest(waiting.csrf.encode(), token.encode()):
                raise Unauthenticated("The sign-in has taken too long. Start again.")
            self._check_rates(request, waiting.username)
            try:
                fresh = await second_factor.confirm(tx, vault, value, code, now=now)
            except Unauthenticated as error:
                refused = error  # raised below, once the count of failures is stored
        if refused:
            self._count_failure(request, waiting.username)
            await self._on_record(stranger(request), "login", detail={"user-name": waiting.username})
            raise refused
        return await self.admit(request, response, fresh, second_factor="one-time code")

    def _check_rates(self, request: Request, user_name: str) -> None:
        """Raises TooMany, before anything is looked up: it says nothing of whether there is such an account."""
        self._failures.check(f"{_address(request)}")
        self._guesses.check(user_name[:_LONGEST_NAME].casefold())

    def _count_failure(self, request: Request, user_name: str) -> None:
        self._failures.count(f"{_address(request)}")
        self._guesses.count(user_name[:_LONGEST_NAME].casefold())

    async def begin(self, response: Response, provider: str, onward: str) -> Attempt:
        """A sign-in at a provider: what is sent there, and the cookie that binds it to this browser."""
        async with self._platform.database.transaction() as tx:
            attempt = await attempts.begin(tx, provider, onward, now=self._platform.clock())
        self._keep(response, self._provider_cookie, attempt.browser)
        return attempt

    async def end(self, request: Request, provider: str, state: str) -> Under | None:
        """The sign-in that comes back from a provider, once."""
        browser = request.cookies.get(self._provider_cookie, "")
        async with self._platform.database.transaction() as tx:
            return await attempts.end(tx, provider, state, browser, now=self._platform.clock())

    async def accept(
        self, request: Request, response: Response, account: accounts.Account, *, provider: str, level: str
    ) -> Visitor:
        """Sign in somebody whom a provider vouches for. Raises Unauthenticated where the account is disabled."""
        async with self._platform.database.transaction() as tx:
            await accounts.provide(tx, account, provider=provider)
            value = await self.fresh(tx, request, account.username)
        visitor = await self.admit(request, response, value, provider=provider, assurance=level)
        self._drop(response, self._provider_cookie)
        return visitor

    async def fresh(self, tx: Connection, request: Request, username: str) -> str:
        """A new session in the place of the one that the browser may have; returns the cookie's value."""
        if earlier := request.cookies.get(self._cookie):
            await accounts.sign_out(tx, earlier)
        return await accounts.open_session(tx, username, now=self._platform.clock())

    async def admit(self, request: Request, response: Response, value: str, **detail: str) -> Visitor:
        """The visitor of a new session, put on record, whose cookie goes on `response`. Raises Unauthenticated."""
        visitor = await self._open(request, value)
        if visitor is None:
            raise Unauthenticated(accounts.REFUSED)
        request.state.visitor = visitor
        await self._on_record(
            visitor.actor, "login", detail={k.replace("_", "-"): v for k, v in detail.items()}
        )
        self._keep(response, self._cookie, value)
        return visitor

    async def refused(self, request: Request, provider: str, why: str) -> None:
        """Put on record that somebody came from a provider and was not let in."""
        event = Event(
            stranger(request), ADMINISTRATION, "E", "login", outcome=MINOR_FAILURE, description=why,
            detail={"provider": provider},
        )  # fmt: skip
        await self._platform.audit.record([event])

    async def _known_name(self, user_name: str) -> dict[str, str]:
        """The user name for the record, if there is such an account: people type passwords there by mistake."""
        async with self._platform.database.connection() as connection:
            known = await accounts.exists(connection, user_name)
        return {"user-name": user_name} if known else {"user-name": "(no such account)"}

    async def sign_out(self, request: Request, response: Response) -> None:
        visitor = await self.visitor(request)
        async with self._platform.database.transaction() as tx:
            await accounts.sign_out(tx, request.cookies.get(self._cookie, ""))
        if visitor:
            await self._on_record(visitor.actor, "logout")
        request.state.visitor = None
        self._drop(response, self._cookie)

    def _keep(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(name, value, secure=self._secure, httponly=True, samesite="lax", path="/")

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, secure=self._secure, httponly=True, samesite="lax", path="/")

    async def _on_record(self, actor: Actor | None, what: str, detail: dict[str, str] | None = None) -> None:
        if actor is None:
            return
        outcome = MINOR_FAILURE if actor.kind == "open" else SUCCESS
        event = Event(actor, ADMINISTRATION, "E", what, outcome=outcome, detail=detail or {})
        await self._platform.audit.record([event])


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def stranger(request: Request) -> Actor:
    return Actor("open", "not-signed-in", "Someone not signed in", "none", address=_address(request))
