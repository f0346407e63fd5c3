"""Step 7: every step left its audit events; the chain is printed and verified."""

from __future__ import annotations

import asyncio

from carespine.demo.stage import Stage, expect
from carespine.security import audit_seal
from carespine.security.audit_seal import Verification
from carespine.security.keys import public_set
from carespine.web import settings
from carespine.web.platform import Platform

# What must be on record, as the code of an event's subtype, with the step it comes from.
_EXPECTED = {
    "create": "2, the practice was loaded",
    "token": "4, a token was given",
    "import-readings": "4, readings were imported",
    "login": "5, people signed in",
}


def play(stage: Stage) -> str:
    """Seal what is open, verify the whole chain, count its events by kind."""
    found = asyncio.run(_verify(stage))
    expect(not found.faults, f"the audit trail is not intact: {found.faults[:3]}")
    with stage.rows() as connection:
        rows = connection.execute(
            "select tree -> 'subtype' -> 0 ->> 'code' as code, tree ->> 'outcome' as outcome, count(*) as number "
            "from (select convert_from(body, 'UTF8')::jsonb as tree from audit_event) events group by 1, 2"
        ).fetchall()
    kinds = {row["code"] for row in rows if row["outcome"] == "0"}
    for code, step in _EXPECTED.items():
        expect(code in kinds, f"no event {code!r} is on record (step {step})")
    refusals = sum(row["number"] for row in rows if row["outcome"] != "0")
    expect(refusals >= 3, f"only {refusals} refusals are on record")
    return (
        f"{found.events} events under {found.seals} signed seals are intact, {refusals} of them refusals; "
        f"head {found.head[:16]}"
    )


async def _verify(stage: Stage) -> Verification:
    platform = Platform.build(settings.load(data=stage.data), stage.database_url)
    await platform.open()
    try:
        async with platform.database.transaction() as tx:
            await audit_seal.seal(tx, platform.keys.audit, platform.clock)
        async with platform.database.connection() as connection:
            return await audit_seal.verify(connection, public_set(platform.keys.audit))
    finally:
        await platform.close()
