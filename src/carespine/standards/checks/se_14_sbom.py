"""SE-14: a bill of materials goes with the release."""

from __future__ import annotations

from carespine.standards.assurance.security import BillOfMaterials
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "SE-14",
    "sbom",
    title="A bill of materials goes with the release",
    quote="A signed bill of materials goes with each release.",
    expected="A signed CycloneDX document 'sbom' that names the product's version and each "
    "component with its version.",
    advice="Have your build write a CycloneDX file, and sign it with the release.",
)(document("sbom", BillOfMaterials, "the bill of materials is signed and names its components"))
