"""Validating files: resources, bundles and NDJSON, gzipped or not, JSON or XML, by several processes at once."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from carespine.fhir import codec, packages, xml
from carespine.fhir.documents import documents as of_file
from carespine.fhir.validation.context import Context, with_definitions
from carespine.fhir.validation.findings import ERROR
from carespine.fhir.validation.profiles.loading import load, problem_with
from carespine.fhir.validation.validator import validate
from carespine.kernel.errors import Invalid, Issue, Unprocessable

# Ours: documents that one process takes at a time; below this many, one process does it all.
_CHUNK = 50
# Ours: chunks that wait for each process, so that a large file is never in memory as a whole.
_AHEAD = 3
_SUFFIXES = (".json", ".ndjson", ".jsonl", ".xml")
Document = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """What to validate against: profiles by URL, packages by path."""

    profiles: tuple[str, ...] = ()
    packages: tuple[Path, ...] = ()
    must_support: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one document: its place (`file.ndjson:3`), the resource's type and id where it has them."""

    place: str
    type: str
    issues: tuple[Issue, ...]

    @property
    def valid(self) -> bool:
        """Whether there is no error."""
        return not any(issue.severity in (ERROR, "fatal") for issue in self.issues)


def context_of(request: Request) -> tuple[Context, list[str]]:
    """The context of a request, and in words what its packages lack.

    Raises Invalid where a package cannot be read or a profile is not known.
    """
    read = [packages.read(path) for path in request.packages]
    context = with_definitions(packages.joined(read), must_support=request.must_support)
    for url in request.profiles:
        if load(url, context) is None:
            why = (
                problem_with(url, context) or "it is not known; name the package that defines it (--package)"
            )
            raise Invalid(f"The profile {url} cannot be used: {why}.")
    notes = [f"A package is absent: {each}." for each in packages.missing_dependencies(read)]
    return context, [*notes, *(f"{package.name}: {each}" for package in read for each in package.skipped)]


def documents(paths: Iterable[Path]) -> Iterator[Document]:
    """Each document of the files, and of the files in folders, with its place; Invalid for an unreadable file."""
    for path in paths:
        if path.is_dir():
            yield from documents(file for file in sorted(path.rglob("*")) if _is_wanted(file))
        else:
            yield from of_file(path)


def _is_wanted(path: Path) -> bool:
    name = path.name.removesuffix(".gz")
    return path.is_file() and name.endswith(_SUFFIXES) and name not in ("package.json", ".index.json")


def judge(document: Document, profiles: Sequence[str], context: Context) -> Verdict:
    """What is wrong with one document; one that cannot be read is a verdict too."""
    place, raw = document
    is_xml = raw.lstrip()[:1] == b"<"
    try:
        tree = xml.decode(raw) if is_xml else codec.decode(raw)
    except Unprocessable as error:
        return Verdict(place, "", error.issues)
    except Invalid as error:
        return Verdict(place, "", (Issue("invalid", error.message, None, "fatal"),))
    return Verdict(place, tree["resourceType"], tuple(validate(tree, profiles, context)))


def validate_files(paths: Iterable[Path], request: Request, *, processes: int = 1) -> Iterator[Verdict]:
    """The verdicts on all documents, in their order. Raises Invalid as `context_of` and `documents` do."""
    found = documents(paths)
    first = list(itertools.islice(found, _CHUNK))
    if processes == 1 or len(first) < _CHUNK:
        context, _ = context_of(request)
        for document in itertools.chain(first, found):
            yield judge(document, request.profiles, context)
        return
    yield from _by_processes(itertools.chain(first, found), request, processes)


def _by_processes(found: Iterator[Document], request: Request, processes: int) -> Iterator[Verdict]:
    # Started afresh and not copied, so that nothing the caller holds (threads, connections) is in them.
    start = multiprocessing.get_context("spawn")
    waiting: deque[Future[list[Verdict]]] = deque()
    with ProcessPoolExecutor(processes, mp_context=start, initializer=_prepare, initargs=(request,)) as pool:
        while chunk := list(itertools.islice(found, _CHUNK)):
            waiting.append(pool.submit(_judge_all, chunk))
            if len(waiting) >= processes * _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


_state: dict[str, tuple[Context, tuple[str, ...]]] = {}


def _prepare(request: Request) -> None:
    context, _ = context_of(request)
    _state["context"] = (context, request.profiles)


def _judge_all(chunk: list[Document]) -> list[Verdict]:
    context, profiles = _state["context"]
    return [judge(document, profiles, context) for document in chunk]
