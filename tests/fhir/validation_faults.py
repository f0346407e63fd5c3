"""Faults written out: one for each invariant of R4 that can be broken alone, and one for each other rule."""

from __future__ import annotations

import base64
from typing import Any

from validation_cases import Mutant, Tree, changed, minimal

HL7 = "http://terminology.hl7.org/CodeSystem"
FHIR = "http://hl7.org/fhir"
UCUM = "http://unitsofmeasure.org"
XHTML = "http://www.w3.org/1999/xhtml"
TEXT = {"status": "generated", "div": f'<div xmlns="{XHTML}">x</div>'}
CONCEPT = {"text": "x"}
REFERENCE = {"reference": "Patient/1"}


def invariant(key: str, kind: str, path: str = "", severity: str = "error", /, **members: Any) -> Mutant:
    """A minimal resource with members that break one invariant, at `path` within it."""
    where = f"{kind}.{path}" if path else kind
    tree = {**minimal(kind), "text": TEXT, **members}
    return Mutant(
        f"{key} {where}", {k: v for k, v in tree.items() if v is not None}, key, where, "", severity
    )


def in_observation(key: str, name: str, value: Any, path: str = "", severity: str = "error") -> Mutant:
    return invariant(key, "Observation", path, severity, **{name: value})


def extension_value(key: str, fhir_type: str, value: Any, path: str = "", severity: str = "error") -> Mutant:
    """A datatype, as the value of a parameter."""
    name = f"value{fhir_type[0].upper()}{fhir_type[1:]}"
    tree = {"resourceType": "Parameters", "parameter": [{"name": "p", name: value}]}
    where = f"Parameters.parameter[0].value.ofType({fhir_type}){path}"
    return Mutant(f"{key} {fhir_type}", tree, key, where, "", severity)


def item(**members: Any) -> dict[str, Any]:
    """Questionnaire items."""
    return {"item": [{"linkId": "1", "type": "string", **members}]}


def action(where: str, **members: Any) -> dict[str, Any]:
    return {where: {"action": [members]}}


_EIE = {"coding": [{"system": f"{HL7}/allergyintolerance-verification", "code": "entered-in-error"}]}
_ACTIVE = {"coding": [{"system": f"{HL7}/allergyintolerance-clinical", "code": "active"}]}
_CONDITION_EIE = {"coding": [{"system": f"{HL7}/condition-ver-status", "code": "entered-in-error"}]}
_CONDITION_ACTIVE = {"coding": [{"system": f"{HL7}/condition-clinical", "code": "active"}]}
_NAMED = ["ActivityDefinition", "CapabilityStatement", "CodeSystem", "CompartmentDefinition",
          "ConceptMap", "EffectEvidenceSynthesis", "EventDefinition", "Evidence", "EvidenceVariable",
          "ExampleScenario", "GraphDefinition", "ImplementationGuide", "Library", "Measure", "MessageDefinition",
          "NamingSystem", "OperationDefinition", "PlanDefinition", "Questionnaire", "ResearchDefinition",
          "ResearchElementDefinition", "RiskEvidenceSynthesis", "SearchParameter", "StructureDefinition",
          "StructureMap", "TerminologyCapabilities", "TestScript", "ValueSet"]  # fmt: skip
_KEYS = {"ActivityDefinition": "adf", "CapabilityStatement": "cpb", "CodeSystem": "csd",
         "CompartmentDefinition": "cpd", "ConceptMap": "cmd", "EffectEvidenceSynthesis": "ees",
         "EventDefinition": "evd", "Evidence": "evi", "EvidenceVariable": "evv", "ExampleScenario": "esc",
         "GraphDefinition": "gdf", "ImplementationGuide": "ig", "Library": "lib", "Measure": "mea",
         "MessageDefinition": "msd", "NamingSystem": "nsd", "OperationDefinition": "opd", "PlanDefinition": "pdf",
         "Questionnaire": "que", "ResearchDefinition": "rsd", "ResearchElementDefinition": "red",
         "RiskEvidenceSynthesis": "rvs", "SearchParameter": "spd", "StructureDefinition": "sdf",
         "StructureMap": "smp", "TerminologyCapabilities": "tcp", "TestScript": "tst", "ValueSet": "vsd"}  # fmt: skip
_SD: dict[str, Any] = {"kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
       "baseDefinition": f"{FHIR}/StructureDefinition/Patient"}  # fmt: skip


def element(**members: Any) -> dict[str, Any]:
    """The differential of a StructureDefinition with one element below the root."""
    rows = [{"id": "Patient", "path": "Patient"}, {"id": "Patient.name", "path": "Patient.name", **members}]
    return {**_SD, "differential": {"element": rows}}


def snapshot(*rows: dict[str, Any], **members: Any) -> dict[str, Any]:
    full = [
        {"definition": "x", "min": 0, "max": "*", "base": {"path": "x", "min": 0, "max": "*"}, **row}
        for row in rows
    ]
    return {**_SD, "snapshot": {"element": full}, **members}


def differential(*rows: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**_SD, "differential": {"element": list(rows)}, **members}


def scope(code: str) -> dict[str, Any]:
    """R4's rules for kinds of consent name a system that it never gave a name."""
    return {"policyRule": CONCEPT, "scope": {"coding": [{"system": "something", "code": code}]}}


_ROOT = {"id": "Patient", "path": "Patient"}
_OF_HL7 = {"url": f"{FHIR}/StructureDefinition/x"}
_LOGICAL = {"kind": "logical", "type": "http://example.org/L", "derivation": "specialization", "abstract": False,
            "baseDefinition": f"{FHIR}/StructureDefinition/Element"}  # fmt: skip
_ELEMENT = "differential.element[1]"

