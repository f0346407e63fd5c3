"""A package of profiles that uses every way of slicing, fixing, binding and extending; valid and invalid instances."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Tree = dict[str, Any]
BASE = "http://example.org/fhir"
FHIR = "http://hl7.org/fhir"
NHS, LOCAL, HOSPITAL = f"{BASE}/nhs", f"{BASE}/local", f"{BASE}/hospital"
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def url(name: str) -> str:
    return f"{BASE}/StructureDefinition/{name}"


def element(id_: str, **members: Any) -> Tree:
    """An element of a differential; its path and slice name follow from its id."""
    names = [part.partition(":") for part in id_.split(".")]
    row: Tree = {"id": id_, "path": ".".join(name for name, _, _ in names)}
    if names[-1][2]:
        row["sliceName"] = names[-1][2]
    return {**row, **members}


def profile(name: str, kind: str, *elements: Tree, base: str | None = None, **members: Any) -> Tree:
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": url(name),
        "version": "1.0.0",
        "name": name.replace("-", "_").title(),
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "complex-type" if kind in ("Extension", "HumanName") else "resource",
        "abstract": False,
        "type": kind,
        "baseDefinition": base or f"{FHIR}/StructureDefinition/{kind}",
        "derivation": "constraint",
        **members,
        "differential": {"element": [{"id": kind, "path": kind}, *elements]},
    }


def by(*ways: tuple[str, str], rules: str = "open", ordered: bool = False) -> Tree:
    """A slicing."""
    return {"discriminator": [{"type": w, "path": p} for w, p in ways], "rules": rules, "ordered": ordered}


def extension_type(name: str) -> list[Tree]:
    return [{"code": "Extension", "profile": [url(name)]}]


def simple_extension(name: str, fhir_type: str, context: list[Tree], **members: Any) -> Tree:
    return profile(
        name, "Extension",
        element("Extension.extension", max="0"),
        element("Extension.url", fixedUri=url(name)),
        element("Extension.value[x]", min=1, type=[{"code": fhir_type}]),
        context=context, **members,
    )  # fmt: skip


def on(expression: str, kind: str = "element") -> list[Tree]:
    return [{"type": kind, "expression": expression}]


def identifier_slices(name: str, **slicing: Any) -> Tree:
    return profile(
        name, "Patient",
        element("Patient.identifier", min=1, slicing=by(("value", "system"), **slicing)),
        element("Patient.identifier:nhs", min=1, max="1"),
        element("Patient.identifier:nhs.system", min=1, fixedUri=NHS),
        element("Patient.identifier:nhs.value", min=1, maxLength=10),
        element("Patient.identifier:local", max="2"),
        element("Patient.identifier:local.system", min=1, fixedUri=LOCAL),
    )  # fmt: skip


PROFILES: list[Tree] = [
    # 1-5: what single elements may be
    profile("fixed", "Observation", element("Observation.status", fixedCode="final"),
            element("Observation.subject", min=1), element("Observation.bodySite", max="0")),
    profile("pattern", "Observation", element("Observation.code", patternCodeableConcept={
        "coding": [{"system": LOINC, "code": "29463-7"}]})),
    profile("choice", "Observation", element("Observation.value[x]", min=1, type=[
        {"code": "Quantity"}, {"code": "string"}])),
    profile("choice-by-name", "Observation", element("Observation.valueQuantity", min=1),
            element("Observation.valueQuantity.code", min=1, fixedCode="kg")),
    profile("limits", "Observation",
            element("Observation.value[x]", type=[{"code": "integer"}], minValueInteger=1, maxValueInteger=10),
            element("Observation.effective[x]", type=[{"code": "dateTime"}], minValueDateTime="2020-01-01"),
            element("Observation.note", max="1"), element("Observation.note.text", maxLength=5)),
    # 6-16: slices
    identifier_slices("sliced-open"),
    identifier_slices("sliced-closed", rules="closed"),
    identifier_slices("sliced-ordered", ordered=True),
    identifier_slices("sliced-open-at-end", rules="openAtEnd"),
    profile("sliced-pattern", "Observation",
            element("Observation.category", min=1, slicing=by(("pattern", "$this"))),
            element("Observation.category:vital", min=1, max="1",
                    patternCodeableConcept={"coding": [{"system": CATEGORY, "code": "vital-signs"}]})),
    profile("sliced-exists", "Patient",
            element("Patient.name", slicing=by(("exists", "period"))),
            element("Patient.name:past"), element("Patient.name:past.period", min=1),
            element("Patient.name:past.use", min=1, fixedCode="old"),
            element("Patient.name:now", max="1"), element("Patient.name:now.period", max="0")),
    profile("sliced-type", "Bundle",
            element("Bundle.entry", slicing=by(("type", "resource"))),
            element("Bundle.entry:patient", min=1, max="1"),
            element("Bundle.entry:patient.resource", min=1, type=[{"code": "Patient"}]),
            element("Bundle.entry:observation"),
            element("Bundle.entry:observation.resource", min=1, type=[
                {"code": "Observation", "profile": [url("fixed")]}])),
    profile("sliced-profile", "Bundle",
            element("Bundle.entry", slicing=by(("profile", "resource"))),
            element("Bundle.entry:weight", min=1),
            element("Bundle.entry:weight.resource", min=1, type=[{"code": "Observation", "profile": [url("pattern")]}])),
    profile("sliced-resolved", "List",
            element("List.entry", slicing=by(("type", "item.resolve()"), rules="closed")),
            element("List.entry:people", min=1),
            element("List.entry:people.item", type=[{"code": "Reference", "targetProfile": [
                f"{FHIR}/StructureDefinition/Patient"]}]),
            element("List.entry:findings"),
            element("List.entry:findings.item", type=[{"code": "Reference", "targetProfile": [url("fixed")]}])),
    profile("sliced-choice", "Observation",
            element("Observation.value[x]", slicing=by(("type", "$this"))),
            element("Observation.value[x]:valueQuantity", type=[{"code": "Quantity"}]),
            element("Observation.value[x]:valueQuantity.unit", min=1),
            element("Observation.value[x]:valueString", type=[{"code": "string"}], maxLength=5)),
    profile("sliced-nested", "Observation",
            element("Observation.component", slicing=by(("value", "code"))),
            element("Observation.component:systolic", min=1, max="1"),
            element("Observation.component:systolic.code.coding", slicing=by(("value", "system"), ("value", "code"))),
            element("Observation.component:systolic.code.coding:loinc", min=1),
            element("Observation.component:systolic.code.coding:loinc.system", min=1, fixedUri=LOINC),
            element("Observation.component:systolic.code.coding:loinc.code", min=1, fixedCode="8480-6"),
            element("Observation.component:systolic.code", patternCodeableConcept={
                "coding": [{"system": LOINC, "code": "8480-6"}]}),
            element("Observation.component:systolic.value[x]", min=1, type=[{"code": "Quantity"}])),
    profile("sliced-default", "Patient",
            element("Patient.identifier", slicing=by(("value", "system"), rules="closed")),
            element("Patient.identifier:nhs", max="1"),
            element("Patient.identifier:nhs.system", min=1, fixedUri=NHS),
            element("Patient.identifier:@default"),
            element("Patient.identifier:@default.assigner", min=1)),
    profile("sliced-again", "Patient", element("Patient.identifier:local", slicing=by(("value", "type.text"))),
            element("Patient.identifier:local/ward", min=1),
            element("Patient.identifier:local/ward.type", min=1),
            element("Patient.identifier:local/ward.type.text", min=1, fixedString="ward"),
            base=url("sliced-open")),
    profile("sliced-by-extension", "Patient",
            element("Patient.address", slicing=by(("value", f"extension('{url('kind')}').value"))),
            element("Patient.address:home", max="1"),
            element("Patient.address:home.extension", min=1, slicing=by(("value", "url"))),
            element("Patient.address:home.extension:kind", min=1, type=extension_type("kind")),
            element("Patient.address:home.extension:kind.value[x]", fixedCode="home")),
    profile("sliced-by-binding", "Observation",
            element("Observation.category", slicing=by(("value", "$this"))),
            element("Observation.category:colour", min=1,
                    binding={"strength": "required", "valueSet": f"{BASE}/ValueSet/colours"})),
    # 20-25: extensions
    simple_extension("kind", "code", on("Address")),
    simple_extension("rank", "positiveInt", on("Patient"), contextInvariant=["active = true"]),
    simple_extension("inner", "string", on(url("outer"), "extension")),
    simple_extension("chosen", "string", on("Patient.name.where(use = 'official')", "fhirpath")),
    profile("outer", "Extension",
            element("Extension.extension", slicing=by(("value", "url"), rules="closed")),
            element("Extension.extension:size", min=1, max="1"),
            element("Extension.extension:size.url", fixedUri="size"),
            element("Extension.extension:size.value[x]", min=1, type=[{"code": "integer"}]),
            element("Extension.extension:note", max="1"),
            element("Extension.extension:note.url", fixedUri="note"),
            element("Extension.extension:note.value[x]", type=[{"code": "string"}]),
            element("Extension.extension:inner", max="1", type=extension_type("inner")),
            element("Extension.url", fixedUri=url("outer")),
            element("Extension.value[x]", max="0"), context=on("Patient")),
    profile("refuted", "Extension",
            element("Extension.extension", max="0"), element("Extension.url", fixedUri=url("refuted")),
            element("Extension.value[x]", min=1, type=[{"code": "boolean"}]), context=on("Observation")),
    profile("extended", "Patient",
            element("Patient.extension", slicing=by(("value", "url"))),
            element("Patient.extension:rank", max="1", type=extension_type("rank")),
            element("Patient.extension:outer", min=1, type=extension_type("outer"))),
    profile("modified", "Observation",
            element("Observation.modifierExtension", min=1, slicing=by(("value", "url"))),
            element("Observation.modifierExtension:refuted", min=1, max="1", type=extension_type("refuted"))),
    # 26-33: types, references, bindings, rules, bases
    profile("short-name", "HumanName", element("HumanName.family", min=1, maxLength=6), element("HumanName.text", max="0")),
    profile("named", "Patient", element("Patient.name", min=1, type=[{"code": "HumanName", "profile": [url("short-name")]}])),
    profile("referring", "Observation",
            element("Observation.subject", min=1, type=[{"code": "Reference", "targetProfile": [url("named")]}]),
            element("Observation.performer", type=[{"code": "Reference", "aggregation": ["contained"], "targetProfile": [
                f"{FHIR}/StructureDefinition/Practitioner"]}])),
    profile("bound", "Observation",
            element("Observation.code", binding={"strength": "required", "valueSet": f"{BASE}/ValueSet/colours"}),
            element("Observation.method", binding={"strength": "extensible", "valueSet": f"{BASE}/ValueSet/colours"}),
            element("Observation.bodySite", binding={"strength": "preferred", "valueSet": f"{BASE}/ValueSet/warm"})),
    profile("ruled", "Observation",
            element("Observation.value[x]", min=1),
            element("Observation.component", constraint=[{
                "key": "x-2", "severity": "warning", "human": "A component says why it has no value",
                "expression": "value.exists() or dataAbsentReason.exists()"}])),
    profile("questions", "Questionnaire", element("Questionnaire.item", min=1),
            element("Questionnaire.item.text", min=1), element("Questionnaire.item.linkId", maxLength=3)),
    profile("derived", "Patient", element("Patient.birthDate", min=1, mustSupport=True),
            element("Patient.identifier:nhs.assigner", min=1),
            element("Patient.identifier:hospital", min=0, max="1"),
            element("Patient.identifier:hospital.system", min=1, fixedUri=HOSPITAL), base=url("sliced-open")),
]  # fmt: skip
# A rule of the whole resource, on its root.
_RULED = next(each for each in PROFILES if each["id"] == "ruled")
_RULED["differential"]["element"][0]["constraint"] = [
    {"key": "x-1", "severity": "error", "human": "A final observation has a time", "expression": "status != 'final' or effective.exists()"}
]  # fmt: skip
_REFUTED = next(each for each in PROFILES if each["id"] == "refuted")
_REFUTED["differential"]["element"][0].update(
    {"isModifier": True, "isModifierReason": "It denies the observation."}
)

TERMS: list[Tree] = [
    {"resourceType": "CodeSystem", "id": "colours", "url": f"{BASE}/CodeSystem/colours", "status": "active",
     "content": "complete", "concept": [
         {"code": "red", "display": "Red", "concept": [{"code": "pink", "display": "Pink"}]},
         {"code": "blue", "display": "Blue"}, {"code": "grey", "property": [{"code": "dull", "valueBoolean": True}]}]},
    {"resourceType": "ValueSet", "id": "colours", "url": f"{BASE}/ValueSet/colours", "status": "active",
     "compose": {"include": [{"system": f"{BASE}/CodeSystem/colours"}],
                 "exclude": [{"system": f"{BASE}/CodeSystem/colours", "filter": [
                     {"property": "dull", "op": "=", "value": "true"}]}]}},
    {"resourceType": "ValueSet", "id": "warm", "url": f"{BASE}/ValueSet/warm", "status": "active",
     "compose": {"include": [{"system": f"{BASE}/CodeSystem/colours", "filter": [
         {"property": "concept", "op": "is-a", "value": "red"}]}]}},
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """An instance of a profile; `path` and `words` of what must be found, or none for a valid one."""

    profile: str
    label: str
    tree: Tree
    path: str = ""
    words: str = ""
    severity: str = "error"


def colour(code: str) -> Tree:
    return {"coding": [{"system": f"{BASE}/CodeSystem/colours", "code": code}]}


def patient(**members: Any) -> Tree:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> Tree:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def ids(*systems: str, **members: Any) -> list[Tree]:
    return [{"system": system, "value": "1", **members} for system in systems]


def bundle(*resources: Tree) -> Tree:
    """A collection whose entries refer to one another by `urn:uuid:`."""
    entries = [
        {"fullUrl": f"urn:uuid:c757873d-ec9a-4326-a141-556f4323952{at}", "resource": each} for at, each in enumerate(resources)
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def named(name: str, **value: Any) -> Tree:
    return {"url": url(name), **value}


KG = {"value": 1, "system": UCUM, "code": "kg", "unit": "kg"}
WEIGHT = {"coding": [{"system": LOINC, "code": "29463-7"}]}
SUBJECT = {"reference": "Patient/1"}
SIZE = {"url": "size", "valueInteger": 3}
ADA = patient(name=[{"family": "Ada"}])


def component(code: str, **members: Any) -> Tree:
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, **members}


def listed(*references: str, contained: list[Tree] | None = None) -> Tree:
    tree = {"resourceType": "List", "status": "current", "mode": "working",
            "entry": [{"item": {"reference": each}} for each in references]}  # fmt: skip
    return tree if contained is None else {**tree, "contained": contained}


def question(*items: Tree) -> Tree:
    return {"resourceType": "Questionnaire", "status": "draft", "item": list(items)}


def q(link: str, **members: Any) -> Tree:
    return {"linkId": link, "text": "x", "type": "group" if "item" in members else "string", **members}


CASES: list[Case] = [
    Case("fixed", "all right", observation(subject=SUBJECT)),
    Case("fixed", "another status", observation(subject=SUBJECT, status="preliminary"), "Observation.status", "fixes it to 'final'"),
    Case("fixed", "no subject", observation(), "Observation", "has no subject"),
    Case("fixed", "a forbidden element", observation(subject=SUBJECT, bodySite={"text": "x"}), "Observation", "does not allow"),
    Case("pattern", "more than the pattern", observation(code={**WEIGHT, "text": "weight"})),
    Case("pattern", "another code", observation(), "Observation.code", "requires it to hold"),
    Case("choice", "a quantity", observation(valueQuantity=KG)),
    Case("choice", "a boolean", observation(valueBoolean=True), "Observation.value.ofType(boolean)", "allows Quantity or string"),
    Case("choice", "nothing", observation(), "Observation", "has no value"),
    Case("choice-by-name", "kilograms", observation(valueQuantity=KG)),
    Case("choice-by-name", "grams", observation(valueQuantity={**KG, "code": "g"}), "Observation.value.ofType(Quantity).code", "fixes it to 'kg'"),
    Case("choice-by-name", "a string", observation(valueString="x"), "Observation.value.ofType(string)", "allows Quantity"),
    Case("limits", "within", observation(valueInteger=10, effectiveDateTime="2020-01-01", note=[{"text": "short"}])),
    Case("limits", "below", observation(valueInteger=0), "Observation.value.ofType(integer)", "at least 1"),
    Case("limits", "above", observation(valueInteger=11), "Observation.value.ofType(integer)", "at most 10"),
    Case("limits", "too early", observation(effectiveDateTime="2019-12-31"), "Observation.effective.ofType(dateTime)", "at least '2020-01-01'"),
    Case("limits", "too long", observation(note=[{"text": "longer"}]), "Observation.note[0].text", "at most 5"),
    Case("limits", "too many", observation(note=[{"text": "a"}, {"text": "b"}]), "Observation", "allows at most 1"),
    Case("sliced-open", "one of each and others", patient(identifier=ids(LOCAL, NHS, HOSPITAL))),
    Case("sliced-open", "none of the required", patient(identifier=ids(LOCAL)), "Patient", "has no identifier (slice nhs)"),
    Case("sliced-open", "two of one", patient(identifier=ids(NHS, NHS)), "Patient", "2 identifier (slice nhs)"),
    Case("sliced-open", "three of at most two", patient(identifier=ids(NHS, LOCAL, LOCAL, LOCAL)), "Patient", "allows at most 2"),
    Case("sliced-open", "a fault within a slice", patient(identifier=[{"system": NHS, "value": "12345678901"}]), "Patient.identifier[0].value", "at most 10"),
    Case("sliced-closed", "known ones", patient(identifier=ids(NHS, LOCAL))),
    Case("sliced-closed", "another", patient(identifier=ids(NHS, HOSPITAL)), "Patient.identifier[1]", "none of the slices"),
    Case("sliced-ordered", "in order", patient(identifier=ids(NHS, LOCAL))),
    Case("sliced-ordered", "out of order", patient(identifier=ids(LOCAL, NHS)), "Patient.identifier[1]", "out of order"),
    Case("sliced-open-at-end", "others last", patient(identifier=ids(NHS, LOCAL, HOSPITAL))),
    Case("sliced-open-at-end", "others before", patient(identifier=ids(NHS, HOSPITAL, LOCAL)), "Patient.identifier[2]", "at the end only"),
    Case("sliced-pattern", "there", observation(category=[{"text": "x"}, {"coding": [{"system": CATEGORY, "code": "vital-signs"}]}])),
    Case("sliced-pattern", "not there", observation(category=[{"text": "x"}]), "Observation", "has no category (slice vital)"),
    Case("sliced-exists", "old and new", patient(name=[{"family": "a"}, {"family": "b", "use": "old", "period": {"end": "2020"}}])),
    Case("sliced-exists", "an old one that does not say so", patient(name=[{"family": "b", "period": {"end": "2020"}}]), "Patient.name[0]", "has no use"),
    Case("sliced-exists", "two new ones", patient(name=[{"family": "a"}, {"family": "b"}]), "Patient", "2 name (slice now)"),
    Case("sliced-type", "a patient and a finding", bundle(ADA, observation(subject=SUBJECT))),
    Case("sliced-type", "no patient", bundle(observation(subject=SUBJECT)), "Bundle", "has no entry (slice patient)"),
    Case("sliced-type", "a finding against its profile", bundle(ADA, observation()), "Bundle.entry[1].resource", "has no subject"),
    Case("sliced-profile", "one that conforms", bundle(observation(code=WEIGHT), observation())),
    Case("sliced-profile", "none that conforms", bundle(observation()), "Bundle", "has no entry (slice weight)"),
    Case("sliced-resolved", "a patient", listed("Patient/1")),
    Case("sliced-resolved", "a practitioner", listed("Patient/1", "Practitioner/1"), "List.entry[1]", "none of the slices"),
    Case("sliced-resolved", "no patient", listed("Observation/1"), "List", "has no entry (slice people)"),
    Case("sliced-resolved", "a contained finding that conforms", listed("Patient/1", "#o", contained=[observation(id="o", subject=SUBJECT)])),
    Case("sliced-resolved", "a contained finding that does not", listed("Patient/1", "#o", contained=[observation(id="o")]), "List.entry[1].item", "meets none of"),
    Case("sliced-choice", "a quantity with a unit", observation(valueQuantity=KG)),
    Case("sliced-choice", "a quantity without", observation(valueQuantity={"value": 1}), "Observation.value.ofType(Quantity)", "has no unit"),
    Case("sliced-choice", "a long string", observation(valueString="longer"), "Observation.value.ofType(string)", "at most 5"),
    Case("sliced-choice", "another type, which is open", observation(valueBoolean=True)),
    Case("sliced-nested", "systolic", observation(component=[component("8480-6", valueQuantity=KG), component("8462-4", valueString="x")])),
    Case("sliced-nested", "no systolic", observation(component=[component("8462-4", valueString="x")]), "Observation", "has no component (slice systolic)"),
    Case("sliced-nested", "systolic as words", observation(component=[component("8480-6", valueString="x")]), "Observation.component[0].value.ofType(string)", "allows Quantity"),
    Case("sliced-default", "another with an assigner", patient(identifier=[*ids(NHS), *ids(LOCAL, assigner={"display": "x"})])),
    Case("sliced-default", "another without", patient(identifier=ids(LOCAL)), "Patient.identifier[0]", "has no assigner"),
    Case("sliced-again", "a ward", patient(identifier=[*ids(NHS), *ids(LOCAL, type={"text": "ward"})])),
    Case("sliced-again", "no ward", patient(identifier=ids(NHS, LOCAL)), "Patient", "has no identifier (slice local/ward)"),
    Case("sliced-by-extension", "one home", patient(address=[{"city": "a", "extension": [named("kind", valueCode="home")]}, {"city": "b"}])),
    Case("sliced-by-extension", "two homes", patient(address=[{"city": "a", "extension": [named("kind", valueCode="home")]}] * 2), "Patient", "2 address (slice home)"),
    Case("sliced-by-binding", "a colour", observation(category=[colour("red"), {"text": "x"}])),
    Case("sliced-by-binding", "no colour", observation(category=[colour("grey")]), "Observation", "has no category (slice colour)"),
    Case("extended", "simple and complex", patient(active=True, extension=[named("rank", valuePositiveInt=1), named("outer", extension=[SIZE])])),
    Case("extended", "one within another", patient(extension=[named("outer", extension=[SIZE, named("inner", valueString="x")])])),
    Case("extended", "a required one is absent", patient(active=True, extension=[named("rank", valuePositiveInt=1)]), "Patient", "has no extension (slice outer)"),
    Case("extended", "twice", patient(active=True, extension=[*[named("rank", valuePositiveInt=1)] * 2, named("outer", extension=[SIZE])]), "Patient", "2 extension (slice rank)"),
    Case("extended", "a wrong type", patient(active=True, extension=[named("rank", valueString="1"), named("outer", extension=[SIZE])]), "Patient.extension[0].value.ofType(string)", "allows positiveInt"),
    Case("extended", "a part is absent", patient(extension=[named("outer", extension=[{"url": "note", "valueString": "x"}])]), "Patient.extension[0]", "has no extension (slice size)"),
    Case("extended", "an unknown part", patient(extension=[named("outer", extension=[SIZE, {"url": "other", "valueString": "x"}])]), "Patient.extension[0].extension[1]", "none of the slices"),
    Case("extended", "a value where parts belong", patient(extension=[named("outer", valueString="x")]), "Patient.extension[0]", "does not allow"),
    Case("extended", "out of its context", patient(extension=[named("outer", extension=[SIZE]), named("kind", valueCode="x")]), "Patient.extension[1]", "may not stand here"),
    Case("extended", "the inner one alone", patient(extension=[named("outer", extension=[SIZE]), named("inner", valueString="x")]), "Patient.extension[1]", "may not stand here"),
    Case("extended", "against the rule of its context", patient(active=False, extension=[named("rank", valuePositiveInt=1), named("outer", extension=[SIZE])]), "Patient.extension[0]", "only where `active = true`"),
    Case("extended", "where an expression finds its holder", patient(extension=[named("outer", extension=[SIZE])], name=[{"use": "official", "family": "x", "extension": [named("chosen", valueString="x")]}])),
    Case("extended", "where an expression does not", patient(extension=[named("outer", extension=[SIZE])], name=[{"use": "old", "family": "x", "extension": [named("chosen", valueString="x")]}]), "Patient.name[0].extension[0]", "may not stand here"),
    Case("modified", "the known modifier", observation(modifierExtension=[named("refuted", valueBoolean=True)])),
    Case("modified", "none", observation(), "Observation", "has no modifierExtension"),
    Case("modified", "a modifier as extension", observation(extension=[named("refuted", valueBoolean=True)], modifierExtension=[named("refuted", valueBoolean=True)]), "Observation.extension[0]", "must be written as modifierExtension"),
    Case("modified", "an unknown modifier", observation(modifierExtension=[named("refuted", valueBoolean=True), {"url": "http://x.org/y", "valueCode": "x"}]), "Observation.modifierExtension[1]", "not known"),
    Case("named", "a short name", ADA),
    Case("named", "a long name", patient(name=[{"family": "Lovelace"}]), "Patient.name[0].family", "at most 6"),
    Case("named", "words", patient(name=[{"family": "Ada", "text": "Ada"}]), "Patient.name[0]", "does not allow"),
    Case("referring", "a patient who conforms", {**observation(subject={"reference": "#p"}), "contained": [{**ADA, "id": "p"}]}),
    Case("referring", "a patient who does not", {**observation(subject={"reference": "#p"}), "contained": [patient(id="p", active=True)]}, "Observation.subject", "meets none of"),
    Case("referring", "a group", observation(subject={"reference": "Group/1"}), "Observation.subject", "allows Patient"),
    Case("referring", "a performer elsewhere", observation(subject=SUBJECT, performer=[{"reference": "Practitioner/1"}]), "Observation.performer[0]", "allows contained"),
    Case("bound", "colours", observation(code=colour("blue"), method=colour("pink"), bodySite=colour("pink"))),
    Case("bound", "not of the set", observation(code=colour("grey")), "Observation.code", "is required"),
    Case("bound", "not of the system", observation(code=colour("green")), "Observation.code.coding[0]", "does not have"),
    Case("bound", "words only", observation(), "Observation.code", "has no code"),
    Case("bound", "extensible", observation(code=colour("red"), method=colour("grey")), "Observation.method", "is expected", "warning"),
    Case("bound", "preferred", observation(code=colour("red"), bodySite=colour("blue")), "Observation.bodySite", "is recommended", "information"),
    Case("ruled", "both kept", observation(valueString="x", effectiveDateTime="2020")),
    Case("ruled", "the rule of the resource", observation(valueString="x"), "Observation", "x-1"),
    Case("ruled", "the rule of an element", observation(valueString="x", effectiveDateTime="2020", component=[component("1-1")]), "Observation.component[0]", "x-2", "warning"),
    Case("questions", "nested ones", question(q("1", item=[q("1.1")]))),
    Case("questions", "a nested one without text", question(q("1", item=[{"linkId": "1.1", "type": "string"}])), "Questionnaire.item[0].item[0]", "has no text"),
    Case("questions", "a nested one with a long id", question(q("1", item=[q("1.10")])), "Questionnaire.item[0].item[0].linkId", "at most 3"),
    Case("derived", "both profiles", patient(birthDate="1975", identifier=ids(NHS, assigner={"display": "x"}))),
    Case("derived", "the base's rule", patient(birthDate="1975", identifier=ids(HOSPITAL)), "Patient", "has no identifier (slice nhs)"),
    Case("derived", "its own rule", patient(identifier=ids(NHS, assigner={"display": "x"})), "Patient", "has no birthDate"),
    Case("derived", "its own rule on the base's slice", patient(birthDate="1975", identifier=ids(NHS)), "Patient.identifier[0]", "has no assigner"),
    Case("derived", "a slice added to the base's", patient(birthDate="1975", identifier=[*ids(NHS, assigner={"display": "x"}), *ids(HOSPITAL, HOSPITAL)]), "Patient", "2 identifier (slice hospital)"),
    Case("fixed", "another type of resource", ADA, "Patient", "is about Observation"),
]  # fmt: skip


def write_folder(folder: Path) -> Path:
    """The package as a folder in the layout of NPM."""
    inner = folder / "package"
    inner.mkdir(parents=True)
    manifest = {
        "name": "example.profiles", "version": "1.0.0", "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
    }  # fmt: skip
    (inner / "package.json").write_text(json.dumps(manifest))
    (inner / ".index.json").write_text(json.dumps({"index-version": 2, "files": []}))
    for tree in [*PROFILES, *TERMS]:
        (inner / f"{tree['resourceType']}-{tree['id']}.json").write_text(json.dumps(tree))
    return folder


def write_archive(path: Path, folder: Path) -> Path:
    """The same as a .tgz."""
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder / "package", "package")
    return path


def archive_of(files: dict[str, bytes]) -> bytes:
    """A .tgz of the given members."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()
