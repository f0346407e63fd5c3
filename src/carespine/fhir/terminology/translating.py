"""ConceptMap/$translate: from a code to what concept maps say it becomes, forward or in reverse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carespine.fhir.terminology import outcomes
from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.values import split_canonical

# R4 concept-map-equivalence: what an equivalence is called when it is read the other way.
_REVERSED = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
# Those that say that there is no translation.
_NO_MATCH = frozenset({"unmatched", "disjoint"})


@dataclass(frozen=True, slots=True)
class Question:
    """What to translate. `source` and `target` are value sets, `target_system` a code system."""

    codings: tuple[Tree, ...]
    source: str | None = None
    target: str | None = None
    target_system: str | None = None
    reverse: bool = False


def translate(maps: Sequence[Tree], question: Question) -> Tree:
    """The outputs of $translate; `result` is whether there is a match other than unmatched or disjoint."""
    found = [match for tree in maps if _applies(tree, question) for match in _matches(tree, question)]
    good = any(match["part"][0]["valueCode"] not in _NO_MATCH for match in found)
    codes = ", ".join(f"{coding.get('system', '')}|{coding.get('code', '')}" for coding in question.codings)
    message = None if good else f"There is no translation of {codes[:300]} in the concept maps that apply."
    return outcomes.parameters(
        outcomes.item("result", "Boolean", good), outcomes.item("message", "String", message), *found
    )


def _applies(tree: Tree, question: Question) -> bool:
    """Whether the map is between the value sets asked for. What neither names is not asked."""
    ends = (_end(tree, "source"), _end(tree, "target"))
    source, target = ends[::-1] if question.reverse else ends
    return _same(source, question.source) and _same(target, question.target)


def _end(tree: Tree, name: str) -> str | None:
    found: str | None = tree.get(f"{name}Canonical") or tree.get(f"{name}Uri")
    return found


def _same(stated: str | None, asked: str | None) -> bool:
    if asked is None:
        return True
    return stated is not None and split_canonical(stated)[0] == split_canonical(asked)[0]


def _matches(tree: Tree, question: Question) -> Iterator[Tree]:
    for group in tree.get("group", ()):
        for coding in question.codings:
            if question.reverse:
                yield from _reverse(tree, group, coding, question)
            else:
                yield from _forward(tree, group, coding, question)


def _forward(tree: Tree, group: Tree, coding: Tree, question: Question) -> Iterator[Tree]:
    if not _in(group.get("source"), group.get("sourceVersion"), coding):
        return
    if question.target_system is not None and group.get("target") != question.target_system:
        return
    element = next((item for item in group["element"] if item.get("code") == coding.get("code")), None)
    if element is None:
        yield from _unmapped(tree, group, coding)
        return
    for target in element.get("target", ()):
        yield _match(tree, target.get("equivalence", "equivalent"), _coding(group, "target", target), target)


def _reverse(tree: Tree, group: Tree, coding: Tree, question: Question) -> Iterator[Tree]:
    if not _in(group.get("target"), group.get("targetVersion"), coding):
        return
    if question.target_system is not None and group.get("source") != question.target_system:
        return
    for element in group["element"]:
        for target in element.get("target", ()):
            if target.get("code") == coding.get("code"):
                said = target.get("equivalence", "equivalent")
                yield _match(tree, _REVERSED.get(said, said), _coding(group, "source", element), target)


def _unmapped(tree: Tree, group: Tree, coding: Tree) -> Iterator[Tree]:
    """What the group says of codes that it does not list (other maps it points to are not followed)."""
    rule = group.get("unmapped", {})
    if rule.get("mode") == "provided":
        yield _match(tree, "inexact", _coding(group, "target", coding), {})
    elif rule.get("mode") == "fixed":
        yield _match(tree, "inexact", _coding(group, "target", rule), {})


def _in(system: str | None, version: str | None, coding: Tree) -> bool:
    if coding.get("system") is not None and system != coding["system"]:
        return False
    return None in (version, coding.get("version")) or version == coding["version"]


def _coding(group: Tree, end: str, item: Tree) -> Tree | None:
    if "code" not in item:
        return None
    coding = {"system": group.get(end), "version": group.get(f"{end}Version"), "code": item["code"]}
    coding["display"] = item.get("display")
    return {name: value for name, value in coding.items() if value is not None}


def _match(tree: Tree, equivalence: str, concept: Tree | None, target: Tree) -> Tree:
    products = [
        outcomes.parts(
            "product",
            outcomes.item("element", "Uri", product.get("property")),
            outcomes.item(
                "concept",
                "Coding",
                {
                    name: product[key]
                    for name, key in (("system", "system"), ("code", "value"), ("display", "display"))
                    if key in product
                },
            ),
        )
        for product in target.get("product", ())
    ]
    return outcomes.parts(
        "match",
        outcomes.item("equivalence", "Code", equivalence),
        outcomes.item("concept", "Coding", concept),
        *products,
        outcomes.item("source", "Uri", tree.get("url")),
    )
