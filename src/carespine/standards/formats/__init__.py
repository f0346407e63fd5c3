"""Reports and the catalogue in the formats of others: JUnit, FHIR TestReport, OSCAL, CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from carespine.standards.formats import fhir_report, junit, oscal

if TYPE_CHECKING:
    from carespine.standards.engine.report import Report

# By the name of the file that a report folder holds.
REPORTS: dict[str, Callable[[Report], bytes]] = {
    "junit.xml": junit.render,
    "test-report.fhir.json": fhir_report.render,
    "assessment-results.oscal.json": oscal.assessment_results,
}
