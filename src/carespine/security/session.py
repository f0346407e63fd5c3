"""What an actor can do once through the door: read, search and write resources, within what it may reach.

Every verb raises Forbidden where the actor may not do this at all, and NotFound where the resource does not
exist or belongs to a patient the actor may not reach: the two look alike on purpose. Verbs return trees; those
with `_stored` in their name return rows with the JSON as it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.kernel.errors import Forbidden, NotFound, PreconditionFailed
from carespine.kernel.ids import patient_key
from carespine.security import consent, restriction, roles
from carespine.security.bulk import BulkReading
from carespine.security.expunging import Expunging
from carespine.security.reading import Reading, SearchResult
from carespine.security.subscribing import Hearing
from carespine.security.writing import NAME_THE_VERSION, NAMES_NO_VERSION, Writing
from carespine.storage.terminology.library import StoredLibrary

if TYPE_CHECKING:
    from carespine.security.validating import Validator
    from carespine.storage.rows import Stored

__all__ = ["SearchResult", "Session"]


class Session(Reading, BulkReading, Hearing, Expunging, Writing):
    """One actor's visit, with the access that a domain's own patient-scoped tables need."""

    async def require_patient(self, patient_id: str, *, data_class: str | None = None) -> int:
        """The patient key for a domain's own tables; raises Forbidden where the actor may not reach the patient.

        For an app, `data_class` must be one the patient shares with it (None: any at all). A patient that
        does not exist is refused to an app in the same words as one that has not consented.
        """
        key = patient_key(patient_id)
        known = await self.tx.fetchval("select true from patient_index where patient = $1", key)
        if self.actor.kind == "app":
            allowed = await self._shares(key, data_class)
        else:
            # Readings are clinical: a role that may not read Observations gets no further either.
            allowed = roles.allows(self.actor, "Observation", "r") and await restriction.reaches(
                self.tx, self.actor, [(key, "Observation")], now=self.clock(), purpose=self.purpose
            )
        if known and allowed:
            return key
        self._refuse("require-patient", what=f"Patient/{patient_id}", patient=key if known else 0)
        if self.actor.kind == "app":
            raise Forbidden(
                "This patient has not consented to share this data with this app, or is not known here."
            )
        raise NotFound(f"There is no Patient/{patient_id}.")

    async def take(
        self, resource_type: str, resource_id: str, *, if_match: int | None, demand_match: bool = False
    ) -> Stored:
        """The current version, to be replaced by one that is made from it: nobody else changes it until then.

        `if_match` and `demand_match` are as for `update`; raises NotFound and Gone as `read_stored` does.
        """
        await self.hold([(resource_type, resource_id)])
        current = await self.read_stored(resource_type, resource_id)
        self._match(current, if_match, f"{resource_type}/{resource_id}")
        if demand_match and if_match in NAMES_NO_VERSION:
            raise PreconditionFailed(NAME_THE_VERSION)
        return current

    def terminology(self, resource_type: str, *, asked: str) -> StoredLibrary:
        """The terminology of this server, for one who may read this type of its resources (they are no patient's).

        `asked` is the operation, for the audit. Raises Forbidden.
        """
        self._demand(resource_type, "r", "operation", what=resource_type)
        self._saw((), "operation", what=resource_type, query=asked)
        return StoredLibrary(self.tx)

    def validation(self, what: str) -> Validator:
        """The validation of this server. It tells nothing of any patient but what the asker sends or may read."""
        if self.validator is None:
            raise NotFound("Validation is not offered here.")
        self._saw((), "operation", what=what, query="$validate")
        return self.validator

    async def _shares(self, patient: int, data_class: str | None) -> bool:
        """Whether the patient shares this class with the app now (None: any class at all)."""
        now = self.clock()
        if data_class is None:
            return bool(
                await consent.permitted_classes(
                    self.tx, patient, self.actor.id, now=now, purpose=self.purpose
                )
            )
        return await consent.permits(
            self.tx, patient, self.actor.id, data_class, now=now, purpose=self.purpose
        )
