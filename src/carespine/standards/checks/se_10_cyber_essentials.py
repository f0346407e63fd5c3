"""SE-10: cyber Essentials is held."""

from __future__ import annotations

from carespine.standards.assurance.security import CyberEssentials
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "SE-10",
    "cyber-essentials",
    title="Cyber Essentials is held",
    quote="Cyber Essentials is held, Plus where patient data is hosted.",
    expected="A signed document 'cyber-essentials' with a certificate that is in force; Plus for a"
    " host of patient data.",
    advice="Renew the certificate before its year ends.",
)(document("cyber-essentials", CyberEssentials, "the certificate is in force"))
