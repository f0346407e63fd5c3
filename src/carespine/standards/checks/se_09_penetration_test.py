"""SE-09: an independent penetration test is current."""

from __future__ import annotations

from carespine.standards.assurance.security import PenetrationTest
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "SE-09",
    "penetration-test",
    title="An independent penetration test is current",
    quote="An independent penetration test was done.",
    expected="A signed document 'penetration-test' by an independent tester within 12 months, with"
    " no open finding of CVSS 7.0 or more.",
    advice="Have the product tested once a year and after larger changes; fix what is 7.0 or more.",
)(
    document(
        "penetration-test",
        PenetrationTest,
        "the test is independent and current, and nothing serious is open",
    )
)
