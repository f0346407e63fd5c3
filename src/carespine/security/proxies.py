"""Proxy access: a carer reads the record of the person they care for, as far and as long as was agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.kernel.errors import Invalid, NotFound
from carespine.kernel.ids import patient_key
from carespine.security.accounts import CARER

if TYPE_CHECKING:
    from carespine.security.session import Session

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One carer's access. `types` are resource types, * for all."""

    username: str
    patient_id: str
    types: tuple[str, ...]
    starts: datetime
    ends: datetime
    granted_by: str


async def give(session: Session, proxy: Proxy) -> None:
    """Give a carer access, or change it. Raises Invalid, NotFound."""
    if proxy.ends <= proxy.starts:
        raise Invalid("Proxy access ends after it starts.")
    known = definitions.resource_types()
    if not proxy.types or any(name != EVERYTHING and name not in known for name in proxy.types):
        raise Invalid("Proxy access names resource types, or * for all.")
    role = await session.tx.fetchval("select role from account where username = $1", proxy.username)
    if role != CARER:
        raise NotFound(f"There is no carer with the user name {proxy.username!r}.")
    key = patient_key(proxy.patient_id)
    if not await session.tx.fetchval("select true from patient_index where patient = $1", key):
        raise NotFound(f"There is no Patient/{proxy.patient_id}.")
    await session.tx.execute(
        "insert into proxy_access (username, patient_id, types, starts, ends, granted_by) "
        "values ($1, $2, $3, $4, $5, $6) on conflict (username, patient_id) do update set types = excluded.types, "
        "starts = excluded.starts, ends = excluded.ends, granted_by = excluded.granted_by",
        proxy.username,
        proxy.patient_id,
        list(proxy.types),
        proxy.starts,
        proxy.ends,
        proxy.granted_by,
    )
    await session.audit("C", "give-proxy", patient=key, what=f"people/{proxy.username}")


async def end(session: Session, username: str, patient_id: str) -> None:
    """End a carer's access now. Raises NotFound where there is none."""
    done = await session.tx.execute(
        "delete from proxy_access where username = $1 and patient_id = $2", username, patient_id
    )
    if done != "DELETE 1":
        raise NotFound(f"{username} has no access to Patient/{patient_id}.")
    await session.audit("D", "end-proxy", patient=patient_key(patient_id), what=f"people/{username}")


async def every(session: Session) -> list[Proxy]:
    """All proxy accesses, by carer."""
    rows = await session.tx.fetch(
        "select username, patient_id, types, starts, ends, granted_by from proxy_access order by username, patient_id"
    )
    return [Proxy(**{**dict(row), "types": tuple(row["types"])}) for row in rows]
