"""CodeSystem/$validate-code and ValueSet/$validate-code: is this code one of them, and is its display right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from carespine.fhir.terminology.expanding import display_in
from carespine.fhir.terminology.library import Library
from carespine.fhir.terminology.memory import texts_of
from carespine.fhir.terminology.models import Concept, Designation
from carespine.fhir.terminology.segments import Codes, concepts_of
from carespine.fhir.terminology.selection import NO_VERSIONS, Selection, Versions
from carespine.fhir.terminology.system import Grammar, System


@dataclass(frozen=True, slots=True)
class Asked:
    """A code to be validated. `system` None where it is to be inferred from the value set."""

    code: str
    system: str | None = None
    version: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, with a message where there is something to say, and the right display where there is one.

    `kind` is what the message is about, a code of HL7's tx-issue-type; `coding` is the code that was judged, with the
    system and version that it was judged by; `unknown` is a code system that had to be known and is not.
    """

    result: bool
    message: str | None = None
    display: str | None = None
    kind: str | None = None
    coding: Asked | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """`abstract` False refuses abstract concepts; `language` is that of the display; a wrong display is only a warning
    where it is `lenient`."""

    abstract: bool = True
    language: str | None = None
    lenient: bool = False


ANY = Rules()


async def in_system(system: System | Grammar, asked: Asked, rules: Rules = ANY) -> Verdict:
    """Whether the code is a code of the system."""
    about = system.about
    coding = Asked(asked.code, about.url, about.version)
    if about.content == "not-present":
        text = f"The content of the code system {about.url} is not loaded here."
        return Verdict(False, text, kind="not-found", coding=coding, unknown=about.url)
    concept = (await concepts_of(system, [asked.code])).get(asked.code)
    if concept is None:
        part = "" if about.is_whole else f" (only a part of it, {about.content}, is known here)"
        text = f"The code {asked.code!r} is not a code of {about.canonical}{part}."
        return Verdict(False, text, kind="invalid-code", coding=coding)
    return judged(concept, asked, rules, coding)


async def in_value_set(
    selection: Selection,
    asked: Asked,
    *,
    name: str,
    library: Library,
    rules: Rules = ANY,
    versions: Versions = NO_VERSIONS,
) -> Verdict:
    """Whether the code is in the value set that was selected; `name` is what the message calls it."""
    systems = [asked.system] if asked.system is not None else _candidates(selection)
    holders = [url for url in systems if await selection.has(url, asked.code)]
    if len(holders) > 1:
        text = f"The code {asked.code!r} is in {name} under several systems: {', '.join(holders)}."
        return Verdict(False, text, kind="cannot-infer", coding=Asked(asked.code))
    if not holders:
        return await _absent(selection, asked, name, library)
    coding = Asked(asked.code, holders[0], next((s.version for s in selection.of(holders[0])), None))
    if asked.version is not None and not _has_version(selection, holders[0], asked.version):
        used = ", ".join(sorted({s.version or "none" for s in selection.of(holders[0])}))
        text = f"{name} uses {holders[0]} of version {used}; the code is of version {asked.version}."
        return Verdict(False, text, kind="vs-invalid", coding=coding)
    return judged(await _concept(selection, holders[0], asked.code), asked, rules, coding)


async def in_value_set_any(
    selection: Selection, codings: Sequence[Asked], *, name: str, library: Library, rules: Rules = ANY
) -> Verdict:
    """A CodeableConcept is valid where one of its codings is."""
    verdicts = [
        await in_value_set(selection, asked, name=name, library=library, rules=rules) for asked in codings
    ]
    return _best(verdicts)


async def in_system_any(system: System | Grammar, codings: Sequence[Asked], rules: Rules = ANY) -> Verdict:
    """The same of a code system; codings of other systems do not count."""
    own = [asked for asked in codings if asked.system in (None, system.about.url)]
    return _best([await in_system(system, asked, rules) for asked in own])


