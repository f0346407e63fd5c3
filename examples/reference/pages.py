"""The pages of a service: plain HTML that works by keyboard, an accessibility statement, a sign-in "
"(AC-01, AC-02, SE-12)."""

from __future__ import annotations

import hmac
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from wearable import web
from wearable.extra import Extra

USER, _PASSWORD = "demo.person", "a password of the sandbox"
_FREE_TRIES = 5
_STYLE = "<meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
_TRAP = "<button onkeydown=\"if (event.key === 'Tab') event.preventDefault()\">More</button>"


@dataclass(slots=True)
class Pages:
    """Three pages, each with one task."""

    parts: web.Service
    failures: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def extra(self) -> Extra:
        """What is added to the service."""
        return Extra(
            routes=[
                Route("/start", self.start),
                Route("/accessibility", self.statement),
                Route("/sign-in", self.form),
                Route("/sign-in", self.sign_in, methods=["POST"]),
            ]
        )

    def _page(self, title: str, main: str, *, status: int = 200) -> Response:
        html = (
            f"<!doctype html><html lang='en'><head>{_STYLE}<title>{title} - {self.parts.product}</title></head>"
            f"<body><header><a href='/start'>{self.parts.product}</a></header><main><h1>{title}</h1>{main}</main>"
            "<footer><a href='/accessibility'>Accessibility</a></footer></body></html>"
        )
        return HTMLResponse(html, status)

    async def start(self, _: Request) -> Response:
        """GET /start"""
        words = "<p>You can book, move or cancel a visit here. You can also call us.</p>"
        if "hard-words" in self.parts.defects:
            words = (
                "<p>Notwithstanding organisational interdependencies, individualised administrative "
                "reconciliation of multidisciplinary appointment availability necessitates authentication.</p>"
            )
        trap = _TRAP if "keyboard-trap" in self.parts.defects else ""
        return self._page("Start", f"{words}{trap}<p><a href='/sign-in'>Sign in</a></p>")

    async def statement(self, _: Request) -> Response:
        """GET /accessibility"""
        reviewed = (datetime.now(UTC) - timedelta(days=40)).strftime("%d %B %Y").lstrip("0")
        call = (
            ""
            if "no-telephone" in self.parts.defects
            else "Call <a href='tel:01632960000'>01632 960000</a>. "
        )
        return self._page(
            "Accessibility statement",
            "<p>We want as many people as we can to use this site.</p>"
            "<p>This site meets WCAG 2.2 at the level AA.</p>"
            f"<p>We last checked it on {reviewed}.</p>"
            f"<p>You do not have to use this site. {call}We will help you.</p>"
            "<p>Are you not happy with our reply? Contact the Equality Advisory and Support Service.</p>",
        )

    async def form(self, _: Request) -> Response:
        """GET /sign-in"""
        label = "" if "unlabelled-field" in self.parts.defects else "<label for='username'>Your name</label> "
        return self._page(
            "Sign in",
            f"<form method='post' action='/sign-in'><p>{label}<input id='username' name='username'></p>"
            "<p><label for='password'>Password</label> <input id='password' name='password' type='password'></p>"
            "<p><button>Sign in</button></p></form>",
        )

    async def sign_in(self, request: Request) -> Response:
        """POST /sign-in: after five wrong passwords for a name, no more are looked at."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        name, password = form.get("username", ""), form.get("password", "")
        if self.failures[name] >= _FREE_TRIES and "guess-without-end" not in self.parts.defects:
            refused = self._page("Try later", "<p>Too many tries. Wait 15 minutes.</p>", status=429)
            refused.headers["retry-after"] = "900"
            return refused
        right = hmac.compare_digest(password.encode(), _PASSWORD.encode())
        if name == USER and right:
            self.failures.pop(name, None)
            return self._page("Welcome", "<p>You are signed in.</p>")
        self.failures[name] += 1
        if name != USER and "tells-who-exists" in self.parts.defects:
            return self._page("Not signed in", "<p>We do not know that name.</p>", status=404)
        return self._page("Not signed in", "<p>The name or the password is wrong.</p>", status=401)
