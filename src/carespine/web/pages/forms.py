"""A form as it was sent: what was typed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FieldError:
    """A message beside one field of a form; `field` is the field's name and its id in the page."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, and what is wrong with it."""

    values: dict[str, str] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()

    def error(self, name: str) -> str | None:
        return next((error.text for error in self.errors if error.field == name), None)

    def value(self, name: str) -> str:
        return self.values.get(name, "")
