"""One part of a table, in a process of its own: this module imports little, since each process imports it anew."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from carespine.fhir import sql_on_fhir
from carespine.fhir.sql_on_fhir import decoding, outputs
from carespine.fhir.sql_on_fhir.rows import Rows
from carespine.kernel.errors import CarespineError
from carespine.storage import tables
from carespine.storage.tables import Part

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


def run_part(task: Task) -> Made | str:
    """One part, in a process of its own; a refusal comes back as its sentence.

    Trees and rows hold no circles: collecting them as garbage would take a third of the time for nothing.
    """
    gc.disable()
    view = sql_on_fhir.read(task.definition)
    decode = decoding.decoder(view)
    trees = (decode(body) for body in tables.bodies(task.url, task.part))
    writer = outputs.writer(view, task.form, header=task.header)
    try:
        with task.out.open("wb") as out:
            return written(sql_on_fhir.Rows(view), trees, writer, out, _silent)
    except CarespineError as error:
        return error.message
    finally:
        gc.enable()


def written(
    rows: Rows, trees: Iterable[dict[str, Any]], writer: outputs.Writer, out: BinaryIO, progress: Progress
) -> Made:
    """Write the table of these resources."""
    out.write(writer.begin())
    resources = written = 0
    for batch in _batches(trees):
        found = rows.table(batch)
        out.write(writer.rows(found))
        resources, written = resources + len(batch), written + len(found)
        progress(len(batch))
    out.write(writer.end())
    return Made(resources, written)


def _batches(trees: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for tree in trees:
        batch.append(tree)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _silent(_count: int) -> None:
    """A part says nothing while it runs."""