INVARIANTS: list[Mutant] = [
    *(invariant(f"{_KEYS[name]}-0", name, "", "warning", name="not a name") for name in _NAMED),
    # --- datatypes
    extension_value("age-1", "Age", {"value": 3, "system": UCUM}),
    extension_value("att-1", "Attachment", {"data": "aGVsbG8="}),
    extension_value("cnt-3", "Count", {"value": 3, "code": "kg", "system": UCUM}),
    extension_value("cpt-2", "ContactPoint", {"value": "1"}),
    extension_value("dis-1", "Distance", {"value": 3}),
    extension_value("drq-1", "DataRequirement", {"type": "Patient", "codeFilter": [{"valueSet": "http://x"}]},
                    ".codeFilter[0]"),
    extension_value("drq-2", "DataRequirement", {"type": "Patient", "dateFilter": [{"valueDateTime": "2020"}]},
                    ".dateFilter[0]"),
    extension_value("drt-1", "Duration", {"value": 3, "code": "h"}),
    extension_value("exp-1", "Expression", {"language": "text/fhirpath"}),
    extension_value("per-1", "Period", {"start": "2020-02-01", "end": "2020-01-01"}),
    extension_value("qty-3", "Quantity", {"value": 1, "code": "kg"}),
    extension_value("rat-1", "Ratio", {"numerator": {"value": 1}}),
    extension_value("rng-2", "Range", {"low": {"value": 3}, "high": {"value": 1}}),
    extension_value("rng-2", "Range", {"low": {"value": 3, "unit": "years"}, "high": {"value": 1, "unit": "years"}}),
    extension_value("rng-2", "Range", {"low": {"value": 3, "unit": "kg", "system": UCUM, "code": "kg"},
                                       "high": {"value": 1, "unit": "g", "system": UCUM, "code": "g"}}),
    extension_value("ref-1", "Reference", {"reference": "#nowhere"}),
    extension_value("tim-1", "Timing", {"repeat": {"duration": 3}}, ".repeat"),
    extension_value("tim-2", "Timing", {"repeat": {"period": 3}}, ".repeat"),
    extension_value("tim-4", "Timing", {"repeat": {"duration": -3, "durationUnit": "h"}}, ".repeat"),
    extension_value("tim-5", "Timing", {"repeat": {"period": -3, "periodUnit": "h"}}, ".repeat"),
    extension_value("tim-6", "Timing", {"repeat": {"periodMax": 3}}, ".repeat"),
    extension_value("tim-7", "Timing", {"repeat": {"durationMax": 3}}, ".repeat"),
    extension_value("tim-8", "Timing", {"repeat": {"countMax": 3}}, ".repeat"),
    extension_value("tim-9", "Timing", {"repeat": {"offset": 3, "when": ["C"]}}, ".repeat"),
    extension_value("tim-9", "Timing", {"repeat": {"offset": 3, "when": ["MORN", "C"]}}, ".repeat"),
    extension_value("tim-10", "Timing", {"repeat": {"timeOfDay": ["12:00:00"], "when": ["MORN"]}}, ".repeat"),
    extension_value("trd-1", "TriggerDefinition",
                    {"type": "data-added", "data": [{"type": "Patient"}], "timingDate": "2020-01-01"}),
    extension_value("trd-2", "TriggerDefinition",
                    {"type": "named-event", "name": "x", "condition": {"language": "text/fhirpath", "expression": "x"}}),
    extension_value("trd-3", "TriggerDefinition", {"type": "named-event"}),
    in_observation("ext-1", "extension", [{"url": "http://x"}], "extension[0]"),
    in_observation("txt-1", "text", {"status": "generated", "div": f'<div xmlns="{XHTML}"><script>x</script></div>'},
                   "text.div"),
    in_observation("txt-2", "text", {"status": "generated", "div": f'<div xmlns="{XHTML}"> </div>'}, "text.div"),
    # --- every resource
    in_observation("dom-2", "contained", [{"resourceType": "Group", "id": "a", "type": "person", "actual": True,
                   "text": TEXT, "contained": [{"resourceType": "Basic", "id": "b", "code": CONCEPT}]}]),
    in_observation("dom-3", "contained", [{"resourceType": "Basic", "id": "a", "code": CONCEPT}]),
    in_observation("dom-4", "contained", [{"resourceType": "Basic", "id": "a", "code": CONCEPT,
                                           "meta": {"versionId": "1"}}]),
    in_observation("dom-5", "contained", [{"resourceType": "Basic", "id": "a", "code": CONCEPT,
                                           "meta": {"security": [{"code": "x"}]}}]),
    in_observation("dom-6", "text", None, "", "warning"),
    # --- resources
    invariant("ait-1", "AllergyIntolerance"),
    invariant("ait-2", "AllergyIntolerance", verificationStatus=_EIE, clinicalStatus=_ACTIVE),
    invariant("app-1", "Appointment", "participant[0]", participant=[{"status": "accepted"}]),
    invariant("app-2", "Appointment", start="2020-01-01T00:00:00Z"),
    invariant("app-3", "Appointment", status="booked"),
    invariant("app-4", "Appointment", status="booked", start="2020-01-01T00:00:00Z", end="2020-01-01T01:00:00Z",
              cancelationReason=CONCEPT),
    invariant("apr-1", "AppointmentResponse", participantType=None),
    invariant("cpl-3", "CarePlan", "activity[0]",
              activity=[{"detail": {"status": "unknown"}, "reference": {"reference": "Task/1"}}]),
    invariant("ctm-1", "CareTeam", "participant[0]",
              contained=[{"resourceType": "Patient", "id": "p"}],
              participant=[{"member": {"reference": "#p"}, "onBehalfOf": {"reference": "Organization/1"}}]),
    invariant("cpb-1", "CapabilityStatement", status="draft", kind="requirements"),
    invariant("cpb-2", "CapabilityStatement", kind="requirements"),
    invariant("cpb-3", "CapabilityStatement", kind="capability", software={"name": "x"},
              messaging=[{"endpoint": [{"protocol": {"code": "http"}, "address": "http://x"}]}]),
    invariant("cpb-7", "CapabilityStatement",
              document=[{"mode": "producer", "profile": "http://x"}, {"mode": "producer", "profile": "http://x"}]),
    invariant("cpb-9", "CapabilityStatement", "rest[0]",
              rest=[{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Patient"}]}]),
    invariant("cpb-12", "CapabilityStatement", "rest[0].resource[0]",
              rest=[{"mode": "server", "resource": [{"type": "Patient", "searchParam": [
                  {"name": "a", "type": "token"}, {"name": "a", "type": "token"}]}]}]),
    invariant("cpb-14", "CapabilityStatement", kind="instance", description="x"),
    invariant("cpb-15", "CapabilityStatement", kind="capability", description="x"),
    invariant("cpb-16", "CapabilityStatement", kind="requirements", software={"name": "x"}),
    invariant("ces-1", "CoverageEligibilityResponse", "insurance[0].item[0]",
              insurance=[{"coverage": {"reference": "Coverage/1"}, "item": [{"name": "x"}]}]),
    invariant("cmd-1", "ConceptMap", "group[0].element[0].target[0]",
              group=[{"element": [{"target": [{"equivalence": "narrower", "code": "x"}]}]}]),
    invariant("cmd-2", "ConceptMap", "group[0].unmapped", group=[{"element": [{"code": "x"}], "unmapped": {"mode": "fixed"}}]),
    invariant("cmd-3", "ConceptMap", "group[0].unmapped", group=[{"element": [{"code": "x"}], "unmapped": {"mode": "other-map"}}]),
    invariant("cmp-1", "Composition", "section[0]", section=[{"title": "x"}]),
    invariant("cmp-2", "Composition", "section[0]", section=[{"entry": [REFERENCE], "emptyReason": CONCEPT}]),
    invariant("con-1", "Condition", "stage[0]", stage=[{"type": CONCEPT}], clinicalStatus=_CONDITION_ACTIVE),
    invariant("con-2", "Condition", "evidence[0]", evidence=[{"id": "e", "extension": [{"url": "http://x", "valueCode": "x"}]}]),
    invariant("con-3", "Condition", "", "warning", category=[{"coding": [{"system": f"{HL7}/condition-category",
              "code": "problem-list-item"}]}]),
    invariant("con-4", "Condition", abatementDateTime="2020", clinicalStatus=_CONDITION_ACTIVE),
    invariant("con-5", "Condition", verificationStatus=_CONDITION_EIE, clinicalStatus=_CONDITION_ACTIVE),
    invariant("csd-1", "CodeSystem", concept=[{"code": "a"}, {"code": "b", "concept": [{"code": "a"}]}]),
    invariant("fhs-1", "FamilyMemberHistory", ageString="3", bornString="x"),
    invariant("fhs-2", "FamilyMemberHistory", estimatedAge=True),
    invariant("gol-1", "Goal", "target[0]", target=[{"detailInteger": 3}]),
    invariant("grp-1", "Group", actual=False, member=[{"entity": REFERENCE}]),
    invariant("ig-1", "ImplementationGuide", "definition", definition={"grouping": [{"id": "a", "name": "a"}],
              "resource": [{"reference": REFERENCE, "groupingId": "b"}]}),
    invariant("ig-2", "ImplementationGuide", fhirVersion=["4.0.1"],
              definition={"resource": [{"reference": REFERENCE, "fhirVersion": ["3.0.1"]}]}),
    invariant("imm-1", "Immunization", "education[0]", education=[{"publicationDate": "2020"}]),
    invariant("imr-1", "ImmunizationRecommendation", "recommendation[0]", recommendation=[{"forecastStatus": CONCEPT}]),
    invariant("ipn-1", "InsurancePlan"),
    invariant("lnk-1", "Linkage", item=[{"type": "source", "resource": REFERENCE}]),
    invariant("lst-1", "List", entry=[{"item": REFERENCE}], emptyReason=CONCEPT),
    invariant("lst-2", "List", mode="working", entry=[{"item": REFERENCE, "deleted": True}]),
    invariant("lst-3", "List", mode="changes", entry=[{"item": REFERENCE, "date": "2020"}]),
    invariant("mad-1", "MedicationAdministration", "dosage", dosage={"text": "x"}),
    invariant("md-1", "MessageDefinition", "focus[0]", focus=[{"code": "Patient", "min": 0, "max": "0"}]),
    invariant("mdd-1", "MedicationDispense", whenPrepared="2020-02-01", whenHandedOver="2020-01-01"),
    invariant("mea-1", "Measure", group=[{"stratifier": [{"description": "x", "component": [
        {"criteria": {"language": "text/cql", "expression": "x"}}]}]}]),
    invariant("mrp-1", "MeasureReport", type="data-collection", group=[{"code": CONCEPT}]),
    invariant("mrp-2", "MeasureReport", group=[{"stratifier": [{"stratum": [{"value": CONCEPT, "component": [
        {"code": CONCEPT, "value": CONCEPT}]}]}]}], type="summary"),
    invariant("msq-3", "MolecularSequence", coordinateSystem=2),
    invariant("msq-5", "MolecularSequence", "referenceSeq", coordinateSystem=1,
              referenceSeq={"genomeBuild": "x", "windowStart": 1}),
    invariant("msq-6", "MolecularSequence", "referenceSeq", coordinateSystem=1, referenceSeq={"windowStart": 1}),
    invariant("nor-1", "NutritionOrder", "", "warning"),
    invariant("nsd-1", "NamingSystem", kind="root", uniqueId=[{"type": "uuid", "value": "x"}]),
    invariant("nsd-2", "NamingSystem", uniqueId=[{"type": "uri", "value": "a", "preferred": True},
                                                 {"type": "uri", "value": "b", "preferred": True}]),
    invariant("obs-3", "Observation", "referenceRange[0]", referenceRange=[{"type": CONCEPT}]),
    invariant("obs-6", "Observation", valueString="x", dataAbsentReason=CONCEPT),
    invariant("obs-7", "Observation", valueString="x", code={"coding": [{"system": "http://x", "code": "a"}]},
              component=[{"code": {"coding": [{"system": "http://x", "code": "a"}]}, "valueString": "x"}]),
    invariant("opd-1", "OperationDefinition", "parameter[0]",
              parameter=[{"name": "x", "use": "in", "min": 0, "max": "1"}]),
    invariant("opd-2", "OperationDefinition", "parameter[0]",
              parameter=[{"name": "x", "use": "in", "min": 0, "max": "1", "type": "code", "searchType": "token"}]),
    invariant("opd-3", "OperationDefinition", "parameter[0]", parameter=[{"name": "x", "use": "in", "min": 0,
              "max": "1", "type": "code", "targetProfile": ["http://x"]}]),
    invariant("org-1", "Organization"),
    invariant("org-2", "Organization", "address[0]", name="x", address=[{"use": "home", "city": "x"}]),
    invariant("org-3", "Organization", "telecom[0]", name="x", telecom=[{"use": "home", "system": "phone", "value": "1"}]),
    invariant("inv-1", "Parameters", "parameter[0]", text=None, parameter=[{"name": "p"}]),
    invariant("pat-1", "Patient", "contact[0]", contact=[{"gender": "male"}]),
    invariant("ppc-1", "Consent", policyRule=None),
    invariant("ppc-2", "Consent", **scope("patient-privacy")),
    invariant("ppc-3", "Consent", **scope("research")),
    invariant("ppc-4", "Consent", **scope("adr")),
    invariant("ppc-5", "Consent", **scope("treatment")),
    invariant("prr-1", "ServiceRequest", orderDetail=[CONCEPT]),
    invariant("qrs-1", "QuestionnaireResponse", "item[0]",
              item=[{"linkId": "1", "answer": [{"valueString": "x"}], "item": [{"linkId": "2"}]}]),
    invariant("que-1", "Questionnaire", "item[0]", **item(type="group")),
    invariant("que-2", "Questionnaire", item=[{"linkId": "1", "type": "string"}, {"linkId": "1", "type": "string"}]),
    invariant("que-3", "Questionnaire", "item[0]", **item(type="display", code=[{"code": "x"}])),
    invariant("que-4", "Questionnaire", "item[0]",
              **item(type="choice", answerOption=[{"valueString": "x"}], answerValueSet="http://x")),
    invariant("que-5", "Questionnaire", "item[0]", **item(type="boolean", answerValueSet="http://x")),
    invariant("que-6", "Questionnaire", "item[0]", **item(type="display", required=True)),
    invariant("que-7", "Questionnaire", "item[0].enableWhen[0]",
              **item(enableWhen=[{"question": "1", "operator": "exists", "answerString": "x"}])),
    invariant("que-8", "Questionnaire", "item[0]",
              **item(type="group", item=[{"linkId": "2", "type": "string"}], initial=[{"valueString": "x"}])),
    invariant("que-9", "Questionnaire", "item[0]", **item(type="display", readOnly=True)),
    invariant("que-10", "Questionnaire", "item[0]", **item(type="date", maxLength=3)),
    invariant("que-11", "Questionnaire", "item[0]",
              **item(type="choice", answerOption=[{"valueString": "x"}], initial=[{"valueString": "x"}])),
    invariant("que-12", "Questionnaire", "item[0]",
              **item(enableWhen=[{"question": "1", "operator": "exists", "answerBoolean": True}] * 3)),
    invariant("que-13", "Questionnaire", "item[0]", **item(initial=[{"valueString": "x"}, {"valueString": "y"}])),
    invariant("ras-1", "RiskAssessment", "prediction[0].probability.ofType(Range)", prediction=[
        {"probabilityRange": {"low": {"value": 1, "code": "kg", "system": UCUM}}}]),
    invariant("ras-2", "RiskAssessment", "prediction[0]", prediction=[{"probabilityDecimal": 101}]),
    invariant("rqg-1", "RequestGroup", "action[0]", action=[{"title": "x"}]),
    invariant("sev-1", "AuditEvent", "entity[0]", entity=[{"name": "x", "query": "aGVsbG8="}]),
    invariant("smp-1", "StructureMap", "group[0].rule[0].target[0]",
              group=[{"name": "g", "typeMode": "none", "input": [{"name": "i", "mode": "source"}],
                      "rule": [{"name": "r", "source": [{"context": "x"}], "target": [{"element": "x"}]}]}]),
    invariant("smp-2", "StructureMap", "group[0].rule[0].target[0]",
              group=[{"name": "g", "typeMode": "none", "input": [{"name": "i", "mode": "source"}],
                      "rule": [{"name": "r", "source": [{"context": "x"}], "target": [{"context": "x"}]}]}]),
    invariant("spd-1", "SearchParameter", xpath="x"),
    invariant("spd-2", "SearchParameter", type="string", chain=["x"]),
    invariant("tcp-1", "TerminologyCapabilities", "codeSystem[0]", codeSystem=[{"version": [{"isDefault": True}, {"code": "1"}]}]),
    invariant("tcp-2", "TerminologyCapabilities", kind="requirements"),
    invariant("tcp-3", "TerminologyCapabilities", kind="instance", description="x"),
    invariant("tcp-4", "TerminologyCapabilities", kind="capability", description="x"),
    invariant("tcp-5", "TerminologyCapabilities", kind="requirements", software={"name": "x"}),
    invariant("inv-1", "Task", authoredOn="2020-02-01", lastModified="2020-01-01"),
    invariant("tst-1", "TestScript", "setup.action[0]", **action("setup", id="x", extension=[{"url": "http://x", "valueCode": "x"}])),
    invariant("tst-3", "TestScript", "variable[0]", variable=[{"name": "v", "expression": "x", "headerField": "x", "path": "x"}]),
    invariant("tst-5", "TestScript", "setup.action[0].assert",
              **action("setup", **{"assert": {"warningOnly": False, "path": "x", "expression": "y"}})),
    invariant("tst-7", "TestScript", "setup.action[0].operation",
              **action("setup", operation={"encodeRequestUrl": True, "type": {"code": "read"}})),
    invariant("tst-10", "TestScript", "setup.action[0].assert",
              **action("setup", **{"assert": {"warningOnly": False, "compareToSourceId": "x"}})),
    invariant("tst-12", "TestScript", "setup.action[0].assert",
              **action("setup", **{"assert": {"warningOnly": False, "direction": "request", "response": "okay"}})),
    invariant("tst-2", "TestScript", "test[0].action[0]", test=[action("x", operation={
        "encodeRequestUrl": False, "sourceId": "a"}, **{"assert": {"warningOnly": False, "response": "okay"}})["x"]]),
    invariant("tst-6", "TestScript", "test[0].action[0].assert", test=[
        action("x", **{"assert": {"warningOnly": False, "response": "okay", "resource": "Patient"}})["x"]]),
    invariant("tst-8", "TestScript", "test[0].action[0].operation", test=[
        action("x", operation={"encodeRequestUrl": False})["x"]]),
    invariant("tst-9", "TestScript", "teardown.action[0].operation", **action("teardown", operation={"encodeRequestUrl": False})),
    invariant("tst-11", "TestScript", "test[0].action[0].assert", test=[
        action("x", **{"assert": {"warningOnly": False, "response": "okay", "compareToSourceId": "x"}})["x"]]),
    invariant("tst-13", "TestScript", "test[0].action[0].assert", test=[
        action("x", **{"assert": {"warningOnly": False, "response": "okay", "direction": "request"}})["x"]]),
    invariant("vsd-1", "ValueSet", "compose.include[0]", compose={"include": [{"version": "1"}]}),
    invariant("vsd-2", "ValueSet", "compose.include[0]",
              compose={"include": [{"valueSet": ["http://x"], "concept": [{"code": "x"}]}]}),
    invariant("vsd-3", "ValueSet", "compose.include[0]", compose={"include": [{"system": "http://x", "concept": [
        {"code": "x"}], "filter": [{"property": "x", "op": "=", "value": "x"}]}]}),
    invariant("vsd-6", "ValueSet", "expansion.contains[0]",
              expansion={"timestamp": "2020", "contains": [{"abstract": True}]}),
    invariant("vsd-9", "ValueSet", "expansion.contains[0]", expansion={"timestamp": "2020", "contains": [{"display": "x"}]}),
    invariant("vsd-10", "ValueSet", "expansion.contains[0]", expansion={"timestamp": "2020", "contains": [{"code": "x"}]}),
    # --- definitions
    invariant("eld-1", "StructureDefinition", f"{_ELEMENT}.slicing", **element(slicing={"rules": "open"})),
    invariant("eld-2", "StructureDefinition", _ELEMENT, **element(min=2, max="1")),
    invariant("eld-3", "StructureDefinition", f"{_ELEMENT}.max", **element(max="-1")),
    invariant("eld-4", "StructureDefinition", f"{_ELEMENT}.type[0]", **element(type=[{"code": "HumanName", "aggregation": ["bundled"]}])),
    invariant("eld-5", "StructureDefinition", _ELEMENT, **element(contentReference="#x", type=[{"code": "HumanName"}])),
    invariant("eld-6", "StructureDefinition", _ELEMENT, **element(fixedCode="x", type=[{"code": "code"}, {"code": "id"}])),
    invariant("eld-7", "StructureDefinition", _ELEMENT, **element(patternCode="x", type=[{"code": "code"}, {"code": "id"}])),
    invariant("eld-8", "StructureDefinition", _ELEMENT, **element(patternCode="x", fixedCode="x")),
    invariant("eld-12", "StructureDefinition", f"{_ELEMENT}.binding",
              **element(binding={"strength": "required", "valueSet": "ValueSet/x"})),
    invariant("eld-13", "StructureDefinition", _ELEMENT, **element(type=[{"code": "code"}, {"code": "code"}])),
    invariant("eld-14", "StructureDefinition", _ELEMENT, **element(constraint=[
        {"key": "a", "severity": "error", "human": "x", "expression": "true"}] * 2)),
    invariant("eld-15", "StructureDefinition", _ELEMENT, **element(defaultValueCode="x", meaningWhenMissing="x")),
    invariant("eld-16", "StructureDefinition", _ELEMENT, **element(sliceName="a b")),
    invariant("eld-17", "StructureDefinition", f"{_ELEMENT}.type[0]", **element(type=[{"code": "HumanName", "targetProfile": ["http://x"]}])),
    invariant("eld-18", "StructureDefinition", _ELEMENT, **element(isModifier=True)),
    invariant("eld-19", "StructureDefinition", "differential.element[0]",
              **differential({"id": "x", "path": "@"}, **_LOGICAL)),
    invariant("eld-20", "StructureDefinition", "differential.element[0]", "warning",
              **differential({"id": "x", "path": "1"}, **_LOGICAL)),
    invariant("eld-21", "StructureDefinition", f"{_ELEMENT}.constraint[0]", "warning",
              **element(constraint=[{"key": "a", "severity": "error", "human": "x"}])),
    invariant("eld-22", "StructureDefinition", _ELEMENT, **element(sliceIsConstraining=True)),
    invariant("sdf-1", "StructureDefinition", **snapshot(_ROOT, {"id": "Patient.a", "path": "Patient.a"},
              {"id": "Patient.b", "path": "Patient.a"}, derivation="specialization")),
    invariant("sdf-2", "StructureDefinition", "mapping[0]", **_SD, mapping=[{"identity": "x", "comment": "x"}],
              differential={"element": [_ROOT]}),
    invariant("sdf-3", "StructureDefinition", "snapshot", **{**_SD, "snapshot": {"element": [_ROOT]}}),
    invariant("sdf-4", "StructureDefinition", **{**element(), "baseDefinition": None}),
    invariant("sdf-5", "StructureDefinition", **{**_SD, "type": "Extension", "differential": {"element": [
        {"id": "Extension", "path": "Extension"}]}}),
    invariant("sdf-6", "StructureDefinition", **_SD),
    invariant("sdf-8", "StructureDefinition", "snapshot", **snapshot(_ROOT, {"id": "Group.name", "path": "Group.name"})),
    invariant("sdf-8a", "StructureDefinition", "differential", **differential(_ROOT, {"id": "Group.name", "path": "Group.name"})),
    invariant("sdf-8b", "StructureDefinition", "snapshot",
              **{**_SD, "snapshot": {"element": [{**_ROOT, "definition": "x", "min": 0, "max": "*"}]}}),
    invariant("sdf-9", "StructureDefinition", **differential({**_ROOT, "label": "x"})),
    invariant("sdf-10", "StructureDefinition", "snapshot.element[1]", **snapshot(_ROOT,
              {"id": "Patient.a", "path": "Patient.a", "binding": {"strength": "required"}})),
    invariant("sdf-11", "StructureDefinition", **snapshot({"id": "Group", "path": "Group"})),
    invariant("sdf-14", "StructureDefinition", **differential(_ROOT, {"path": "Patient.name"})),
    invariant("sdf-15", "StructureDefinition", **snapshot({**_ROOT, "type": [{"code": "Patient"}]})),
    invariant("sdf-15a", "StructureDefinition", **differential({**_ROOT, "type": [{"code": "Patient"}]})),
    invariant("sdf-16", "StructureDefinition", **snapshot(_ROOT, {"id": "Patient", "path": "Patient.a"})),
    invariant("sdf-17", "StructureDefinition", **{**_SD, "differential": {"element": [_ROOT, {**_ROOT, "path": "Patient.a"}]}}),
    invariant("sdf-18", "StructureDefinition", **element(), contextInvariant=["true"]),
    invariant("sdf-19", "StructureDefinition", **_OF_HL7, **element(type=[{"code": "Human-Name"}])),
    invariant("sdf-20", "StructureDefinition", "differential", **{**_SD, "differential": {"element": [
        {**_ROOT, "slicing": {"rules": "open", "description": "x"}}]}}),
    invariant("sdf-21", "StructureDefinition", **element(defaultValueCode="x")),
    invariant("sdf-22", "StructureDefinition", **_OF_HL7, **element(defaultValueCode="x")),
    invariant("sdf-23", "StructureDefinition", **{**_SD, "differential": {"element": [{**_ROOT, "sliceName": "x"}]}}),
]  # fmt: skip

# Constraints of R4 that no resource can break, with the reason.
UNBREAKABLE = {
    "cid-0": "a ChargeItemDefinition has no name",
    "eld-11": "its select() gives something, true or false, for every type",
    "ele-1": "an empty element is a fault of the structure",
    "inv-0": "of MetadataResource, a pattern without resources",
    "inv-2": "of Event, a pattern without resources",
    "tst-4": "both elements are required",
}

# --- other rules, on valid resources -----------------------------------------------------------------

PATIENT: Tree = {
    "resourceType": "Patient",
    "id": "p1",
    "text": TEXT,
    "identifier": [{"system": "http://example.org/ids", "value": "1"}],
    "name": [{"family": "Okafor"}],
    "gender": "female",
    "birthDate": "1975-03-04",
    "maritalStatus": {"coding": [{"system": f"{HL7}/v3-MaritalStatus", "code": "M", "display": "Married"}]},
    "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}}],
    "photo": [{"contentType": "image/png", "data": "aGVsbG8="}],
    "managingOrganization": {"reference": "#o"},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
    "extension": [
        {"url": f"{FHIR}/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Leeds"}}
    ],
}
OBSERVATION: Tree = {
    "resourceType": "Observation",
    "id": "o1",
    "text": TEXT,
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": REFERENCE,
    "valueQuantity": {"value": 81, "unit": "kg", "system": UCUM, "code": "kg"},
}
UUIDS = [f"urn:uuid:c757873d-ec9a-4326-a141-556f4323952{digit}" for digit in range(4)]


def _entry(position: int, resource: Tree, **more: Any) -> Tree:
    return {"fullUrl": UUIDS[position], "resource": resource, **more}


_COMPOSITION: Tree = {
    "resourceType": "Composition",
    "text": TEXT,
    "status": "final",
    "type": CONCEPT,
    "date": "2020",
    "title": "x",
    "subject": {"reference": UUIDS[1]},
    "author": [{"reference": UUIDS[2]}],
    "section": [{"entry": [{"reference": UUIDS[1]}]}],
}
_PRACTITIONER: Tree = {"resourceType": "Practitioner", "text": TEXT, "name": [{"family": "x"}]}
_PLAIN_PATIENT: Tree = {"resourceType": "Patient", "text": TEXT, "name": [{"family": "x"}]}
DOCUMENT: Tree = {
    "resourceType": "Bundle",
    "type": "document",
    "identifier": {"system": "urn:ietf:rfc:3986", "value": UUIDS[3]},
    "timestamp": "2020-01-01T00:00:00Z",
    "entry": [_entry(0, _COMPOSITION), _entry(1, _PLAIN_PATIENT), _entry(2, _PRACTITIONER)],
}
TRANSACTION: Tree = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        _entry(0, _PLAIN_PATIENT, request={"method": "POST", "url": "Patient"}),
        {
            "fullUrl": "http://example.org/fhir/Patient/p1",
            "resource": PATIENT,
            "request": {"method": "PUT", "url": "Patient/p1"},
        },
        {"request": {"method": "DELETE", "url": "Patient/2"}},
    ],
}
SEARCHSET: Tree = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "link": [{"relation": "self", "url": "http://example.org/fhir/Patient"}],
    "entry": [
        {"fullUrl": "http://example.org/fhir/Patient/p1", "resource": PATIENT, "search": {"mode": "match"}}
    ],
}
MESSAGE: Tree = {
    "resourceType": "Bundle",
    "type": "message",
    "entry": [
        _entry(0, {"resourceType": "MessageHeader", "text": TEXT, "eventUri": "http://x",
                   "source": {"endpoint": "http://x"}, "focus": [{"reference": UUIDS[1]}]}),
        _entry(1, _PLAIN_PATIENT),
    ],
}  # fmt: skip
BASES = {
    "patient": PATIENT,
    "observation": OBSERVATION,
    "document": DOCUMENT,
    "transaction": TRANSACTION,
    "searchset": SEARCHSET,
    "message": MESSAGE,
}


