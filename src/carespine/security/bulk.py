"""Reading in bulk: pages of resources for a job, with one audit event for each patient when the job is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from carespine.kernel.errors import NotFound
from carespine.kernel.ids import NOT_PATIENT_SCOPED, patient_key
from carespine.security import locating, roles
from carespine.security.audit_event import Event, body
from carespine.security.visit import Visit
from carespine.storage import bulk, resources
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.rows import Stored


class BulkReading(Visit):
    """Reading for a job. Its `disclosed` must follow `bulk_rows` before anyone can have what was read."""

    def may_read(self, resource_type: str) -> bool:
        """Whether the actor may read this type at all."""
        return roles.allows(self.actor, resource_type, "r")

    async def bulk_rows(self, job: str, wanted: bulk.Selection, *, after: int, count: int) -> bulk.Rows:
        """A page of a selection within reach; the patients in it are noted for `disclosed`."""
        self._demand(wanted.type, "r", "export", what=wanted.type)

        is_locating = any(locating.asks(query) for query in wanted.queries)

        def reachable(arguments: Arguments, alias: str, *, kind: str | None = None) -> str:
            return self._reachable(arguments, alias=alias, locating=is_locating, kind=kind)

        found = await bulk.rows(self.tx, wanted, reachable, after=after, count=count)
        patients = {item.patient for item in found.items} - {NOT_PATIENT_SCOPED}
        if patients:
            await self.tx.execute(
                "insert into job_patient (job, patient) select $1, unnest($2::bigint[]) on conflict do nothing",
                job,
                sorted(patients),
            )
        # Some may be versions from before a label: the label of now counts.
        return replace(found, items=await self._concealed_versions(found.items))

    async def disclosed(self, job: str, *, what: str, description: str) -> int:
        """Write each patient whose data the job took out an event into their trail; how many patients."""
        event = Event(
            self.actor,
            self.purpose,
            "E",
            "operation",
            what=what,
            detail={"job": job},
            description=description,
        )
        return await self._audit_patients(job, event)

    async def tabulated(self, resource_type: str, *, what: str) -> None:
        """Write each patient who has resources of this type that they go into a table; for jobs of the system."""
        self._demand(resource_type, "s", "operation", what=resource_type)
        now = self.clock()
        event = Event(self.actor, self.purpose, "E", "operation", what=resource_type, description=what)
        arguments = Arguments(type_number(resource_type), now, body(event, recorded=now))
        await self.tx.execute(
            f"insert into audit_event (patient, recorded, body) select distinct r.patient, $2::timestamptz, $3::bytea "  # noqa: S608
            f"from resource r where r.type = $1 and not r.deleted and ({self._reachable(arguments)})",
            *arguments.values,
        )

    async def reachable_patients(self, patient_ids: Sequence[str]) -> list[int]:
        """The keys of these patients; raises NotFound where one is unknown or out of reach."""
        self._demand("Patient", "r", "export", what="Patient")
        arguments = Arguments(type_number("Patient"), list(patient_ids))
        rows = await self.tx.fetch(
            f"select r.id from resource r where r.type = $1 and r.id = any($2::text[]) and not r.deleted "  # noqa: S608
            f"and ({self._reachable(arguments)})",
            *arguments.values,
        )
        missing = sorted(set(patient_ids) - {row["id"] for row in rows})
        if missing:
            self._refuse("export", what=f"Patient/{missing[0]}")
            raise NotFound(f"There is no Patient/{missing[0]}.")
        return [patient_key(each) for each in patient_ids]

    async def group_stored(self, group_id: str) -> Stored:
        """A Group to be exported. It belongs to no patient: whoever may read groups reaches it, and of its members
        only those whom they reach."""
        self._demand("Group", "r", "export", what=f"Group/{group_id}")
        return self._seen(await resources.read(self.tx, "Group", group_id), "Group", group_id, "export")

    async def _audit_patients(self, job: str, event: Event) -> int:
        """One statement, whatever the number of patients: their events differ only in whose trail they are."""
        now = self.clock()
        status = await self.tx.execute(
            "insert into audit_event (patient, recorded, body) select patient, $2, $3 from job_patient "
            "where job = $1 order by patient",
            job,
            now,
            body(event, recorded=now),
        )
        return int(status.rpartition(" ")[2])