def judged(concept: Concept, asked: Asked, rules: Rules, coding: Asked | None = None) -> Verdict:
    """The verdict on a code that is there: an abstract concept, a wrong display, an inactive one."""
    display = display_in(concept, rules.language)
    if concept.abstract and not rules.abstract:
        text = f"The concept {asked.code!r} is abstract and not to be chosen."
        return Verdict(False, text, display, "code-rule", coding)
    if asked.display is not None and not _is_display(concept, asked.display):
        text = f"{asked.display!r} is not a display of {asked.code!r}; it is {display!r}."
        return Verdict(rules.lenient, text, display, "invalid-display", coding)
    if concept.inactive:
        return Verdict(True, f"The concept {asked.code!r} is inactive.", display, "code-comment", coding)
    if asked.display is not None and asked.display not in texts_of(concept) and display is not None:
        text = f"The display differs from {display!r} in case or spaces."
        return Verdict(True, text, display, "display-comment", coding)
    return Verdict(True, None, display, None, coding)


def _is_display(concept: Concept, display: str) -> bool:
    """R4: displays are compared without regard to case and white space. None is known: any will do."""
    known = [text for text in texts_of(concept) if text is not None]
    return not known or _folded(display) in {_folded(text) for text in known}


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _best(verdicts: list[Verdict]) -> Verdict:
    if not verdicts:
        return Verdict(False, "There is no coding of the code system to be checked.", kind="invalid-data")
    good = next((verdict for verdict in verdicts if verdict.result), None)
    if good is not None:
        return good
    return replace(verdicts[0], message=" ".join(verdict.message or "" for verdict in verdicts))


def _candidates(selection: Selection) -> list[str]:
    return list(dict.fromkeys(segment.url for segment in selection.segments))


def _has_version(selection: Selection, url: str, version: str) -> bool:
    return any(segment.version in (None, version) for segment in selection.of(url))


async def _concept(selection: Selection, url: str, code: str) -> Concept:
    """The concept as the system has it, with the display that the value set gives it."""
    found = Concept(code)
    for segment in selection.of(url):
        if not await segment.has(code):
            continue
        known = (await concepts_of(segment.system, [code])).get(code)
        found = known or found
        if isinstance(segment, Codes) and (item := segment.listed.get(code)) is not None:
            designations = (*item.designations, *found.designations)
            return Concept(
                code,
                item.display or found.display,
                found.definition,
                designations if item.display in (None, found.display) else (*designations, *_as_other(found)),
                found.properties,
                found.parents,
                found.inactive,
                found.abstract,
            )
    return found


def _as_other(concept: Concept) -> tuple[Designation, ...]:
    return (Designation(concept.display),) if concept.display else ()


async def _absent(selection: Selection, asked: Asked, name: str, library: Library) -> Verdict:
    """The code is not in the value set: why, as far as can be said."""
    coding = Asked(asked.code, asked.system, asked.version)
    where = f"{asked.system}|" if asked.system else ""
    text = f"The code {where}{asked.code} is not in {name}."
    if selection.unknown:
        missing = sorted(selection.unknown)
        text = f"{text} What it takes from {', '.join(missing)} is not known here."
        return Verdict(False, text, kind="not-found", coding=coding, unknown=missing[0])
    if asked.system is None:
        return Verdict(False, text, kind="cannot-infer", coding=coding)
    # What the value set uses has been looked for already.
    own = [s for s in selection.of(asked.system) if asked.version in (None, s.version)]
    system = own[0].system if own else await library.system(asked.system, asked.version)
    if system is None:
        text = f"{text} The code system {asked.system} is not known here."
        return Verdict(False, text, kind="not-found", coding=coding, unknown=asked.system)
    if system.about.is_whole and not await concepts_of(system, [asked.code]):
        text = f"{text} Nor is it a code of {system.about.canonical}."
        return Verdict(False, text, kind="invalid-code", coding=coding)
    return Verdict(False, text, kind="not-in-vs", coding=coding)
