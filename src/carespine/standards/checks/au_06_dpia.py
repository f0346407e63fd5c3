"""AU-06: data protection was assessed."""

from __future__ import annotations

from carespine.standards.assurance.governance import Dpia
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "AU-06",
    "dpia",
    title="Data protection was assessed",
    quote="There is a data protection impact assessment, a record of processing, a list of "
    "processors, and safeguards where data leaves the UK.",
    expected="A signed document 'dpia' within 12 months, with controller, lawful basis, record of "
    "processing, and safeguards for every country but GB.",
    advice="Review the assessment once a year, and name the safeguards.",
)(document("dpia", Dpia, "the assessment is current and names its safeguards"))
