"""Release files in a folder, in a zip or by themselves, read line by line; and what is read from them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from carespine.fhir.terminology.models import Concept, Described
from carespine.kernel.errors import Invalid

# Told what is being read, and how many more records were.
Progress = Callable[[str, int], None]
_STEP = 20_000


@dataclass(frozen=True, slots=True)
class Release:
    """A code system as it was read: concepts in the order in which they will be listed; members by reference set."""

    about: Described
    concepts: Sequence[Concept]
    refsets: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Source:
    """The files of a release by name."""

    def __init__(self, path: Path, names: list[str], opened: Callable[[str], BinaryIO]) -> None:
        self.path, self.names, self._opened = path, names, opened

    @staticmethod
    @contextmanager
    def open(path: Path) -> Iterator[Source]:
        """A folder, a zip, or one file; raises Invalid where it cannot be read."""
        if path.is_dir():
            names = sorted(str(item.relative_to(path)) for item in path.rglob("*") if item.is_file())
            yield Source(path, names, lambda name: (path / name).open("rb"))
            return
        if not path.is_file():
            raise Invalid(f"There is no file or folder {path}.")
        if not zipfile.is_zipfile(path):
            yield Source(path, [path.name], lambda _: path.open("rb"))
            return
        try:
            with zipfile.ZipFile(path) as archive:
                yield Source(path, sorted(archive.namelist()), lambda name: _member(archive, name))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise Invalid(f"{path} cannot be unpacked: {error}.") from error

    def matching(self, pattern: str) -> list[str]:
        """The names whose last part matches, without regard to case."""
        wanted = re.compile(pattern, re.IGNORECASE)
        return [name for name in self.names if wanted.fullmatch(name.rpartition("/")[2])]

    @contextmanager
    def binary(self, name: str) -> Iterator[BinaryIO]:
        with self._opened(name) as file:
            yield file

    @contextmanager
    def text(self, name: str) -> Iterator[io.TextIOWrapper]:
        """UTF-8 text, of lines that end as they are written."""
        with self._opened(name) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")

    def rows(self, name: str, columns: Sequence[str], progress: Progress) -> Iterator[list[str]]:
        """The rows of a tab-separated file, with the columns in this order; raises Invalid for another shape."""
        label = name.rpartition("/")[2]
        try:
            with self.text(name) as file:
                head = next(file, "").rstrip("\r\n").split("\t")
                if missing := [column for column in columns if column not in head]:
                    raise Invalid(f"{name} has no column {missing[0]}.")
                places = [head.index(column) for column in columns]
                for number, line in enumerate(file, start=1):
                    cells = line.rstrip("\r\n").split("\t")
                    if len(cells) != len(head):
                        raise Invalid(
                            f"{name}, line {number + 1}: {len(cells)} columns instead of {len(head)}."
                        )
                    yield [cells[place] for place in places]
                    if not number % _STEP:
                        progress(label, _STEP)
        except UnicodeDecodeError as error:
            raise Invalid(f"{name} is not UTF-8.") from error


def _member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    return archive.open(name)  # type: ignore[return-value]


def in_order(concepts: list[Concept]) -> list[Concept]:
    """As people want to find them: active before inactive, short displays before long ones."""
    return sorted(
        concepts, key=lambda item: (item.inactive, len(item.display or ""), item.display or "", item.code)
    )
