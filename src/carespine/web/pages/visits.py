"""What every page handler does first: who is here, may they be, and is this form from our own page."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from carespine.kernel.errors import Forbidden, Invalid, Unauthenticated
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.ports import Platform
from carespine.web.pages.views import Visitor, VisitorKind

CSRF_FIELD = "csrf_token"
_MAX_FIELDS = 60
_MAX_PAGE = 100_000
_WRONG_KIND: dict[VisitorKind, str] = {
    "practitioner": "This page is for people who work in a practice. You are signed in as someone else.",
    "patient": "This page is for patients. You are signed in as someone else.",
    "administrator": "This page is for administrators of the register. You are signed in as someone else.",
    "officer": "This page is for the privacy officer. You are signed in as someone else.",
}


async def require(platform: Platform, request: Request, kind: VisitorKind) -> Visitor:
    """The signed-in visitor, who must be of `kind`. Raises Unauthenticated or Forbidden."""
    visitor = await platform.sessions.visitor(request)
    if visitor is None:
        raise Unauthenticated("Sign in to see this page.")
    if visitor.kind != kind:
        raise Forbidden(_WRONG_KIND[kind])
    return visitor


async def posted(platform: Platform, request: Request) -> FormData:
    """The fields of a posted form, once its token shows that it comes from our own page."""
    try:
        fields = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    except HTTPException as error:
        raise Invalid(f"This form cannot be read: {error.detail}") from error
    if not await platform.sessions.check_form(request, text(fields, CSRF_FIELD)):
        raise Forbidden(
            "This form is out of date or did not come from this site. Go back, reload, and try again."
        )
    return fields


def text(fields: FormData, name: str) -> str:
    """One field of a form as trimmed text; a missing one is empty."""
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def texts(fields: FormData, name: str) -> tuple[str, ...]:
    """All values of a field that may be ticked more than once."""
    return tuple(value for value in fields.getlist(name) if isinstance(value, str))


def page_number(request: Request) -> int:
    """The page asked for, from 1."""
    asked = request.query_params.get("page", "1")
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= _MAX_PAGE):
        raise Invalid("The page number in the address must be a whole number from 1.")
    return int(asked)


def long_text(fields: FormData, name: str, *, limit: int, required: str | None) -> Form:
    """A form of one longer text: `required` is the message when it is empty (None: it may be)."""
    value = text(fields, name).replace("\r\n", "\n")
    errors: tuple[FieldError, ...] = ()
    if not value and required:
        errors = (FieldError(name, required),)
    if len(value) > limit:
        errors = (FieldError(name, f"{name.capitalize()} must be {limit} characters or less"),)
    return Form({name: value}, errors)


def own_path(address: str) -> str:
    """`address` when it is a path on this site, else the empty string: a sign-in must not lead elsewhere."""
    parts = urlsplit(address.replace("\\", "/"))
    safe = address.startswith("/") and not address.startswith("//") and not (parts.scheme or parts.netloc)
    return address if safe and address.isprintable() else ""


def to_sign_in(request: Request) -> Response:
    """Send the visitor to the sign-in page, and afterwards back to the page they asked for."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = urlencode({"next": path}) if request.method == "GET" else ""
    return RedirectResponse(f"/sign-in?{query}" if query else "/sign-in", status_code=303)


def see_other(path: str) -> RedirectResponse:
    """After a form that worked: show `path`, so that reloading does not send the form again."""
    return RedirectResponse(path, status_code=303)
