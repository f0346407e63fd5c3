"""Validating on the server: with the profiles and the terminology that are stored, and references it can follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carespine.fhir.validation import BuiltInTerminology, Context, validate, with_definitions
from carespine.kernel.errors import Issue, Unprocessable
from carespine.spine.validating.levels import FULL, STRUCTURE
from carespine.spine.validating.questions import Question, Questions
from carespine.storage import definitions

if TYPE_CHECKING:
    from carespine.security.session import Session

# Ours: answers lead to new questions at most as deep as profiles follow references.
_MOST_ROUNDS = 6


@dataclass(slots=True)
class _Known:
    """What a process has made of the stored definitions, under the stamp that they had."""

    stamp: definitions.Stamp
    context: Context
    terminology: BuiltInTerminology
    releases: frozenset[str]
    told: dict[Question, Any] = field(default_factory=dict)


class Validator:
    """Validates for one server process; `levels` says how far writes are checked, by type, `*` for all others."""

    def __init__(self, levels: Mapping[str, str] | None = None) -> None:
        self._levels = {"*": STRUCTURE} if levels is None else levels
        self._known: _Known | None = None

    async def demand(self, session: Session, trees: Sequence[dict[str, Any]]) -> None:
        """Raise Unprocessable where one that is to be written has errors, if its type is checked in full."""
        for tree in trees:
            if self._levels.get(tree["resourceType"], self._levels["*"]) != FULL:
                continue
            issues = await self.issues(session, tree)
            errors = [issue for issue in issues if issue.severity in ("error", "fatal")]
            if errors:
                more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
                raise Unprocessable(errors[0].diagnostics + more, issues=errors)

    async def issues(
        self, session: Session, tree: dict[str, Any], profiles: Sequence[str] = ()
    ) -> list[Issue]:
        """Everything found in a resource, as `fhir.validation.validate` says it."""
        known = await self._current(session)
        questions = Questions(known.terminology, known.releases, known.told)
        found: list[Issue] = []
        for _ in range(_MOST_ROUNDS):
            found = validate(tree, profiles, _asking(known, questions))
            if not questions.is_open:
                break
            await questions.answer(session)
        return found

    async def _current(self, session: Session) -> _Known:
        stamp = await definitions.stamp(session.tx)
        known = self._known
        if known is None or known.stamp != stamp:
            stored = await definitions.load(session.tx)
            context = with_definitions(stored.trees)
            terminology = BuiltInTerminology(context.find)
            known = self._known = _Known(stamp, context, terminology, stored.releases)
        return known


def _asking(known: _Known, questions: Questions) -> Context:
    """A context that shares what was compiled, but for what rests on answers that may still come."""
    shared = known.context.compiled
    kept = {name: shared.setdefault(name, {}) for name in ("profiles", "extensions", "problems")}
    return Context(
        find=known.context.find,
        terminology=questions,
        resolve=questions.resolve,
        compiled={**kept, "codings": {}},
    )
