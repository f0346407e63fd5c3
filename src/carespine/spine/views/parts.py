"""One part of a table, in a process of its own: `python -m carespine.spine.views.parts`, which is told its task over
its standard input (see `child` for the messages) and answers over its output.

A pool of multiprocessing would import the program around it anew in each process: a second's work before the
first row. This module imports little.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from carespine.fhir import json_text, sql_on_fhir
from carespine.fhir.sql_on_fhir import outputs, straight
from carespine.fhir.sql_on_fhir.rows import Row
from carespine.kernel.errors import CarespineError
from carespine.spine.views import child
from carespine.storage import tables
from carespine.storage.tables import Part

T = TypeVar("T")
Progress = Callable[[int], None]
# Resources between two writes, and between two words of progress.
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Made:
    """How many resources were looked at, and how many rows they gave."""

    resources: int
    rows: int


@dataclass(frozen=True, slots=True)
class Task:
    definition: dict[str, Any]
    url: str
    part: Part
    out: Path
    form: str
    header: bool

    def message(self) -> list[Any]:
        """The task as it is sent to another process."""
        part = [self.part.resource_type, self.part.low, self.part.high]
        return [json_text.write(self.definition), self.url, part, str(self.out), self.form, self.header]


def main() -> None:
    """Make the part that is asked for: ["made", resources, rows], or ["refused", sentence]."""
    message = child.read(sys.stdin.buffer)
    if message is None:
        return
    definition, url, part, out, form, header = message
    made = run_part(Task(json_text.read(definition), url, Part(*part), Path(out), form, header))
    answer = ["refused", made] if isinstance(made, str) else ["made", made.resources, made.rows]
    child.write(sys.stdout.buffer, answer)


def run_part(task: Task) -> Made | str:
    """One part; a refusal comes back as its sentence.

    Trees and rows hold no circles: collecting them as garbage would take a third of the time for nothing.
    """
    gc.disable()
    view = sql_on_fhir.read(task.definition)
    writer = outputs.writer(view, task.form, header=task.header)
    try:
        with task.out.open("wb") as out:
            bodies = tables.bodies(task.url, task.part)
            return written(straight.Bodies(view).table, bodies, writer, out, _silent)
    except CarespineError as error:
        return error.message
    finally:
        gc.enable()


def written(
    table: Callable[[list[T]], list[Row]],
    resources: Iterable[T],
    writer: outputs.Writer,
    out: BinaryIO,
    progress: Progress,
) -> Made:
    """Write the table of these resources, whose rows `table` makes."""
    out.write(writer.begin())
    read = written = 0
    for batch in _batches(resources):
        found = table(batch)
        out.write(writer.rows(found))
        read, written = read + len(batch), written + len(found)
        progress(len(batch))
    out.write(writer.end())
    return Made(read, written)


def _batches(resources: Iterable[T]) -> Iterator[list[T]]:
    batch: list[T] = []
    for resource in resources:
        batch.append(resource)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _silent(_count: int) -> None:
    """A part says nothing while it runs."""


if __name__ == "__main__":
    main()
