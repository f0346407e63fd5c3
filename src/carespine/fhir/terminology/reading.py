"""A CodeSystem resource as a code system: its concepts one after the other, with their parents and marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from carespine.fhir.terminology.memory import MemorySystem
from carespine.fhir.terminology.models import Concept, Described, Tree
from carespine.fhir.terminology.values import designations, value_text

# R4's concept properties (codesystem-concept-properties.html), and the names that v3 systems and servers give them.
_PROPERTIES = "http://hl7.org/fhir/concept-properties#"
_PARENTS, _CHILDREN = frozenset({"parent", "subsumedBy"}), frozenset({"child"})
_ABSTRACT = frozenset({"notSelectable", "abstract"})
_INACTIVE_STATUS = frozenset({"inactive", "retired"})


def system(tree: Tree) -> MemorySystem:
    """The code system in memory."""
    return MemorySystem(described(tree), concepts(tree))


def described(tree: Tree) -> Described:
    """What the resource says about the system as a whole."""
    return Described(
        tree["url"],
        tree.get("version"),
        tree.get("title") or tree.get("name"),
        tree.get("language"),
        tree.get("caseSensitive", True),
        tree.get("content", "complete"),
        {item["code"]: item.get("description", "") for item in tree.get("property", ())},
        nested=True,
    )


def concepts(tree: Tree) -> Iterator[Concept]:
    """Every concept, those nested in others after them."""
    meaning = {item["code"]: _meaning(item) for item in tree.get("property", ())}
    adopted = _adopted(tree, meaning)
    waiting: list[tuple[Tree, tuple[str, ...]]] = [(item, ()) for item in reversed(tree.get("concept", ()))]
    while waiting:
        item, above = waiting.pop()
        yield _concept(item, (*above, *adopted.get(item["code"], ())), meaning)
        waiting += [(inner, (item["code"],)) for inner in reversed(item.get("concept", ()))]


def _meaning(item: Tree) -> str:
    """A property by its R4 name where its uri says that it is one of R4's."""
    uri, code = str(item.get("uri", "")), str(item["code"])
    return uri.removeprefix(_PROPERTIES) if uri.startswith(_PROPERTIES) else code


def _adopted(tree: Tree, meaning: dict[str, str]) -> dict[str, list[str]]:
    """Child -> parents, of those that parents name in a property `child`."""
    found: dict[str, list[str]] = defaultdict(list)
    if not _CHILDREN & set(meaning.values()):
        return found
    waiting = list(tree.get("concept", ()))
    while waiting:
        item = waiting.pop()
        waiting += item.get("concept", ())
        for one in item.get("property", ()):
            if meaning.get(one["code"]) in _CHILDREN:
                found[value_text(one)].append(item["code"])
    return found


def _concept(item: Tree, above: tuple[str, ...], meaning: dict[str, str]) -> Concept:
    properties = tuple(item.get("property", ()))
    named = [(meaning.get(one["code"], one["code"]), value_text(one)) for one in properties]
    parents = (*above, *(value for name, value in named if name in _PARENTS))
    return Concept(
        item["code"],
        item.get("display"),
        item.get("definition"),
        designations(item.get("designation", [])),
        properties,
        tuple(dict.fromkeys(parents)),
        inactive=any(
            (name == "inactive" and value == "true") or (name == "status" and value in _INACTIVE_STATUS)
            for name, value in named
        ),
        abstract=any(name in _ABSTRACT and value == "true" for name, value in named),
    )
