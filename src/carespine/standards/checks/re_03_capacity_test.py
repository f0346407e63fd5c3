"""RE-03: the declared capacity is proven."""

from __future__ import annotations

from carespine.standards.assurance.governance import CapacityTest
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "RE-03",
    "capacity-test",
    title="The declared capacity is proven",
    quote="The declared capacity is proven by load, ramp and soak tests.",
    expected="A signed document 'capacity-test' within 12 months with load, ramp and soak, broken "
    "at no less than twice the declared peak.",
    advice="Test to the breaking point, and declare half of it.",
)(document("capacity-test", CapacityTest, "it broke at no less than twice the declared peak"))
