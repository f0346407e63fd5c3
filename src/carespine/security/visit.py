"""What every visit through the door has: its actor, its connection, its demands, and its audit events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from carespine.kernel.clock import Clock
from carespine.kernel.errors import Forbidden, Gone, NotFound
from carespine.kernel.ids import NOT_PATIENT_SCOPED, patient_key
from carespine.security import confidentiality, restriction, roles
from carespine.security.actor import EMERGENCY, Actor
from carespine.security.audit_event import SUCCESS, Action, Event

if TYPE_CHECKING:
    from carespine.storage.database import Connection
    from carespine.storage.rows import Stored
    from carespine.storage.sql import Arguments


class Visit:
    """One actor's presence inside, for one purpose, on one connection."""

    def __init__(self, connection: Connection, actor: Actor, purpose: str, clock: Clock) -> None:
        self.tx = connection
        self.actor = actor
        self.purpose = purpose
        self.clock = clock
        self.events: list[Event] = []

    async def audit(
        self,
        action: Action,
        subtype: str,
        *,
        outcome: str = SUCCESS,
        patient: int = NOT_PATIENT_SCOPED,
        what: str | None = None,
        description: str | None = None,
        detail: dict[str, str] | None = None,
    ) -> None:
        """Add an event of a domain's verb to the trail; stored when the visit ends well."""
        self.events.append(
            Event(
                self.actor,
                self._why(patient),
                action,
                subtype,
                outcome=outcome,
                description=description,
                patient=patient,
                what=what,
                detail=detail or {},
            )
        )

    def _reachable(
        self,
        arguments: Arguments,
        *,
        alias: str = "r",
        interaction: str = "r",
        locating: bool = False,
        kind: str | None = None,
    ) -> str:
        return restriction.rows(
            self.actor,
            arguments,
            alias=alias,
            now=self.clock(),
            interaction=interaction,
            purpose=self.purpose,
            locating=locating,
            kind=kind,
        )

    def _concealed(self, items: Iterable[Stored]) -> list[Stored]:
        """Current versions, as the actor may see them."""
        return [confidentiality.concealed(self.actor, item) for item in items]

    async def _concealed_versions(self, items: Sequence[Stored]) -> list[Stored]:
        """The same for versions that may be old."""
        return await confidentiality.concealed_versions(self.tx, self.actor, items)

    def _demand(self, resource_type: str, letter: str, subtype: str, *, what: str) -> None:
        if not roles.allows(self.actor, resource_type, letter):
            self._refuse(subtype, what=what)
            raise Forbidden(f"As {self.actor.role}, {self.actor.name} may not {subtype} {resource_type}.")

    def _seen(
        self,
        found: Stored | None,
        resource_type: str,
        resource_id: str,
        subtype: str,
        *,
        version: int | None = None,
    ) -> Stored:
        what = f"{resource_type}/{resource_id}"
        if found is None:
            self._refuse(subtype, what=what)
            raise NotFound(f"There is no {what if version is None else f'version {version} of {what}'}.")
        if found.deleted:
            self._refuse(subtype, what=what, patient=found.patient)
            raise Gone(f"{what} was deleted.", headers={"ETag": found.etag})
        self._note("R", subtype, found.patient, f"{what}/_history/{found.version}")
        return found

    def _saw(
        self, patients: Iterable[int], subtype: str, *, what: str | None = None, query: str | None = None
    ) -> None:
        """One event for each patient whose data is in the answer, so that each can see it; one if none is."""
        for patient in sorted(set(patients)) or [NOT_PATIENT_SCOPED]:
            self.events.append(
                Event(
                    self.actor,
                    self._why(patient),
                    "E" if query else "R",
                    subtype,
                    patient=patient,
                    what=what,
                    query=query,
                )
            )

    def _note(self, action: Action, subtype: str, patient: int, what: str) -> None:
        self.events.append(Event(self.actor, self._why(patient), action, subtype, patient=patient, what=what))

    def _why(self, patient: int) -> str:
        """The purpose that goes on record: emergency access is named as such wherever it is used."""
        return EMERGENCY if patient in self.actor.emergency else self.purpose

    def _refuse(self, subtype: str, *, what: str, patient: int = NOT_PATIENT_SCOPED) -> None:
        kind, _, resource_id = what.partition("/")
        if kind == "Patient" and resource_id and patient == NOT_PATIENT_SCOPED:
            patient = patient_key(resource_id)  # who was asked about sees in their trail that somebody tried
        self.events.append(
            Event(
                self.actor,
                self.purpose,
                "E",
                subtype,
                outcome="4",
                patient=patient,
                what=what,
                description="refused, deleted, or not found within reach",
            )
        )
