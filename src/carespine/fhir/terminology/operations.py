"""The operations of R4's terminology service over a library: a request in, a resource out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from carespine.fhir.search import moments
from carespine.fhir.terminology import expanding, looking_up, outcomes, translating, validating
from carespine.fhir.terminology.library import Library, canonical
from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.requests import Request, asked
from carespine.fhir.terminology.selection import Selection, Versions, select
from carespine.fhir.terminology.system import Grammar, System
from carespine.fhir.terminology.translating import Question
from carespine.fhir.terminology.trees import TreesLibrary
from carespine.fhir.terminology.validating import Asked, Rules, Verdict
from carespine.fhir.terminology.values import split_canonical
from carespine.kernel import clock
from carespine.kernel.errors import Invalid, Issue, NotFound, Unprocessable

# Evaluates a value set; a server's remembers what it has evaluated.
Selecting = Callable[[Library, Tree, Versions], Awaitable[Selection]]

_VERSIONS = ("system-version", "check-system-version", "force-system-version")
_SWITCHES = ("includeDesignations", "includeDefinition", "activeOnly", "excludeNested", "excludeNotForUI")
_ECHOED = (
    *("filter", "offset", "count", "displayLanguage", "designation", "property", "date", "valueSetVersion"),
    *(*_SWITCHES, "excludePostCoordinated", "exclude-system", *_VERSIONS),
)
# Resources that count for one request, as HL7's terminology tests and its validator send them.
_SENT = "tx-resource"
EXPAND = frozenset({"url", "valueSet", "context", "contextDirection", _SENT, *_ECHOED})
_CODE = frozenset(
    {
        *("code", "coding", "codeableConcept", "display", "date", "abstract", "displayLanguage"),
        *("lenient-display-validation", _SENT),
    }
)
VALIDATE_IN_SYSTEM = _CODE | {"url", "codeSystem", "version"}
VALIDATE_IN_SET = _CODE | {
    *("url", "context", "valueSet", "valueSetVersion", "system", "systemVersion", "inferSystem", *_VERSIONS)
}
LOOKUP = frozenset({"code", "system", "version", "coding", "date", "displayLanguage", "property", _SENT})
SUBSUMES = frozenset({"codeA", "codeB", "system", "version", "codingA", "codingB", _SENT})
TRANSLATE = frozenset(
    {
        *("url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding"),
        *("codeableConcept", "target", "targetsystem", "dependency", "reverse"),
    }
)


async def expand(
    library: Library,
    request: Request,
    *,
    instance: Tree | None = None,
    selecting: Selecting = select,
    now: datetime,
) -> Tree:
    """ValueSet/$expand. `instance` is the ValueSet where the operation was called on one."""
    request.only(EXPAND)
    _demand_now(request)
    library, selecting = _with_sent(library, request, selecting)
    value_set = await _value_set(library, request, instance)
    wanted = expanding.Wanted(
        filter=request.text("filter"),
        offset=request.number("offset"),
        count=request.number("count"),
        active_only=request.flag("activeOnly"),
        with_designations=request.flag("includeDesignations"),
        designation=tuple(request.many("designation")),
        with_definition=request.flag("includeDefinition"),
        flat=request.flag("excludeNested"),
        selectable_only=request.flag("excludeNotForUI"),
        language=request.text("displayLanguage"),
        properties=tuple(request.many("property")),
        echo=request.echo(_ECHOED),
    )
    selection = await selecting(library, value_set, _versions(request))
    return await expanding.expand(value_set, selection, wanted, now=now)


async def validate_in_set(
    library: Library, request: Request, *, instance: Tree | None = None, selecting: Selecting = select
) -> Tree:
    """ValueSet/$validate-code."""
    request.only(VALIDATE_IN_SET)
    _demand_now(request)
    library, selecting = _with_sent(library, request, selecting)
    codings = [asked(coding) for coding in request.codings()]
    if any(coding.system is None for coding in codings) and not request.flag("inferSystem", default=True):
        raise Invalid("A code without its system can only be checked where inferSystem is true.")
    value_set = await _value_set(library, request, instance)
    selection = await selecting(library, value_set, _versions(request))
    name = f"the value set {value_set.get('url') or value_set.get('name') or 'that was sent'}"
    rules = _rules(request)
    if request.has("codeableConcept"):
        found = await validating.in_value_set_any(selection, codings, name=name, library=library, rules=rules)
    else:
        found = await validating.in_value_set(selection, codings[0], name=name, library=library, rules=rules)
    return outcomes.verdict(found, _place(request, codings, found))


async def validate_in_system(library: Library, request: Request, *, instance: Tree | None = None) -> Tree:
    """CodeSystem/$validate-code. A code system that is not known makes the result false, with a message."""
    request.only(VALIDATE_IN_SYSTEM)
    _demand_now(request)
    library, _ = _with_sent(library, request)
    codings = [asked(coding) for coding in request.codings()]
    given = request.tree("codeSystem", "CodeSystem") or instance
    rules = _rules(request)
    if given is not None:
        system: System | Grammar | None = await _given_system(library, given)
        url: str | None = given.get("url")
    else:
        url = request.text("url") or next((coding.system for coding in codings if coding.system), None)
        if url is None:
            raise Invalid("Give the url of the code system, or a coding with its system.")
        named, version = canonical(url, request.text("version") or codings[0].version if codings else None)
        system = await library.system(named, version)
    if system is None:
        text = f"The code system {url} is not known here."
        return outcomes.verdict(Verdict(False, text, kind="not-found", coding=codings[0], unknown=url))
    if request.has("codeableConcept"):
        found = await validating.in_system_any(system, codings, rules)
    elif codings[0].system not in (None, system.about.url):
        text = f"The coding is of {codings[0].system}, not of {system.about.url}."
        found = Verdict(False, text, kind="invalid-data", coding=codings[0])
    else:
        found = await validating.in_system(system, codings[0], rules)
    return outcomes.verdict(found, _place(request, codings, found))


async def lookup(library: Library, request: Request) -> Tree:
    """CodeSystem/$lookup; NotFound where the system or the code is not known."""
    request.only(LOOKUP)
    _demand_now(request)
    library, _ = _with_sent(library, request)
    if request.has("codeableConcept"):
        raise Invalid("Give code and system, or coding.")
    coding = request.codings()[0]
    system = await _known_system(library, coding.get("system"), coding.get("version"))
    return await looking_up.lookup(
        system,
        coding["code"],
        properties=request.many("property"),
        language=request.text("displayLanguage"),
    )


async def subsumes(library: Library, request: Request, *, instance: Tree | None = None) -> Tree:
    """CodeSystem/$subsumes; NotFound where the system or a code is not known."""
    request.only(SUBSUMES)
    library, _ = _with_sent(library, request)
    left, url, version = _end(request, "A", instance)
    right, other, _ = _end(request, "B", instance)
    if url != other:
        raise Invalid("Both codes have to be of one code system.")
    system = (
        await _given_system(library, instance) if instance else await _known_system(library, url, version)
    )
    outcome = await looking_up.subsumption(system, left, right)
    return outcomes.parameters(outcomes.item("outcome", "Code", outcome))


async def translate(library: Library, request: Request, *, instance: Tree | None = None) -> Tree:
    """ConceptMap/$translate."""
    request.only(TRANSLATE)
    if request.has("dependency"):
        raise Invalid("Translations that depend on other elements (dependency) are not supported here.")
    codings = request.codings()
    if any("system" not in coding for coding in codings):
        raise Invalid("A code is translated with its system; give system, or a coding that has one.")
    question = Question(
        tuple(codings),
        request.text("source"),
        request.text("target"),
        request.text("targetsystem"),
        request.flag("reverse"),
    )
    given = request.tree("conceptMap", "ConceptMap") or instance
    url = request.text("url")
    if given is not None:
        maps = [given]
    elif url is not None:
        found = await library.concept_map(*canonical(url, request.text("conceptMapVersion")))
        if found is None:
            raise NotFound(f"The concept map {url[:200]} is not known here.")
        maps = [found]
    elif question.source or question.target or question.target_system:
        maps = list(await library.concept_maps())
    else:
        raise Invalid("Name the concept map by url, or source, target or targetsystem.")
    return translating.translate(maps, question)


def _demand_now(request: Request) -> None:
    """R4: what was so on an earlier day is told, or refused where that is not possible. It is not possible here."""
    text = request.text("date")
    if text is None:
        return
    try:
        _, end = moments.interval(text.replace(" ", "+"))
    except ValueError as error:
        raise Invalid(f"date must be a date or an instant, not {text[:40]!r}.") from error
    if end <= clock.now().timestamp() * 1_000_000:
        message = f"Only what is so now can be told, not what was so on {text[:40]}."
        raise Unprocessable(message, issues=[Issue("not-supported", message)])


def _rules(request: Request) -> Rules:
    return Rules(
        request.flag("abstract", default=True),
        request.text("displayLanguage"),
        request.flag("lenient-display-validation"),
    )


def _with_sent(
    library: Library, request: Request, selecting: Selecting = select
) -> tuple[Library, Selecting]:
    """The library with what was sent for this request in front of it; what was evaluated before does not hold then."""
    sent = request.trees(_SENT)
    if not sent:
        return library, selecting
    for tree in sent:
        if tree.get("resourceType") not in ("CodeSystem", "ValueSet", "ConceptMap") or "url" not in tree:
            raise Invalid(f"A {_SENT} is a CodeSystem, ValueSet or ConceptMap with a url.")
        if tree.get("content") == "supplement":
            message = "Supplements of code systems are not supported here."
            raise Unprocessable(message, issues=[Issue("not-supported", message)])
    return TreesLibrary(sent, library), select


def _place(request: Request, codings: list[Asked], found: Verdict) -> str:
    """The way to the coding that was judged, within what was sent."""
    if request.has("codeableConcept"):
        of = (found.coding.code, found.coding.system) if found.coding else None
        place = next((n for n, coding in enumerate(codings) if (coding.code, coding.system) == of), 0)
        return f"CodeableConcept.coding[{place}]."
    return "Coding." if request.has("coding") else ""


def _versions(request: Request) -> Versions:
    default, check, force = (dict(_pinned(name, request.many(name))) for name in _VERSIONS)
    return Versions(
        default, force, check, frozenset(url.split("|")[0] for url in request.many("exclude-system"))
    )


def _pinned(name: str, canonicals: list[str]) -> list[tuple[str, str]]:
    found = []
    for text in canonicals:
        url, version = split_canonical(text)
        if version is None:
            raise Invalid(f"{name} needs a URL and a version, with a bar between them; not {text[:80]!r}.")
        found.append((url, version))
    return found


async def _value_set(library: Library, request: Request, instance: Tree | None) -> Tree:
    given = request.tree("valueSet", "ValueSet") or instance
    url = request.text("url")
    if given is not None:
        return given
    if request.has("context"):
        raise Invalid("A value set is found by url here; context is not supported.")
    if url is None:
        raise Invalid("Give the url of the value set, or the value set itself.")
    named, version = canonical(url, request.text("valueSetVersion"))
    found = await library.value_set(named, version)
    if found is None:
        raise NotFound(f"The value set {url[:200]} is not known here.")
    return found


async def _given_system(library: Library, tree: Tree) -> System | Grammar:
    """A CodeSystem that was sent, or on which the operation was called; one without content is looked for."""
    if tree.get("content") == "not-present" and "url" in tree:
        found = await library.system(tree["url"], tree.get("version"))
        if found is not None:
            return found
    return library.read(tree if "url" in tree else {"url": f"urn:uuid:{tree.get('id', 'none')}", **tree})


async def _known_system(library: Library, url: str | None, version: str | None) -> System | Grammar:
    if url is None:
        raise Invalid("Give the system of the code.")
    found = await library.system(*canonical(url, version))
    if found is None:
        suffix = f" {version}" if version else ""
        raise NotFound(f"The code system {url[:200]}{suffix} is not known here.")
    if found.about.content == "not-present":
        raise NotFound(f"The content of the code system {url[:200]} is not loaded here.")
    return found


def _end(request: Request, which: str, instance: Tree | None) -> tuple[str, str | None, str | None]:
    """One of the two codes: (code, system, version)."""
    coding = request.tree(f"coding{which}")
    code = request.text(f"code{which}")
    if (coding is None) == (code is None):
        raise Invalid(f"Give one of code{which} and coding{which}.")
    own = instance.get("url") if instance else None
    version = request.text("version")
    if coding is not None:
        if "code" not in coding:
            raise Invalid(f"coding{which} has no code.")
        system = coding.get("system") or own
        if own is not None and system != own:
            raise Invalid(f"coding{which} is of another code system than {own}.")
        return coding["code"], system, coding.get("version") or version
    return code or "", request.text("system") or own, version
