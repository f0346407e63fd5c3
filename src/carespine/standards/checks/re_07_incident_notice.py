"""RE-07: users hear of incidents within the hour."""

from __future__ import annotations

from carespine.standards.assurance.safety import IncidentNotice
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "RE-07",
    "incident-notice",
    title="Users hear of incidents within the hour",
    quote="Users and the register hear of serious incidents, from a feed that machines read.",
    expected="A signed attestation 'incident-notice' with a first notice within 60 minutes and the"
    " https address of a status feed.",
    advice="Publish a status feed, and promise the first notice within the hour.",
)(document("incident-notice", IncidentNotice, "notice comes within the hour, from a feed"))