def rule(
    name: str, tree: Tree, path: str, words: str = "", severity: str = "error", label: str = ""
) -> Mutant:
    return Mutant(f"{name} {label or path}", tree, name, path, words, severity)


def patient(name: str, path: str, words: str = "", severity: str = "error", /, **changes: Any) -> Mutant:
    return rule(
        name,
        changed(PATIENT, **changes),
        f"Patient.{path}" if path else "Patient",
        words,
        severity,
        str(changes)[:50],
    )


def observation(name: str, path: str, words: str = "", severity: str = "error", /, **changes: Any) -> Mutant:
    return rule(
        name, changed(OBSERVATION, **changes), f"Observation.{path}", words, severity, str(changes)[:50]
    )


def bundle(
    name: str, base: Tree, path: str, words: str = "", severity: str = "error", /, **changes: Any
) -> Mutant:
    where = f"Bundle.{path}" if path else "Bundle"
    return rule(name, changed(base, **changes), where, words, severity, f"{base['type']} {path}")


def entries(base: Tree, position: int, **changes: Any) -> list[Tree]:
    """The entries of a bundle, one of them changed."""
    return [changed(each, **changes) if at == position else each for at, each in enumerate(base["entry"])]


_BIRTH_PLACE = f"{FHIR}/StructureDefinition/patient-birthPlace"
_MARITAL = f"{FHIR}/ValueSet/marital-status"

