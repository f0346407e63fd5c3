"""Cuts the export's XML into blocks that end between two records, after a safe look at the prolog.

The prolog (all before the root) is never given to an XML parser. Apple's own definition is not well-formed in
the exports of iOS 16, so that strict parsers refuse them; and a definition with entities is an attack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from carespine.devices.adapters.contract import HostileFile, UnreadableFile

# A block is parsed in one go: large enough for speed, small enough for flat memory.
BLOCK_BYTES = 2 * 1024 * 1024
# Apple's prolog is about 8 KB; ten times that without a root element is not an export.
MAX_PROLOG = 256 * 1024
# A single record with its children; Apple's largest (heart-rate series) are some hundred KB.
MAX_RECORD = 64 * 1024 * 1024
_STARTS = (b"<Record ", b"<Correlation ", b"<Workout ", b"<ActivitySummary ")
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([^"']+)["']""")
_ROOT = re.compile(rb"<HealthData[\s>/]")


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The XML from `<HealthData` on, in blocks each of which begins at the start of an element.

    Raises UnreadableFile when there is no such root, HostileFile when the prolog declares entities.
    """
    stream = iter(pieces)
    buffer = [_after_prolog(stream)]
    size = len(buffer[0])
    for piece in stream:
        buffer.append(piece)
        size += len(piece)
        if size < BLOCK_BYTES:
            continue
        joined = b"".join(buffer)
        cut = _last_start(joined, 0, len(joined))
        if cut > 0:
            yield joined[:cut]
            buffer, size = [joined[cut:]], len(joined) - cut
        elif size > MAX_RECORD:
            raise HostileFile("One record of the file is larger than any real record; the file is refused.")
        else:
            buffer = [joined]
    rest = b"".join(buffer)
    if rest:
        yield rest


def parts(block: bytes, size: int) -> Iterator[bytes]:
    """A block in parts of about `size` bytes, each of which begins at the start of an element too."""
    begin = 0
    while len(block) - begin > size:
        cut = _last_start(block, begin + 1, begin + size)
        if cut <= begin:
            break
        yield block[begin:cut]
        begin = cut
    yield block[begin:]


def _last_start(text: bytes, begin: int, end: int) -> int:
    """Where the last element of these begins in a stretch; -1 without one. Mostly a record is near the end."""
    last = -1
    for start in _STARTS:
        last = max(last, text.rfind(start, max(begin, last), end))
    return last


def _after_prolog(stream: Iterator[bytes]) -> bytes:
    head = b""
    for piece in stream:
        head += piece
        root = _ROOT.search(head)
        if root is not None:
            _check_prolog(head[: root.start()])
            return head[root.start() :]
        if len(head) > MAX_PROLOG:
            break
    raise UnreadableFile("The file has no HealthData element, so it is not an Apple Health export.")


def _check_prolog(prolog: bytes) -> None:
    if len(prolog) > MAX_PROLOG:
        raise UnreadableFile("The file has no HealthData element near its start.")
    if b"<!ENTITY" in prolog or b"SYSTEM" in prolog or b"PUBLIC" in prolog:
        raise HostileFile("The file declares XML entities, which an Apple Health export never does.")
    encoding = _ENCODING.match(prolog.removeprefix(b"\xef\xbb\xbf"))
    if encoding is not None and encoding.group(1).lower() not in (b"utf-8", b"us-ascii", b"ascii"):
        raise UnreadableFile("The file is not encoded in UTF-8, as Apple Health exports are.")
