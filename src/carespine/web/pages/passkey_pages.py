"""Passkeys: the page that lists, adds and removes them, and signing in with one, alone or as the second factor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import Conflict, Forbidden, Invalid, Unauthenticated
from carespine.security import passkeys, second_factor
from carespine.security.actor import ADMINISTRATION
from carespine.security.audit_event import Event
from carespine.security.federation import attempts
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.visits import own_path, posted, see_other, text
from carespine.web.rates import Rates
from carespine.web.settings import is_named

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.security.ceremonies import Site
    from carespine.storage.database import Connection
    from carespine.web.pages.connect import Connected
    from carespine.web.pages.views import Visitor
    from carespine.web.platform import Platform
    from carespine.web.settings import Settings

HOME, ALONE, SECOND = "/account/passkeys", "/sign-in/passkey", "/sign-in/code/passkey"
_TO_MAKE, _TO_USE, _AS_SECOND = "passkey-new", "passkey", "passkey-second"
# Ours: whoever finds a browser that somebody left signed in must not make themselves a way back in.
_FRESH = timedelta(minutes=15)
# Ours: each sign-in page for passkeys is a row in the database for a quarter of an hour.
_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form carries to the browser: the ceremony's options as JSON, and the name of the attempt."""

    state: str
    options: str


def site_of(settings: Settings) -> Site | None:
    """Where passkeys are good for; None where the server has no name (WebAuthn needs a domain, not a number)."""
    from carespine.security.ceremonies import Site  # noqa: PLC0415 -- see security/passkeys.py

    parts = urlsplit(settings.address)
    return Site(parts.hostname or "", f"{parts.scheme}://{parts.netloc}") if is_named(settings) else None


def routes(platform: Platform, connected: Connected) -> list[Route]:
    """The pages, where the server's address allows passkeys."""
    if not is_named(platform.settings):
        return []
    pages = _Passkeys(platform, connected, Rates(platform.clock, per_minute=_PER_MINUTE))
    table = [
        ("GET", HOME, pages.list),
        ("POST", HOME, pages.add),
        ("POST", f"{HOME}/remove", pages.remove),
        ("GET", ALONE, pages.ask),
        ("POST", ALONE, pages.sign_in),
        ("POST", SECOND, pages.second),
    ]
    return guarded(connected, [Route(path, endpoint, methods=[method]) for method, path, endpoint in table])


async def asked_second(platform: Platform, username: str, cookie: str, onward: str) -> Asked | None:
    """What the page of the second factor asks somebody who has passkeys."""
    site, now = site_of(platform.settings), platform.clock()
    if site is None:
        return None
    async with platform.database.transaction() as tx:
        attempt = await attempts.begin(tx, _AS_SECOND, onward, now=now, browser=cookie)
        return Asked(attempt.state, await passkeys.ask_to_use(tx, site, username, challenge=attempt.nonce))


