"""SE-11: privileged accounts ask for a second factor."""

from __future__ import annotations

from carespine.standards.assurance.security import SecondFactor
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "SE-11",
    "second-factor",
    title="Privileged accounts ask for a second factor",
    quote="Every privileged account and cloud console asks for a second factor.",
    expected="A signed attestation 'second-factor', at most 12 months old, that every privileged "
    "account has one.",
    advice="Switch second factors on for the accounts that lack them, and attest it anew.",
)(document("second-factor", SecondFactor, "every privileged account has a second factor"))
