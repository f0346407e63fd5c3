"""What a validation asks of the database: it is pure and cannot wait, so it asks, is told, and runs again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.terminology import operations, validating
from carespine.fhir.terminology.requests import Request
from carespine.fhir.terminology.selection import NO_VERSIONS
from carespine.fhir.validation import BuiltInTerminology
from carespine.kernel.errors import CarespineError
from carespine.storage.terminology.library import StoredLibrary

if TYPE_CHECKING:
    from carespine.security.session import Session

# (system, code, value set; an empty value set asks for names)
Question = tuple[str, str, str | None]
_NAMES = ""


@dataclass(slots=True)
class Questions:
    """A terminology, and a `resolve`, that note what they cannot tell by themselves."""

    built_in: BuiltInTerminology
    releases: frozenset[str]
    told: dict[Question, Any]
    found: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    codes: set[Question] = field(default_factory=set)
    references: set[str] = field(default_factory=set)

    def validate_code(self, system: str | None, code: str, value_set: str | None = None) -> bool | None:
        """As `Terminology` says; what only a loaded release knows is asked for."""
        answer = self.built_in.validate_code(system, code, value_set)
        if answer is not None or system not in self.releases or system is None:
            return answer
        told: bool | None = self._ask((system, code, value_set))
        return told

    def displays(self, system: str, code: str) -> Collection[str] | None:
        """As `Terminology` says."""
        if system not in self.releases:
            return self.built_in.displays(system, code)
        told: Collection[str] | None = self._ask((system, code, _NAMES))
        return told

    def resolve(self, reference: str) -> dict[str, Any] | None:
        """A stored resource; noted where it has not been read yet."""
        if reference in self.found:
            return self.found[reference]
        self.references.add(reference)
        return None

    def _ask(self, question: Question) -> Any:
        if question in self.told:
            return self.told[question]
        self.codes.add(question)
        return None

    @property
    def is_open(self) -> bool:
        """Whether something was asked that is not answered."""
        return bool(self.codes or self.references)

    async def answer(self, session: Session) -> None:
        """Answer everything that is open."""
        library = StoredLibrary(session.tx)
        for question in self.codes:
            self.told[question] = await _told(library, question)
        for reference in self.references:
            self.found[reference] = await _read(session, reference)
        self.codes.clear()
        self.references.clear()


async def _told(library: StoredLibrary, question: Question) -> Any:
    """None where it cannot be told: a code system that is not loaded whole, a value set that is not known."""
    system, code, value_set = question
    try:
        if value_set == _NAMES:
            return await _names(library, system, code)
        return await (_in_system(library, system, code) if value_set is None else _in_set(library, question))
    except CarespineError:
        return None  # what terminology cannot answer is not held against the resource


async def _in_system(library: StoredLibrary, url: str, code: str) -> bool | None:
    system = await library.system(url)
    if system is None:
        return None
    verdict = await validating.in_system(system, validating.Asked(code, url))
    return True if verdict.result else False if system.about.is_whole else None


async def _in_set(library: StoredLibrary, question: Question) -> bool | None:
    system, code, url = question
    plain, _, version = str(url).partition("|")
    value_set = await library.value_set(plain, version or None)
    if value_set is None:
        return None
    selection = await library.selecting(library, value_set, NO_VERSIONS)
    asked = validating.Asked(code, system)
    return (await validating.in_value_set(selection, asked, name=plain, library=library)).result


async def _names(library: StoredLibrary, system: str, code: str) -> list[str]:
    told = await operations.lookup(library, Request((("system", system), ("code", code))))
    names = [each["valueString"] for each in told["parameter"] if each["name"] == "display"]
    for each in told["parameter"]:
        if each["name"] == "designation":
            names.extend(part["valueString"] for part in each["part"] if part["name"] == "value")
    return names


async def _read(session: Session, reference: str) -> dict[str, Any] | None:
    """The stored resource that a relative reference names, if the actor may read it."""
    kind, _, rest = reference.partition("/")
    resource_id = rest.partition("/")[0].partition("#")[0]
    try:
        item = await session.read_stored(kind, resource_id)
    except (CarespineError, KeyError):
        return None
    tree: dict[str, Any] = json_text.read(item.body)
    return tree
