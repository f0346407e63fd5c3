"""Content codings: bodies that come packed, answers that go packed (RFC 9110 section 8.4)."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from carespine.kernel.errors import Invalid, TooLarge, UnsupportedMedia

if TYPE_CHECKING:
    from starlette.types import Scope

# Chosen by us: below this the bytes that are saved are not worth the time.
WORTH_PACKING = 4_096
HEADERS = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
_GZIP = 16 + zlib.MAX_WBITS
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_UNPACKED = ("identity", "")


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was packed; raises TooLarge before more than `limit` bytes are unpacked.

    Raises UnsupportedMedia for a coding that is not read here, Invalid for a body that is damaged.
    """
    name = encoding.strip().lower()
    if name in _UNPACKED:
        return body
    if name not in _WINDOWS:
        raise UnsupportedMedia(
            f"The coding {name[:40]!r} is not read here; send gzip, deflate or the body as it is.",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    stream = zlib.decompressobj(_WINDOWS[name])
    try:
        whole = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Invalid(f"The body is not what its coding {name} says.") from error
    if len(whole) > limit:
        raise TooLarge(f"Unpacked the body is larger than {limit // 1024 // 1024} MiB.")
    if not stream.eof:
        raise Invalid("The packed body ends too early.")
    if stream.unused_data:
        raise Invalid("Something follows the packed body.")
    return whole


def wanted(scope: Scope) -> bool:
    """Whether the client takes gzip."""
    return any(name == b"accept-encoding" and _takes_gzip(value) for name, value in scope["headers"])


def packed(body: bytes) -> bytes:
    """The body packed, at the quickest level."""
    stream = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return stream.compress(body) + stream.flush()


@lru_cache(maxsize=256)
def _takes_gzip(accept: bytes) -> bool:
    weights = {}
    for part in accept.decode("latin-1").lower().split(","):
        name, _, parameters = part.partition(";")
        weights[name.strip()] = _quality(parameters)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _quality(parameters: str) -> float:
    try:
        return float(parameters.partition("q=")[2] or 1)
    except ValueError:
        return 0.0
