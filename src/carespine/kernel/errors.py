"""The errors of the platform: one small tree, translated to HTTP and OperationOutcome at the edge.

CarespineError
├── Invalid              the request is malformed or breaks a rule of the data      400
│   └── Unprocessable    well-formed, but the resource breaks a FHIR rule           422
├── Unauthenticated      who is asking is not known                                 401
├── Forbidden            who is asking is known, and may not                        403
├── NotFound             there is no such thing, or none that the asker may know    404
├── NotAllowed           the thing exists, the interaction does not                 405
├── Conflict             the current state does not permit it                       409
├── Gone                 it was deleted                                             410
├── PreconditionFailed   If-Match, If-None-Exist and their kind                     412
├── TooLarge             the body is over the limit                                 413
├── UnsupportedMedia     the body's format is not one we read                       415
├── TooMany              slow down                                                  429
├── TooCostly            the answer would take longer than a request may            503
├── Unavailable          a part we depend on is away; try again                     503
└── Misconfigured        what a command was given cannot be used                     -
    └── BadSetting       a setting is wrong or unsafe; the start is refused          -
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: an OperationOutcome.issue in waiting.

    `code` is from the FHIR value set issue-type; `expression` is a FHIRPath to the place, or None.
    `severity` is fatal, error, warning or information. `rule` names what was broken (`pat-1`, a profile's URL), if
    it has a name.
    """

    code: str
    diagnostics: str
    expression: str | None = None
    severity: str = "error"
    rule: str = ""


class CarespineError(Exception):
    """Base of every error the platform raises on purpose; its text is fit to be shown to the asker."""

    status = 500
    code = "exception"

    def __init__(
        self,
        message: str,
        *,
        issues: Sequence[Issue] = (),
        expression: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.issues = tuple(issues) or (Issue(self.code, message, expression),)
        self.headers = headers or {}


class Invalid(CarespineError):
    status, code = 400, "invalid"


class Unprocessable(Invalid):
    status, code = 422, "invalid"


class Unauthenticated(CarespineError):
    status, code = 401, "login"


class Forbidden(CarespineError):
    status, code = 403, "forbidden"


class NotFound(CarespineError):
    status, code = 404, "not-found"


class NotAllowed(CarespineError):
    status, code = 405, "not-supported"


class Conflict(CarespineError):
    status, code = 409, "conflict"


class Gone(CarespineError):
    status, code = 410, "deleted"


class PreconditionFailed(CarespineError):
    status, code = 412, "conflict"


class TooLarge(CarespineError):
    status, code = 413, "too-long"


class UnsupportedMedia(CarespineError):
    status, code = 415, "not-supported"


class TooMany(CarespineError):
    status, code = 429, "throttled"


class TooCostly(CarespineError):
    status, code = 503, "too-costly"


class Unavailable(CarespineError):
    status, code = 503, "transient"


class Misconfigured(CarespineError):
    """What a command was given, or where it was started, cannot be used. Raised at start; never reaches HTTP.

    `page` is the page of the documentation that says more, where one does.
    """

    page: str | None = None


class BadSetting(Misconfigured):
    """A setting is missing, malformed or unsafe."""

    page = "docs/configuration.md"