@dataclass(frozen=True, slots=True)
class _Passkeys:
    platform: Platform
    connected: Connected
    rates: Rates

    @property
    def site(self) -> Site:
        site = site_of(self.platform.settings)
        assert site is not None  # noqa: S101 -- there are no routes otherwise
        return site

    async def list(self, request: Request) -> Response:
        visitor = await self._visitor(request)
        return await self._page(request, visitor, Form(), done=request.query_params.get("done", ""))

    async def add(self, request: Request) -> Response:
        fields = await posted(self.connected, request)
        visitor = await self._visitor(request)
        self._demand_fresh(visitor)
        name, now = text(fields, "name"), self.platform.clock()
        cookie = self.connected.sessions.cookie_of(request)
        try:
            async with self.platform.database.transaction() as tx:
                attempt = await attempts.end(tx, _TO_MAKE, text(fields, "state"), cookie, now=now)
                if attempt is None:
                    raise Invalid("The page was open too long. Try again.")
                answer = text(fields, "credential")
                await passkeys.add(
                    tx, self.site, _name(visitor), answer, challenge=attempt.nonce, name=name, now=now
                )
                await self._on_record(tx, visitor, "add-passkey")
        except (Invalid, Conflict) as error:
            form = Form({"name": name}, (FieldError("name", error.message),))
            return await self._page(request, visitor, form, status=error.status)
        return see_other(f"{HOME}?done=added")

    async def remove(self, request: Request) -> Response:
        fields = await posted(self.connected, request)
        visitor = await self._visitor(request)
        self._demand_fresh(visitor)
        try:
            credential = bytes.fromhex(text(fields, "passkey"))
        except ValueError as error:
            raise Invalid("This form cannot be read.") from error
        async with self.platform.database.transaction() as tx:
            await passkeys.remove(tx, _name(visitor), credential)
            await self._on_record(tx, visitor, "remove-passkey")
        return see_other(f"{HOME}?done=removed")

    async def ask(self, request: Request) -> Response:
        return await self._ask(request, Form(), own_path(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        """With a passkey alone: whoever was verified by it has shown two factors."""
        self._count(request)
        sessions, now = self.connected.sessions, self.platform.clock()
        fields = await request.form(max_files=0, max_fields=10)
        attempt = await sessions.end(request, _TO_USE, str(fields.get("state", "")))
        response = see_other("/")
        try:
            if attempt is None:
                raise Unauthenticated("The page was open too long. Try again.")
            answer = text(fields, "credential")
            async with self.platform.database.transaction() as tx:
                username = await passkeys.use(
                    tx, self.site, answer, challenge=attempt.nonce, username=None, now=now
                )
                value = await sessions.fresh(tx, request, username)
            visitor = await sessions.admit(request, response, value, second_factor="passkey")
        except Unauthenticated as error:
            await sessions.refused(request, "passkey", error.message)
            form = Form({}, (FieldError("passkey", error.message),))
            return await self._ask(request, form, attempt.onward if attempt else "", status=401)
        response.headers["location"] = attempt.onward or visitor.landing
        return response

    async def second(self, request: Request) -> Response:
        """After the password."""
        self._count(request)
        sessions, now = self.connected.sessions, self.platform.clock()
        fields = await request.form(max_files=0, max_fields=10)
        cookie, response = sessions.cookie_of(request), see_other("/")
        try:
            async with self.platform.database.transaction() as tx:
                attempt = await attempts.end(tx, _AS_SECOND, str(fields.get("state", "")), cookie, now=now)
                waiting = await second_factor.pending(tx, self.platform.keys.vault, cookie, now=now)
            if attempt is None or waiting is None:
                raise Unauthenticated("The sign-in has taken too long. Start again.")
            answer = text(fields, "credential")
            async with self.platform.database.transaction() as tx:
                username = await passkeys.use(
                    tx, self.site, answer, challenge=attempt.nonce, username=waiting.username, now=now
                )
                value = await second_factor.finish(tx, cookie, username, now=now)
            visitor = await sessions.admit(request, response, value, second_factor="passkey")
        except Unauthenticated as error:
            await sessions.refused(request, "passkey", error.message)
            onward = {"next": attempt.onward} if attempt and attempt.onward else {}
            return see_other(f"/sign-in/code?{urlencode({'passkey': 'refused', **onward})}")
        response.headers["location"] = attempt.onward or visitor.landing
        return response

    async def _ask(self, request: Request, form: Form, onward: str, status: int = 200) -> Response:
        self._count(request)
        response = Response()
        attempt = await self.connected.sessions.begin(response, _TO_USE, onward)
        async with self.platform.database.connection() as connection:
            options = await passkeys.ask_to_use(connection, self.site, None, challenge=attempt.nonce)
        asked = Asked(attempt.state, options)
        made = page(
            "passkey_sign_in.html", visitor=None, current="/sign-in", status=status, form=form, asked=asked
        )
        made.headers.append("set-cookie", response.headers["set-cookie"])
        return made

    async def _page(
        self, request: Request, visitor: Visitor, form: Form, *, status: int = 200, done: str = ""
    ) -> Response:
        asked, name, now = None, _name(visitor), self.platform.clock()
        async with self.platform.database.transaction() as tx:
            found = await passkeys.of(tx, name)
            if self._is_fresh(visitor):
                cookie = self.connected.sessions.cookie_of(request)
                attempt = await attempts.begin(tx, _TO_MAKE, "", now=now, browser=cookie)
                options = await passkeys.ask_to_make(
                    tx, self.site, name, title=visitor.name, challenge=attempt.nonce
                )
                asked = Asked(attempt.state, options)
        return page(
            "passkeys.html",
            visitor=visitor,
            current=HOME,
            status=status,
            form=form,
            passkeys=found,
            asked=asked,
            done=done,
        )

    async def _visitor(self, request: Request) -> Visitor:
        """Whoever is signed in here with an account of our own."""
        visitor = await self.connected.sessions.visitor(request)
        if visitor is None:
            raise Unauthenticated("Sign in to see this page.")
        if not visitor.has_passkeys:
            raise Forbidden("You sign in through a provider: passkeys are for accounts with a password here.")
        return visitor

    def _is_fresh(self, visitor: Visitor) -> bool:
        return visitor.signed_in is not None and self.platform.clock() - visitor.signed_in <= _FRESH

    def _demand_fresh(self, visitor: Visitor) -> None:
        if not self._is_fresh(visitor):
            raise Forbidden("You signed in more than 15 minutes ago. Sign out, sign in again, and try again.")

    def _count(self, request: Request) -> None:
        self.rates.demand(f"{request.client.host if request.client else None}")

    async def _on_record(self, tx: Connection, visitor: Visitor, what: str) -> None:
        if visitor.actor is None:
            raise Unauthenticated("Sign in to see this page.")
        event = Event(visitor.actor, ADMINISTRATION, "U", what, what=f"people/{_name(visitor)}")
        await self.platform.audit.append(tx, [event])


def _name(visitor: Visitor) -> str:
    """The user name of somebody who is signed in."""
    if visitor.actor is None:
        raise Unauthenticated("Sign in to see this page.")
    return visitor.actor.id
