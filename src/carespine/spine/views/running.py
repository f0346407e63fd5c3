"""Running a view in bulk: over files, or over all that is stored, in several processes side by side."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from carespine.fhir import codec, sql_on_fhir
from carespine.fhir.documents import documents
from carespine.fhir.sql_on_fhir import outputs
from carespine.kernel.errors import CarespineError, Invalid, Unprocessable
from carespine.security.actor import ADMINISTRATION
from carespine.spine.views import child, parts
from carespine.spine.views.parts import Made, Progress, Task, run_part, written
from carespine.storage import tables

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.security.door import Door


def over_files(
    definition: dict[str, Any], paths: Iterable[Path], out: BinaryIO, form: str, progress: Progress
) -> Made:
    """The table of the resources in files (bundles, NDJSON, gzip of either); raises Invalid, with its place, for a
    document that is not R4."""
    view = sql_on_fhir.read(definition)
    return written(sql_on_fhir.Rows(view).table, _in_files(paths), outputs.writer(view, form), out, progress)


async def over_stored(
    door: Door, actor: Actor, definition: dict[str, Any], url: str, out: Path, form: str, *, jobs: int
) -> Made:
    """The table of all that is stored of the view's type, written to a file; the trail of each patient says so.

    Processes read parts of the table over connections of their own; what they write is put together in order.
    """
    view = sql_on_fhir.read(definition)
    outputs.writer(view, form)
    async with door.enter(actor, purpose=ADMINISTRATION) as session:
        shares = await tables.parts(session.tx, view.resource, jobs)
        await session.tabulated(view.resource, what=f"view {view.name}")
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        tasks = [
            Task(definition, url, part, Path(folder) / f"{number}.{form}", form, number == 0)
            for number, part in enumerate(shares)
        ]
        made = _side_by_side(tasks)
        if fault := next((item for item in made if isinstance(item, str)), None):
            raise Unprocessable(fault)
        _join([task.out for task in tasks], out, form)
    counts = [item for item in made if isinstance(item, Made)]
    return Made(sum(item.resources for item in counts), sum(item.rows for item in counts))


def _side_by_side(tasks: list[Task]) -> list[Made | str]:
    """Run the parts: the first here, each other in a process of its own. A refusal comes as its sentence."""
    others: list[subprocess.Popen[bytes]] = []
    try:
        for task in tasks[1:]:
            command = [sys.executable, "-m", parts.__name__]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            others.append(process)
            child.write(cast("Any", process.stdin), task.message())
        return [run_part(tasks[0]), *map(_answer, others)]
    finally:
        for process in others:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _answer(process: subprocess.Popen[bytes]) -> Made | str:
    answer = child.read(cast("Any", process.stdout))
    if answer is None:
        raise RuntimeError(f"A process that made a part of a table ended by itself, with {process.wait()}.")
    return Made(*answer[1:]) if answer[0] == "made" else str(answer[1])


def _in_files(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for place, text in documents(path):
            try:
                tree = codec.decode(text)
            except CarespineError as error:
                raise Invalid(f"{place}: {error.message}") from error
            if tree["resourceType"] == "Bundle":
                yield from (entry["resource"] for entry in tree.get("entry", ()) if "resource" in entry)
            else:
                yield tree


def _join(parts: list[Path], out: Path, form: str) -> None:
    """The parts one after the other; of Parquet, their row groups."""
    if form == "parquet":
        _join_parquet(parts, out)
        return
    with out.open("wb") as whole:
        for part in parts:
            if part.exists():
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole, 1 << 20)


def _join_parquet(parts: list[Path], out: Path) -> None:
    from pyarrow import parquet  # noqa: PLC0415 - a second of start-up that only Parquet is worth

    files = [parquet.ParquetFile(part) for part in parts if part.exists() and part.stat().st_size]
    if not files:
        return
    with parquet.ParquetWriter(out, files[0].schema_arrow, compression="zstd") as whole:
        for file in files:
            for group in range(file.num_row_groups):
                whole.write_table(file.read_row_group(group))
