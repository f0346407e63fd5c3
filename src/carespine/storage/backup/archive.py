"""The file of a backup: a zip with a manifest, one zstd member for each table, and other files beside them.

manifest.json            what is in it: versions, migrations, rows and digests of each table
tables/NAME.copy.zst     the rows as PostgreSQL's COPY writes them in text, which every version reads
files/...                other files, such as the server's keys
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import zstandard

from carespine.kernel.errors import Invalid

FORMAT = 1
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_LEVEL = 3


class Contents(msgspec.Struct, frozen=True):
    """A table in the backup; `sha256` is of its rows unpacked."""

    columns: tuple[str, ...]
    rows: int
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. `made` is an instant; `files` maps the names of other files to their SHA-256."""

    format: int
    carespine: str
    postgres: str
    made: str
    migrations: tuple[str, ...]
    tables: dict[str, Contents]
    files: dict[str, str]


class Writer:
    """Writes a backup that only its owner can read; it gets its name when it is whole."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.tables: dict[str, Contents] = {}
        self.files: dict[str, str] = {}

    def table(self, name: str, columns: tuple[str, ...], rows: int, chunks: Iterator[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        packing = zstandard.ZstdCompressor(level=_LEVEL)
        with (
            self._member(f"tables/{name}.copy.zst") as member,
            packing.stream_writer(member, closefd=False) as packed,
        ):
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                packed.write(chunk)
        self.tables[name] = Contents(columns, rows, size, digest.hexdigest())

    def file(self, name: str, content: bytes) -> None:
        with self._member(f"files/{name}") as member:
            member.write(content)
        self.files[name] = hashlib.sha256(content).hexdigest()

    def manifest(self, manifest: Manifest) -> None:
        with self._member(_MANIFEST) as member:
            member.write(msgspec.json.format(msgspec.json.encode(manifest)))

    def _member(self, name: str) -> IO[bytes]:
        return self._archive.open(name, "w", force_zip64=True)


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new backup at `path`, which must not exist; on an error nothing is left of it."""
    if path.exists():
        raise Invalid(f"There is a file {path} already; a backup replaces none.")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield Writer(archive)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # fails if another was first, where a rename would replace it
    except FileExistsError as error:
        raise Invalid(f"There is a file {path} already; a backup replaces none.") from error
    finally:
        partial.unlink()


class Reader:
    """Reads a backup, comparing each digest."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive, self._path = archive, path
        try:
            self.manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
        except (KeyError, msgspec.DecodeError) as error:
            raise Invalid(f"{path} is not a backup of Carespine: it has no manifest.") from error
        if self.manifest.format != FORMAT:
            raise Invalid(f"{path} was made by another version of Carespine, {self.manifest.carespine}.")

    def rows(self, name: str) -> Iterator[bytes]:
        """The rows of a table in chunks; raises Invalid at the end where they are not those that were written."""
        digest = hashlib.sha256()
        try:
            with self._archive.open(f"tables/{name}.copy.zst") as member:
                for chunk in zstandard.ZstdDecompressor().read_to_iter(member, read_size=_CHUNK):
                    digest.update(chunk)
                    yield chunk
        except (KeyError, zipfile.BadZipFile, zstandard.ZstdError, EOFError) as error:
            raise self._damaged(f"the table {name}") from error
        if digest.hexdigest() != self.manifest.tables[name].sha256:
            raise self._damaged(f"the table {name}")

    def files(self) -> Mapping[str, bytes]:
        found = {}
        for name, digest in self.manifest.files.items():
            try:
                found[name] = self._archive.read(f"files/{name}")
            except (KeyError, zipfile.BadZipFile) as error:
                raise self._damaged(f"the file {name}") from error
            if hashlib.sha256(found[name]).hexdigest() != digest:
                raise self._damaged(f"the file {name}")
        return found

    def _damaged(self, what: str) -> Invalid:
        return Invalid(f"The backup {self._path} is damaged: {what} is not as it was written.")


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """The backup at `path`; raises Invalid where it is none, or is damaged."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise Invalid(f"{path} is not a backup of Carespine, or is cut short.") from error
    with archive:
        yield Reader(archive, path)
