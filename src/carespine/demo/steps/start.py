"""Step 1: the embedded PostgreSQL and the server come up; nobody gets in without a sign-in."""

from __future__ import annotations

import httpx

from carespine.demo.stage import Stage, expect, expect_within

# Issue terms: a restart takes at most five seconds.
RESTART_WITHIN_S = 5.0


def play(stage: Stage) -> str:
    """Start the server, and in a check stop and start it again."""
    first = stage.server.start()
    if not stage.checking:
        return f"ready in {first:.1f} s at {stage.server.address}"
    stage.server.stop()
    again = stage.server.start()
    expect_within(stage, again, RESTART_WITHIN_S, "the restart")
    with httpx.Client(base_url=stage.server.address, trust_env=False) as client:
        statement = client.get("/fhir/metadata").json()
        expect(statement["fhirVersion"] == "4.0.1", "the CapabilityStatement is not that of FHIR R4")
        refused = client.get("/fhir/Patient")
        expect(
            refused.status_code == 401,
            f"Patient without a sign-in was answered {refused.status_code}, not 401",
        )
    version = stage.count("select current_setting('server_version_num')::int / 10000")
    expect(
        version >= 18 or not stage.database_url.startswith("postgresql://carespine@/"),
        f"PostgreSQL {version}",
    )
    return f"ready in {first:.1f} s, again in {again:.1f} s, PostgreSQL {version}, {stage.server.address}"