RULES: list[Mutant] = [
    # --- codes
    patient("code-invalid", "maritalStatus.coding[0]", "does not have",
            maritalStatus={"coding": [{"system": f"{HL7}/v3-MaritalStatus", "code": "ZZ"}]}),
    patient(_MARITAL, "maritalStatus", "is expected", "warning",
            maritalStatus={"coding": [{"system": f"{HL7}/v3-NullFlavor", "code": "NI"}]}),
    patient("code-invalid", "maritalStatus.coding[0]", "names the value set",
            maritalStatus={"coding": [{"system": _MARITAL, "code": "M"}]}),
    patient("code-invalid", "maritalStatus.coding[0]", "absolute URI",
            maritalStatus={"coding": [{"system": "marital", "code": "M"}]}),
    patient("invalid", "maritalStatus.coding[0]", "expected 'Married'", "warning",
            maritalStatus={"coding": [{"system": f"{HL7}/v3-MaritalStatus", "code": "M", "display": "Single"}]}),
    patient(f"{FHIR}/ValueSet/all-languages", "communication[0].language", "is required",
            communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "no_such"}]}}]),
    patient(f"{FHIR}/ValueSet/mimetypes", "photo[0].contentType", "is required",
            photo=[{"contentType": "picture", "data": "aGVsbG8="}]),
    observation(f"{FHIR}/ValueSet/observation-category", "category[0]", "is recommended", "information",
                category=[{"coding": [{"system": "http://x", "code": "y"}]}]),
    observation("ucum", "value.ofType(Quantity)", "UCUM does not have",
                valueQuantity={"value": 1, "system": UCUM, "code": "kilos"}),
    # --- datatypes
    patient("size", "photo[0]", "has 5", photo=[{"contentType": "image/png", "data": "aGVsbG8=", "size": 6}]),
    patient("hash", "photo[0]", "SHA-1", photo=[{"contentType": "image/png", "data": "aGVsbG8=",
                                                 "hash": base64.b64encode(b"x" * 20).decode()}]),
    patient("identifier-system", "identifier[0]", "absolute URI", identifier=[{"system": "ids", "value": "1"}]),
    patient("uri", "identifier[0].system", "begin with urn:oid:", identifier=[{"system": "oid:1.2.3", "value": "1"}]),
    patient("uri", "identifier[0].system", "no OID", identifier=[{"system": "urn:oid:1.02.3", "value": "1"}]),
    patient("uri", "identifier[0].system", "no UUID", identifier=[{"system": "urn:uuid:1-2-3", "value": "1"}]),
    patient("identifier-value", "identifier[0]", "must be a URI", identifier=[{"system": "urn:ietf:rfc:3986", "value": "1"}]),
    patient("sensible-date", "birthDate", "1775", "warning", birthDate="1775-01-01"),
    patient("white-space", "name[0].family", "white space", "warning", name=[{"family": " Okafor"}]),
    # --- references
    observation("reference-form", "subject", "expected Type/id", subject={"reference": "Patients/1"}),
    observation("reference-form", "subject", "expected Type/id", subject={"reference": "1"}),
    observation("reference-target", "subject", "points to Practitioner", subject={"reference": "Practitioner/1"}),
    observation("reference-target", "subject", "points to Practitioner", subject={"reference": "http://x/Practitioner/1"}),
    observation("reference-target", "subject", "its type", subject={"type": "Practitioner", "display": "x"}),
    observation("reference-type", "subject", "says its type is", subject={"type": "Group", "reference": "Patient/1"}),
    patient("reference-target", "managingOrganization", "points to Practitioner",
            contained=[{"resourceType": "Practitioner", "id": "o", "name": [{"family": "x"}]}]),
    patient("ref-1", "managingOrganization", "#q is not there", managingOrganization={"reference": "#q"},
            generalPractitioner=[{"reference": "#o"}]),
    # --- contained resources and ids
    patient("contained-id", "contained[0]", "has no id", contained=[{"resourceType": "Organization", "name": "x"}]),
    patient("contained-id", "contained[1]", "as another", contained=[{"resourceType": "Organization", "id": "o", "name": "x"}] * 2),
    patient("element-id", "", "two elements", name=[{"id": "a", "family": "x"}, {"id": "a", "family": "y"}]),
    # --- extensions
    patient("modifier-extension", "modifierExtension[0]", "not known",
            modifierExtension=[{"url": "http://example.org/unknown", "valueCode": "x"}]),
    patient("modifier-extension", "modifierExtension[0]", "which is no modifier",
            modifierExtension=[{"url": _BIRTH_PLACE, "valueAddress": {"city": "x"}}]),
    patient("extension-url", "extension[0]", "FHIR R4 defines no",
            extension=[{"url": f"{FHIR}/StructureDefinition/nonsense", "valueCode": "x"}]),
    patient("extension-url", "extension[0]", "not checked", "information",
            extension=[{"url": "http://example.org/unknown", "valueCode": "x"}]),
    patient("extension-url", "extension[0]", "only within another", extension=[{"url": "relative", "valueCode": "x"}]),
    patient("extension-context", "name[0].extension[0]", "may not stand here",
            name=[{"family": "x", "extension": [{"url": _BIRTH_PLACE, "valueAddress": {"city": "x"}}]}]),
    patient("extension-context", "extension[0]", "HumanName.family",
            extension=[{"url": f"{FHIR}/StructureDefinition/humanname-own-name", "valueString": "x"}]),
    patient(_BIRTH_PLACE, "extension[0].value.ofType(string)", "allows Address",
            extension=[{"url": _BIRTH_PLACE, "valueString": "x"}]),
    patient(_BIRTH_PLACE, "", "at most 1", extension=[{"url": _BIRTH_PLACE, "valueAddress": {"city": "x"}}] * 2),
    patient("ext-1", "extension[0]", "it has neither", extension=[{"url": _BIRTH_PLACE}]),
    # --- profiles claimed
    patient("http://example.org/p", "meta.profile[0]", "not known", "warning", meta={"profile": ["http://example.org/p"]}),
    rule(f"{FHIR}/StructureDefinition/bodyweight",
         changed(OBSERVATION, meta={"profile": [f"{FHIR}/StructureDefinition/bodyweight"]}), "Observation", "has no category"),
    # --- bundles
    bundle("bdl-1", TRANSACTION, "", total=3),
    bundle("bdl-2", DOCUMENT, "", entry=entries(DOCUMENT, 1, search={"mode": "match"})),
    bundle("bdl-3", TRANSACTION, "", entry=entries(TRANSACTION, 0, request=None)),
    bundle("bdl-4", TRANSACTION, "", entry=entries(TRANSACTION, 0, response={"status": "200"})),
    bundle("bdl-5", SEARCHSET, "entry[0]", entry=[{"fullUrl": "http://x", "search": {"mode": "match"}}]),
    bundle("bdl-7", SEARCHSET, "", entry=SEARCHSET["entry"] * 2),
    bundle("bdl-8", SEARCHSET, "entry[0]",
           entry=entries(SEARCHSET, 0, fullUrl="http://example.org/fhir/Patient/p1/_history/1")),
    bundle("bdl-9", DOCUMENT, "", identifier=None),
    bundle("bdl-10", DOCUMENT, "", timestamp=None),
    bundle("bdl-11", DOCUMENT, "", entry=list(reversed(DOCUMENT["entry"]))),
    bundle("bdl-12", MESSAGE, "", entry=list(reversed(MESSAGE["entry"]))),
    bundle("bundle-fullUrl", SEARCHSET, "entry[0].fullUrl", "must agree",
           entry=entries(SEARCHSET, 0, fullUrl="http://example.org/fhir/Patient/p2")),
    bundle("bundle-fullUrl", SEARCHSET, "entry[0].fullUrl", "absolute", entry=entries(SEARCHSET, 0, fullUrl="Patient/p1")),
    bundle("bundle-fullUrl", DOCUMENT, "entry[2].fullUrl", "lower case",
           entry=entries(DOCUMENT, 2, fullUrl=UUIDS[2].upper().replace("URN:UUID", "urn:uuid"))),
    bundle("bundle-fullUrl", DOCUMENT, "entry[2]", "has no fullUrl", entry=entries(DOCUMENT, 2, fullUrl=None)),
    bundle("bundle-request", TRANSACTION, "entry[0].request", "no resource", entry=entries(TRANSACTION, 0, resource=None)),
    bundle("bundle-request", TRANSACTION, "entry[0].request", "of type Patient",
           entry=entries(TRANSACTION, 0, request={"method": "POST", "url": "Group"})),
    bundle("bundle-request", TRANSACTION, "entry[1].request", "has the id",
           entry=entries(TRANSACTION, 1, request={"method": "PUT", "url": "Patient/other"})),
    bundle("bundle-request", TRANSACTION, "entry[2].request", "leave it out", "warning",
           entry=entries(TRANSACTION, 2, resource=_PLAIN_PATIENT)),
    bundle("searchset-self", SEARCHSET, "", "searched for", "warning", link=None),
    bundle("document-complete", DOCUMENT, "entry[0]", "must be part",
           entry=entries(DOCUMENT, 0, resource=changed(_COMPOSITION, author=[{"reference": "Practitioner/9"}]))),
    bundle("bundle-linked", DOCUMENT, "entry[2]", "not linked", "warning",
           entry=entries(DOCUMENT, 0, resource=changed(_COMPOSITION, author=[{"reference": UUIDS[1]}]))),
    bundle("reference-in-bundle", DOCUMENT, "entry[0].resource.subject", "no entry",
           entry=entries(DOCUMENT, 0, resource=changed(_COMPOSITION, subject={"reference": UUIDS[3]}))),
    bundle("pat-1", TRANSACTION, "entry[0].resource.contact[0]", "",
           entry=entries(TRANSACTION, 0, resource=changed(_PLAIN_PATIENT, contact=[{"gender": "male"}]))),
    # --- structure
    patient("structure", "", "Did you mean name", names=[{"family": "x"}]),
    patient("structure", "name", "expected an array", name={"family": "x"}),
    patient("structure", "name[0]", "an empty object", name=[{}]),
    patient("structure", "name", "an empty array", name=[]),
    patient("structure", "", "only one of them", deceasedBoolean=True, deceasedDateTime="2020"),
    patient("value", "birthDate", "a date", birthDate="04/03/1975"),
    patient("structure", "name[0].given[0]", "is null", name=[{"given": [None]}]),
]  # fmt: skip
