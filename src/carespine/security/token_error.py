"""The refusal of an OAuth endpoint, in the shape that RFC 6749 section 5.2 gives it."""

from __future__ import annotations

from carespine.kernel.errors import CarespineError


class TokenError(CarespineError):
    """`error` is its code; `client_id` is set once the client is known to be who it says."""

    status, code = 400, "login"

    def __init__(
        self, error: str, description: str, *, status: int = 400, client_id: str | None = None
    ) -> None:
        super().__init__(description)
        self.error, self.status, self.client_id = error, status, client_id
