"""AU-05: the Data Security and Protection Toolkit is met."""

from __future__ import annotations

from carespine.standards.assurance.governance import Dspt
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "AU-05",
    "dspt",
    title="The Data Security and Protection Toolkit is met",
    quote="The Data Security and Protection Toolkit is at Standards Met for the current year.",
    expected="A signed document 'dspt': Standards Met or Exceeded, for a year whose successor has not ended.",
    advice="Complete the toolkit before 30 June.",
)(document("dspt", Dspt, "the toolkit is met for the current year"))
