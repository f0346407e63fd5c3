"""One FHIR request as the interactions see it, and the headers they understand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.actor import Actor

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
_JSON_TYPES = frozenset(
    {"application/fhir+json", "application/json", "application/json+fhir", "text/json", "json", "*/*"}
)
_JSON_WORDS = frozenset({"json", "application/json", "application/fhir+json", "text/json"})

_WRITTEN = "application/fhir+json or application/fhir+xml"


class NotAcceptable(CarespineError):
    """The client accepts no format that we write."""

    status, code = 406, "not-supported"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request: `parts` are the path's segments below the base, `pairs` the query in order.

    `base` is the FHIR base URL without a final slash; `headers` have lower-case names.
    """

    method: str
    parts: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    actor: Actor
    purpose: str
    base: str

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.pairs if key == name), None)

    @property
    def pretty(self) -> bool:
        return self.parameter("_pretty") == "true"

    @property
    def prefer(self) -> frozenset[str]:
        """The preferences of the Prefer header, such as return=minimal and handling=lenient."""
        return frozenset(
            part.strip() for part in re.split("[,;]", self.headers.get("prefer", "")) if part.strip()
        )

    def if_match(self) -> int | None:
        """The version that If-Match names; raises Invalid where it is not a version's ETag."""
        return _version(self.headers.get("if-match"), "If-Match")

    def if_none_match(self) -> int | None:
        value = self.headers.get("if-none-match")
        found = _ETAG.fullmatch(value.strip()) if value else None
        return int(found[1]) if found else None

    def if_modified_since(self) -> datetime | None:
        try:
            value = parsedate_to_datetime(self.headers["if-modified-since"])
        except (KeyError, ValueError):
            return None
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    def demand_json(self) -> None:
        """Raise NotAcceptable where the client wants a format that is neither JSON nor (see formats) XML."""
        wanted = self.parameter("_format")
        if wanted is not None:
            if wanted.split(";")[0].strip().replace(" ", "+") not in _JSON_WORDS:
                raise NotAcceptable(f"The format {wanted[:40]!r} is not written here; ask for {_WRITTEN}.")
            return
        accepted = self.headers.get("accept", "*/*").split(",")
        types = {part.split(";")[0].strip().lower() for part in accepted}
        if not types & _JSON_TYPES and "application/*" not in types:
            raise NotAcceptable(f"Only JSON and XML are written here; send Accept: {_WRITTEN}.")


def _version(value: str | None, name: str) -> int | None:
    if value is None:
        return None
    found = _ETAG.fullmatch(value.strip())
    if not found:
        raise Invalid(f'{name} must name one version, like W/"3".')
    return int(found[1])
