"""Whose records a visit may write to: asked before anything else is said about what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.search import index
from carespine.kernel.errors import Forbidden, Unprocessable
from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.security import (
    confidentiality,
    filing,
    registering,
    restriction,
    roles,
    scope_reach,
    subscribing,
)
from carespine.security.visit import Visit
from carespine.storage import subscriptions
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    from carespine.storage.rows import Stored, Write

Identity = tuple[str, str]
_OUT_OF_REACH = "This patient's record is not within reach."


class Reach(Visit):
    """The demands on the patients of what is about to be written."""

    @property
    def _is_restricted(self) -> bool:
        return self.actor.kind not in ("open", "system")

    async def _reaches(self, targets: Iterable[tuple[int, str]], letter: str = "r") -> bool:
        """Whether every (patient key, type) is within reach; what is no patient's must be of the directory."""
        pairs = set(targets)
        if any(patient == NOT_PATIENT_SCOPED and kind not in roles.DIRECTORY for patient, kind in pairs):
            return False
        return await restriction.reaches(
            self.tx, self.actor, pairs, now=self.clock(), letter=letter, purpose=self.purpose
        )

    def _demand_scope(self, letter: str, item: Stored | Write, keys: frozenset[int]) -> None:
        """Refuse what a scope that is narrowed by a search leaves out."""
        if (self.actor.kind == "app" or self.actor.client) and not scope_reach.permits(
            self.actor, letter, item.type, item.patient, keys
        ):
            self._refuse("update", what=f"{item.type}/{item.id}", patient=item.patient)
            raise Forbidden(_OUT_OF_REACH)

    async def _visible(self, found: Mapping[Identity, Stored]) -> dict[Identity, Stored]:
        """What of it the actor reaches. The rest is treated as if it were not there for as long as it can be:
        neither a version nor a missing permission may tell that it is."""
        if not self._is_restricted or not found:
            return dict(found)
        within = await self._within(found.values(), "u")
        if len(within) < len(found):  # a scope may let an app read what it may not change
            within |= await self._within(found.values())
        return {key: item for key, item in found.items() if (item.patient, item.rid) in within}

    async def _is_within(self, item: Stored, letter: str = "r") -> bool:
        """Whether one resource is within reach: by all that a read asks, labels included."""
        if item.type == subscribing.TYPE and item.patient == NOT_PATIENT_SCOPED:
            return bool(await subscriptions.owned(self.tx, self.actor.id, [item.id]))
        return (item.patient, item.rid) in await self._within([item], letter)

    async def _within(self, items: Iterable[Stored], letter: str = "r") -> set[tuple[int, int]]:
        """The patient keys and row ids of those that the actor could read, in the words of a read."""
        arguments = Arguments([item.rid for item in items])
        where = self._reachable(arguments, interaction=letter)
        rows = await self.tx.fetch(
            f"select r.patient, r.rid from resource r where r.rid = any($1::bigint[]) and {where}",  # noqa: S608
            *arguments.values,
        )
        return {(row["patient"], row["rid"]) for row in rows}

    def _demand_nothing_hidden(
        self, found: Mapping[Identity, Stored], visible: Mapping[Identity, Stored]
    ) -> None:
        """Refuse to replace what is out of reach, in the words that a new resource of such a patient gets."""
        for key in found.keys() - visible.keys():
            self._refuse("update", what="/".join(key), patient=found[key].patient)
            raise Forbidden(_OUT_OF_REACH)

    async def _demand_reach_of_writes(self, trees: Sequence[dict[str, Any]], writes: Sequence[Write]) -> None:
        """The same for what is to be stored. A patient whom these very writes register is within reach."""
        if not self._is_restricted:
            return
        registered = [
            write.patient
            for tree, write in zip(trees, writes, strict=True)
            if write.type == "Patient" and write.previous is None and await self._registers(tree)
        ]
        written = {(tree["resourceType"], tree["id"]): tree for tree in trees}
        for write in writes:
            previous = write.previous if write.previous and not write.previous.deleted else None
            letter = "u" if previous else "c"
            if previous:
                self._demand_scope(letter, previous, frozenset(index(json_text.read(previous.body)).keys))
            self._demand_scope(letter, write, frozenset(write.entries.keys if write.entries else ()))
            if write.type == subscribing.TYPE and write.patient == NOT_PATIENT_SCOPED:
                continue  # a new one becomes the actor's; another's was hidden
            if write.patient == NOT_PATIENT_SCOPED and write.type not in roles.DIRECTORY:
                self._refuse("update", what=f"{write.type}/{write.id}")
                raise Forbidden(f"A {write.type} must name the patient whose record it joins.")
            if write.patient in registered:
                continue
            if not await self._reaches([(write.patient, write.type)], letter):
                self._refuse("update", what=f"{write.type}/{write.id}", patient=write.patient)
                raise Forbidden(_OUT_OF_REACH)
            await self._demand_no_widening(written[write.type, write.id], write)

    async def _demand_no_widening(self, tree: dict[str, Any], write: Write) -> None:
        """Refuse a write that would open the record further than the actor may open it; each with its reason."""
        previous = write.previous if write.previous and not write.previous.deleted else None
        before = json_text.read(previous.body) if previous else None
        try:
            if before is not None:
                confidentiality.demand_label(tree, before, self.actor, write.patient)
            await registering.demand(
                self.tx, self.actor, tree, before, patient=write.patient, now=self.clock()
            )
        except (Forbidden, Unprocessable):
            self._refuse("update", what=f"{write.type}/{write.id}", patient=write.patient)
            raise

    async def _registers(self, patient: dict[str, Any]) -> bool:
        """Whether staff of a practice register a new patient with their own practice."""
        if self.actor.kind != "practitioner":
            return False
        ods = await self.tx.fetchval(
            "select ods from organisation_index where id = $1", filing.practice_of(patient)
        )
        return ods is not None and ods == self.actor.organisation
