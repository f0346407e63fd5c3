"""One FHIR request as the interactions see it, and the headers they understand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.actor import Actor
from carespine.security.writing import ANY_VERSION

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
JSON_WORDS = frozenset(
    {"json", "application/json", "application/fhir+json", "application/json+fhir", "text/json"}
)
XML_WORDS = frozenset({"xml", "application/fhir+xml", "application/xml", "application/xml+fhir", "text/xml"})
# The values of the MIME parameter fhirVersion that stand for R4 (R4 http.html#version-parameter).
R4_VERSIONS = ("4.0", "4.0.0", "4.0.1")

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
        given = self.headers.get("prefer")
        if not given:
            return frozenset()
        return frozenset(part.strip().replace('"', "") for part in re.split("[,;]", given) if part.strip())

    def if_match(self) -> int | None:
        """The version that If-Match names, or ANY_VERSION; raises Invalid where it is neither an ETag nor `*`."""
        value = self.headers.get("if-match")
        return ANY_VERSION if value is not None and value.strip() == "*" else _version(value, "If-Match")

    def has(self, version: int) -> bool:
        """Whether If-None-Match says that the client has this version already."""
        given = self.headers.get("if-none-match")
        if given is None:
            return False
        return given.strip() == "*" or str(version) in _ETAG.findall(given)

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
            if wanted.split(";")[0].strip().replace(" ", "+").lower() not in JSON_WORDS:
                raise NotAcceptable(f"The format {wanted[:40]!r} is not written here; ask for {_WRITTEN}.")
            return
        if not any(weights(self.headers.get("accept", ""))):
            raise NotAcceptable(f"Only JSON and XML of FHIR R4 are written here; send Accept: {_WRITTEN}.")


@lru_cache(maxsize=512)
def weights(accept: str) -> tuple[float, float]:
    """How much an Accept header wants JSON and XML; 0 is not at all. Both are wanted where there is none.

    Among equals the first is preferred, as clients mean it; a FHIR version that is not R4's is not had here.
    """
    found: dict[str, tuple[bool, float]] = {}
    for position, part in enumerate(accept.split(",") if accept.strip() else ("*/*",)):
        media, _, text = part.strip().lower().partition(";")
        given = dict(parameters(text))
        if given.get("fhirversion", R4_VERSIONS[0]) not in R4_VERSIONS:
            continue
        quality = _quality(given.get("q", "1"))
        for kind, is_exact in _kinds(media.strip()):
            weight = (is_exact, quality - position * 1e-6 if quality else 0.0)
            if kind not in found or weight > found[kind]:
                found[kind] = weight
    return found.get("json", (False, 0.0))[1], found.get("xml", (False, 0.0))[1]


def _kinds(media: str) -> tuple[tuple[str, bool], ...]:
    """What a media range stands for, and whether it names it: what is named counts before what is meant too."""
    if media in JSON_WORDS:
        return (("json", True),)
    if media in XML_WORDS:
        return (("xml", True),)
    return (("json", False), ("xml", False)) if media in ("*/*", "application/*") else ()


def parameters(text: str) -> Iterator[tuple[str, str]]:
    """The parameters of a media type: what follows its first semicolon."""
    for parameter in text.split(";"):
        name, _, value = parameter.partition("=")
        yield name.strip(), value.strip().strip('"')


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _version(value: str | None, name: str) -> int | None:
    if value is None:
        return None
    found = _ETAG.fullmatch(value.strip())
    if not found:
        raise Invalid(f'{name} must name one version, like W/"3", or be *.')
    return int(found[1])
