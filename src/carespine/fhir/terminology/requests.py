"""The inputs of a terminology operation: from the query, and from a Parameters resource."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.validating import Asked
from carespine.fhir.terminology.values import value_of
from carespine.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class Request:
    """Names and values in order: text from a query; text, numbers, truths, trees and lists of parts from a body."""

    given: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], parameters: Sequence[Tree] = ()) -> Request:
        """From query pairs and from `Parameters.parameter`."""
        return cls((*pairs, *((item["name"], _value(item)) for item in parameters)))

    def only(self, known: frozenset[str]) -> Request:
        """The request itself; raises Invalid for a parameter that the operation does not have."""
        if unknown := sorted({name for name, _ in self.given} - known):
            raise Invalid(f"This operation takes {', '.join(sorted(known))}; not {', '.join(unknown)[:100]}.")
        return self

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.given)

    def many(self, name: str) -> list[str]:
        """Every value of a parameter, as text."""
        return [_text(name, value) for key, value in self.given if key == name]

    def text(self, name: str) -> str | None:
        """The value of a parameter that is given at most once."""
        found = self.many(name)
        if len(found) > 1:
            raise Invalid(f"The parameter {name!r} is given {len(found)} times; expected it once.")
        return found[0] if found else None

    def needed(self, name: str) -> str:
        found = self.text(name)
        if found is None:
            raise Invalid(f"The parameter {name!r} is needed.")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        text = self.text(name)
        if text is None:
            return default
        if text not in ("true", "false"):
            raise Invalid(f"{name} must be true or false, not {text[:40]!r}.")
        return text == "true"

    def number(self, name: str) -> int | None:
        """A whole number from 0."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise Invalid(f"{name} must be a whole number from 0, not {text[:40]!r}.")
        return int(text)

    def tree(self, name: str, kind: str = "") -> Tree | None:
        """A resource, Coding or CodeableConcept."""
        found = [value for key, value in self.given if key == name]
        if len(found) > 1:
            raise Invalid(f"The parameter {name!r} is given {len(found)} times; expected it once.")
        if found and not isinstance(found[0], dict):
            raise Invalid(f"The parameter {name!r} is not a simple value; send it in a Parameters resource.")
        if found and kind and found[0].get("resourceType") != kind:
            raise Invalid(f"The parameter {name!r} must hold a {kind}.")
        return found[0] if found else None

    def trees(self, name: str) -> list[Tree]:
        found = [value for key, value in self.given if key == name]
        if any(not isinstance(value, dict) for value in found):
            raise Invalid(f"The parameter {name!r} is not a simple value; send it in a Parameters resource.")
        return found

    def codings(self) -> list[Tree]:
        """What `code` and `system`, `coding` or `codeableConcept` name: exactly one of the three.

        Raises Invalid for none or several. A `code` comes with the `system`, `version` and `display` beside it.
        """
        ways = [name for name in ("code", "coding", "codeableConcept") if self.has(name)]
        if len(ways) != 1:
            raise Invalid("Give one of code, coding and codeableConcept.")
        if ways == ["codeableConcept"]:
            concept = self.tree("codeableConcept") or {}
            return [coding for coding in concept.get("coding", ()) if "code" in coding]
        if ways == ["coding"]:
            coding = self.tree("coding") or {}
            if "code" not in coding:
                raise Invalid("The coding has no code.")
            return [coding]
        version = self.text("systemVersion") or (None if self.has("systemVersion") else self.text("version"))
        found = {"system": self.text("system"), "version": version, "code": self.text("code")}
        found["display"] = self.text("display")
        return [{name: value for name, value in found.items() if value is not None}]

    def echo(self, names: Sequence[str]) -> tuple[Tree, ...]:
        """Those simple parameters as ValueSet.expansion.parameter writes them."""
        return tuple(_echo(name, value) for name, value in self.given if name in names)


def asked(coding: Tree) -> Asked:
    """A Coding to be validated."""
    return Asked(coding["code"], coding.get("system"), coding.get("version"), coding.get("display"))


def _value(item: Tree) -> Any:
    if "resource" in item:
        return item["resource"]
    if "part" in item:
        return item["part"]
    name, value = value_of(item)
    if not name:
        raise Invalid(f"The parameter {item['name'][:60]!r} has no value.")
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise Invalid(f"The parameter {name[:60]!r} needs a simple value.")
    return str(value)


def _echo(name: str, value: Any) -> Tree:
    text = _text(name, value)
    if text in ("true", "false"):
        return {"name": name, "valueBoolean": text == "true"}
    if name in ("offset", "count"):
        return {"name": name, "valueInteger": int(text)}
    if "://" in text or name.endswith("version"):
        return {"name": name, "valueUri": text}
    return {"name": name, "valueString": text}
