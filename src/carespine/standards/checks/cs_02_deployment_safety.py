"""CS-02: every deployment was assessed before it went live."""

from __future__ import annotations

from carespine.standards.assurance.safety import Deployments
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "CS-02",
    "deployment-safety",
    title="Every deployment was assessed before it went live",
    quote="A DCB0160 assessment was done for each deployment before it went live.",
    expected="A signed document 'deployments' in which every live deployment has an assessment "
    "dated before it went live.",
    advice="Assess each deployment with the organisation's clinical safety officer before it goes live.",
)(document("deployments", Deployments, "every live deployment was assessed first"))
