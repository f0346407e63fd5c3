"""Opens export.zip safely and gives its export.xml as a stream, or a bare export.xml as it is."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from carespine.devices.adapters.contract import HostileFile, UnreadableFile
from carespine.devices.words import counted

# Deflate reaches 1032:1; real Apple exports stay under 40:1 (measured on exports of 45 to 211 MB).
MAX_EXPANSION = 200
# Below this many bytes unfolded, no ratio is harmful.
ALWAYS_ALLOWED = 64 * 1024 * 1024
# What the library raises on archives that are damaged; a negative position is a ValueError.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
_STEP = 1024 * 1024
_ROOT = b"<HealthData"
_HEAD = 256 * 1024
# The export and its clinical document; an archive of thousands of XML files is not gone through.
_MOST_LOOKED_INTO = 4


def is_zip(file: BinaryIO) -> bool:
    """Whether `file` begins as a zip archive does."""
    file.seek(0)
    return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def looks_like_export(file: BinaryIO) -> bool:
    """Whether `file` is an Apple export: a zip that holds one, or XML with the root HealthData.

    An archive too damaged to look into is taken for one: only the adapter can say what is wrong with it.
    """
    if is_zip(file):
        return _holds_export(file)
    file.seek(0)
    return _ROOT in file.read(_HEAD)


def _holds_export(file: BinaryIO) -> bool:
    try:
        with _opened(file) as archive, archive.open(_export_member(archive)) as member:
            return _ROOT in member.read(_HEAD)
    except UnreadableFile as error:
        return isinstance(error.__cause__, DAMAGED)
    except DAMAGED:
        return True


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of the export's XML, about a megabyte at a time."""
    if not is_zip(file):
        file.seek(0)
        while piece := file.read(_STEP):
            yield piece
        return
    with _opened(file) as archive:
        yield from _unfolded(archive, _export_member(archive))


def unread_members(file: BinaryIO) -> tuple[str, ...]:
    """Sentences about the parts of the archive that this adapter does not read."""
    if not is_zip(file):
        return ()
    with _opened(file) as archive:
        chosen = _export_member(archive).filename
        kinds = Counter(
            PurePosixPath(name).parent.name or PurePosixPath(name).name
            for name in archive.namelist()
            if name != chosen and not name.endswith("/")
        )
    return tuple(f"Not read: {counted(count, 'file')} in {kind}." for kind, count in sorted(kinds.items()))


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    file.seek(0)
    try:
        return zipfile.ZipFile(file)
    except DAMAGED as error:
        raise UnreadableFile(
            "The zip archive is damaged or was cut off on its way. Export it again and send it whole."
        ) from error


def _export_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The largest XML file that is not the clinical document; the names of both depend on the phone's language."""
    candidates = [
        info
        for info in archive.infolist()
        if info.filename.lower().endswith(".xml") and not info.filename.lower().endswith("_cda.xml")
    ]
    if not candidates:
        raise UnreadableFile("The zip archive holds no export.xml, so it is not an Apple Health export.")
    by_size = sorted(candidates, key=lambda info: info.file_size, reverse=True)
    chosen = next((info for info in by_size[:_MOST_LOOKED_INTO] if _has_root(archive, info)), by_size[0])
    if chosen.flag_bits & 0x1:
        raise UnreadableFile("The export inside the archive is encrypted. Send it without a password.")
    return chosen


def _has_root(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Whether the member begins as an export does; one that is damaged is told about when it is read."""
    try:
        with archive.open(member) as stream:
            return _ROOT in stream.read(_HEAD)
    except DAMAGED:
        return False


def _unfolded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unfolds the member; what counts is what really comes out, not what the archive says of itself."""
    limit = max(ALWAYS_ALLOWED, member.compress_size * MAX_EXPANSION)
    unfolded = 0
    try:
        with archive.open(member) as stream:
            while piece := stream.read(_STEP):
                unfolded += len(piece)
                if unfolded > limit:
                    raise HostileFile(
                        f"The archive unfolds to more than {MAX_EXPANSION} times its size and is refused."
                    )
                yield piece
    except DAMAGED as error:
        raise UnreadableFile(
            "The export inside the archive is damaged or cut off. Export it again and send it whole."
        ) from error
