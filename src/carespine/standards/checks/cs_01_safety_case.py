"""CS-01: the clinical safety case is whole and current."""

from __future__ import annotations

from carespine.standards.assurance.safety import SafetyCase
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "CS-01",
    "safety-case",
    title="The clinical safety case is whole and current",
    quote="The DCB0129 package is there: plan, hazard log, safety case, and a clinical safety "
    "officer with a live registration.",
    expected="A signed document 'safety-case' whose hazards each have cause, effect, control and "
    "evidence, none with an unacceptable residual risk, reviewed within 12 months.",
    advice="Have your clinical safety officer complete and review the hazard log, and publish it signed.",
)(document("safety-case", SafetyCase, "every hazard is controlled, and the review is current"))
