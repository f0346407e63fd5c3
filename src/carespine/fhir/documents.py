"""The JSON documents of a file: NDJSON or one document, gzipped or not."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from carespine.kernel.errors import Invalid

_LONGEST = 256 * 1024 * 1024


def documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each document with its place ("file.ndjson:3"), without a byte order mark (RFC 8259, 8.1).

    Raises Invalid for a file that cannot be read, after what could be; an empty file of NDJSON holds nothing.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            if ".ndjson" in path.name or ".jsonl" in path.name:
                for number, line in enumerate(file, start=1):
                    text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                    if text.strip():
                        yield f"{path.name}:{number}", text
                return
            text = file.read(_LONGEST + 1).removeprefix(codecs.BOM_UTF8)
    except gzip.BadGzipFile as error:
        raise Invalid(f"{path.name} cannot be read: it is called .gz and is no gzip file.") from error
    except (EOFError, zlib.error) as error:
        raise Invalid(
            f"{path.name} cannot be read to its end: the gzip file is cut off or damaged."
        ) from error
    except OSError as error:
        raise Invalid(f"{path.name} cannot be read: {error.strerror or 'the system refuses'}.") from error
    if not text.strip():
        raise Invalid(f"{path.name} is empty.")
    if len(text) > _LONGEST:
        raise Invalid(f"{path.name} is larger than 256 MiB: send its resources as NDJSON, one a line.")
    yield path.name, text
