"""SE-08: known vulnerabilities are fixed."""

from __future__ import annotations

from carespine.standards.assurance.security import Vulnerabilities
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "SE-08",
    "vulnerabilities",
    title="Known vulnerabilities are fixed",
    quote="Known vulnerabilities are fixed.",
    expected="A signed document 'vulnerabilities' of a scan within 30 days, with no critical or "
    "high finding open for over 14 days.",
    advice="Scan your bill of materials at least monthly, and fix high and critical findings within 14 days.",
)(document("vulnerabilities", Vulnerabilities, "no critical or high vulnerability is open for over 14 days"))
