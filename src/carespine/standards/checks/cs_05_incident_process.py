"""CS-05: safety incidents are taken, triaged, and can be stopped."""

from __future__ import annotations

from carespine.standards.assurance.safety import IncidentProcess
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "CS-05",
    "incident-process",
    title="Safety incidents are taken, triaged, and can be stopped",
    quote="Safety incidents are taken in and triaged in time, and each feature can be switched off by area.",
    expected="A signed attestation 'incident-process': triage within 1 working day, a switch that "
    "works within 15 minutes and was drilled within 12 months.",
    advice="Name who takes incidents in, build the switch, and drill it once a year.",
)(document("incident-process", IncidentProcess, "incidents are triaged in time and the switch was drilled"))
