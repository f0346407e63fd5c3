"""What an adapter is: the promise between a file format and the rest of the domain.

An adapter is a folder: `manifest.toml` (what it is and how its words map to ours), `adapter.py`, `samples/`
(made by ourselves) and `quality.toml` (done, todo or exempt for each of QUALITY_POINTS, with a reason).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any, BinaryIO, Protocol

from carespine.devices.samples import Batch
from carespine.kernel.errors import TooLarge, Unprocessable, UnsupportedMedia

# Every adapter says, for each of these, whether it is done, todo or exempt, and why.
QUALITY_POINTS = (
    "streams-with-flat-memory",
    "accounts-for-every-record",
    "keeps-the-offset-of-each-reading",
    "normalises-source-identity",
    "converts-every-known-unit",
    "survives-damaged-files",
    "refuses-hostile-files",
    "tested-with-own-samples",
    "measured-speed",
)


class UnreadableFile(Unprocessable):
    """The file is damaged so that nothing of it can be trusted; the text says what to do."""


class HostileFile(TooLarge):
    """The file would unfold to far more than it is: it is refused before it does."""


class UnknownFormat(UnsupportedMedia):
    """No adapter recognises the file."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an adapter reads. `words` is the format's own vocabulary, as manifest.toml writes it."""

    key: str
    title: str
    platform: str
    media_types: tuple[str, ...]
    words: dict[str, Any]


class Reading(Protocol):
    """One file being read. After `batches` is exhausted, `damage` says where and why it broke off."""

    @property
    def damage(self) -> str | None: ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what was not read, or was read with a doubt."""
        ...

    def batches(self) -> Iterator[Batch]:
        """The readings in file order, a few thousand at a time. Raises UnreadableFile or HostileFile."""
        ...


class Adapter(Protocol):
    """Reads one format."""

    @property
    def manifest(self) -> Manifest: ...

    def recognises(self, file: BinaryIO, *, name: str = "") -> bool:
        """Whether `file`, called `name`, looks like this format; its position may change. Never raises."""
        ...

    def open(self, file: BinaryIO, *, now: datetime, name: str = "", zone: str | None = None) -> Reading:
        """Start reading a seekable file from its beginning. Readings after `now` are refused one by one.

        `name` is what the sender calls the file. `zone` is the IANA zone in which the person lived, as the
        sender says: it serves where the file has no offset. Without it such readings are marked ambiguous.
        """
        ...


def load_manifest(package: str) -> Manifest:
    """The manifest.toml beside the adapter in `package`."""
    text = resources.files(package).joinpath("manifest.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    adapter = rows.pop("adapter")
    return Manifest(
        key=adapter["key"],
        title=adapter["title"],
        platform=adapter["platform"],
        media_types=tuple(adapter["media_types"]),
        words=rows,
    )
