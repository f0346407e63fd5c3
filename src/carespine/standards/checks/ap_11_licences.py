"""AP-11: source or schema is open."""

from __future__ import annotations

from carespine.standards.assurance.governance import Licences
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "AP-11",
    "licences",
    title="Source or schema is open",
    quote="The source, or at least the interface schema and its tests, are under an open licence.",
    expected="A signed document 'licences' that names what is open, each under a licence approved "
    "by OSI or the OGL.",
    advice="Publish at least your API's schema and its tests under an open licence.",
)(document("licences", Licences, "what is named is open"))
