"""RE-04: recovery was drilled."""

from __future__ import annotations

from carespine.standards.assurance.governance import RecoveryDrill
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "RE-04",
    "recovery-drill",
    title="Recovery was drilled",
    quote="Recovery from a disaster was drilled, in the time that the tier allows.",
    expected="A signed document 'recovery-drill' within 6 months whose times are within the tier's.",
    advice="Restore from a backup twice a year, and time it.",
)(document("recovery-drill", RecoveryDrill, "the restore was in time"))
