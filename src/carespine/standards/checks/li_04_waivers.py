"""LI-04: a waiver names who, why, where and until when."""

from __future__ import annotations

from carespine.standards.assurance.openness import Waivers
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "LI-04",
    "waivers",
    title="A waiver names who, why, where and until when",
    quote="A waiver has a named decision-maker, a reason, a scope and an expiry, and is public.",
    expected="A signed document 'waivers' that lists every waiver with all of these, each ending within 12 months "
    "of the decision; an empty list where there are none.",
    advice="Ask for a new decision before a waiver ends, and publish each where anybody can read it.",
)(document("waivers", Waivers, "every waiver has a name, a reason, a scope and an end"))
