"""The official R4 examples are valid, but for those that break R4 themselves, each with its reason.

FHIR_R4_PACKAGE names the unpacked npm package `hl7.fhir.r4.examples`. Every hundredth example is checked; all of
them with CARESPINE_LONG=1 (a minute of processor time).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carespine.fhir import definitions, json_text
from carespine.fhir.validation import validate

# Rule (or code) of an error, and why the example is wrong and not the validator; then the examples.
EXPLAINED: dict[str, tuple[str, tuple[str, ...]]] = {
    "required": (
        "lacks an element of cardinality 1..1 or 1..* (name, linkId, base)",
        (
            "ImplementationGuide-fhir",
            "Questionnaire-qs1",
            *(
                f"SearchParameter-codesystem-extensions-CodeSystem-{name}"
                for name in ("author", "effective", "end", "keyword", "workflow")
            ),
            *(
                f"SearchParameter-valueset-extensions-ValueSet-{name}"
                for name in ("author", "effective", "end", "keyword", "workflow")
            ),
        ),
    ),
    "value": (
        "has an id of 69 characters; an id has at most 64",
        ("SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject",),
    ),
    "txt-2": (
        "has a narrative of white space alone",
        (
            "ActivityDefinition-blood-tubes-supply",
            "ActivityDefinition-heart-valve-replacement",
            "EventDefinition-example",
            "Questionnaire-zika-virus-exposure-assessment",
        ),
    ),
    "ucum": (
        "gives as UCUM what UCUM does not have: TAB, drop, mEq, mcg, ea, ml/hr, month, tbl",
        (
            "Bundle-father",
            "Claim-760151",
            "Claim-760152",
            *(f"MedicationDispense-meddisp03{number}" for number in ("09", 13, 18, 24, 27, 28, 29)),
            *(f"MedicationRequest-medrx03{number}" for number in ("04", 14, 19, 22, 25, 26, 28, 29, 34, 35)),
            "VisionPrescription-33124",
        ),
    ),
    "reference-target": (
        "refers to a type that R4 does not allow there",
        (
            "DeviceMetric-example",
            "DeviceUseStatement-example",
            "MedicationRequest-medrx0301",
            "Observation-clinical-gender",
        ),
    ),
    "bundle-fullUrl": (
        "has a fullUrl that ends in another id than the resource's",
        (
            "Bundle-10bb101f-a121-4264-a920-67be9cb82c74",
            "Bundle-3a0707d3-549e-4467-b8b8-5a2ab3800efe",
            "Bundle-lri-example",
        ),
    ),
    "modifier-extension": (
        "has modifier extensions of example.org that are defined nowhere",
        ("Basic-referral",),
    ),
    "extension-context": (
        "has an extension where its own definition does not allow it (translation; valueset-concept-comments)",
        ("Bundle-valueset-expansions", "Bundle-valuesets", "CodeSystem-dicom-dcim"),
    ),
    "identifier-value": (
        "has an identifier of the system urn:ietf:rfc:3986 whose value is no URI (an OID without its prefix, words)",
        ("Bundle-resources", "Organization-2.16.840.1.113883.19.5", "StructureDefinition-Consent"),
    ),
    "hash": (
        "writes the hash in hexadecimal digits; it is base64 of the bytes",
        ("DiagnosticReport-example-pgx",),
    ),
    "uri": ("writes X.Y.Z where an OID belongs", ("Library-zika-virus-intervention-logic",)),
    "bdl-7": ("has two entries of one fullUrl", ("Bundle-dataelements",)),
    "sdf-4": (
        "is a pattern without a base that does not say it is abstract",
        tuple(f"StructureDefinition-{name}" for name in ("Definition", "Event", "FiveWs", "Request")),
    ),
}
LONG = os.environ.get("CARESPINE_LONG") == "1"
SAMPLE = 1 if LONG else 100


@pytest.fixture(scope="module")
def examples() -> list[Path]:
    folder = os.environ.get("FHIR_R4_PACKAGE", "")
    if not folder:
        pytest.skip(
            "FHIR_R4_PACKAGE is not set: the official examples (npm hl7.fhir.r4.examples) are not at hand"
        )
    types = set(definitions.resource_types())
    found = sorted(path for path in Path(folder).glob("*-*.json") if path.name.partition("-")[0] in types)
    assert len(found) > 5000
    named = {name for _, names in EXPLAINED.values() for name in names}
    return [path for at, path in enumerate(found) if at % SAMPLE == 0 or (path.stem in named and LONG)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_examples_have_no_error_but_those_explained(examples: list[Path]) -> None:
    for path in examples:
        expected = {rule for rule, (_, names) in EXPLAINED.items() if path.stem in names}
        issues = validate(json_text.read(path.read_bytes()))
        found = {issue.rule or issue.code for issue in issues if issue.severity in ("error", "fatal")}
        assert found == expected, (
            path.name,
            [each.diagnostics for each in issues if each.severity == "error"],
        )
