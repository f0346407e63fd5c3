"""The catalogue as FHIR R4: a CodeSystem whose concepts are the requirements, and a ValueSet for each profile."""

from __future__ import annotations

from typing import Any

from carespine.fhir import codec
from carespine.standards import catalogue
from carespine.standards.models import Profile, Requirement

# Names of our own, not addresses that answer.
_SYSTEM = "urn:carespine:standards"
_PROPERTIES = {
    "version": "string",
    "level": "code",
    "severity": "integer",
    "appliesTo": "code",
    "method": "code",
    "evidenceDays": "integer",
    "waivable": "boolean",
    "published": "dateTime",
    "effective": "dateTime",
    "deprecated": "dateTime",
    "retired": "dateTime",
}


def bundle() -> bytes:
    """The whole catalogue as a Bundle of the type collection. Raises where it would break R4's structure."""
    resources = [_code_system(), *(_value_set(each) for each in catalogue.profiles().values())]
    tree = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": each["url"], "resource": each} for each in resources],
    }
    codec.check(tree)
    return codec.encode(tree)


def _code_system() -> dict[str, Any]:
    found = catalogue.requirements().values()
    return {
        "resourceType": "CodeSystem",
        "url": _SYSTEM,
        "version": catalogue.digest()[:16],
        "name": "CarespineStandards",
        "title": "Carespine open minimum standards",
        "status": "active",
        "experimental": False,
        "description": "Each concept is one requirement of the catalogue; its definition is the requirement's wording.",
        "caseSensitive": True,
        "content": "complete",
        "count": len(found),
        "property": [{"code": name, "type": kind} for name, kind in _PROPERTIES.items()],
        "concept": [_concept(each) for each in found],
    }


def _concept(requirement: Requirement) -> dict[str, Any]:
    dates = {name: getattr(requirement, name) for name in ("published", "effective", "deprecated", "retired")}
    told: list[dict[str, Any]] = [
        {"code": "version", "valueString": requirement.version},
        {"code": "level", "valueCode": str(requirement.level)},
        {"code": "severity", "valueInteger": requirement.severity},
        {"code": "evidenceDays", "valueInteger": requirement.evidence_days},
        {"code": "waivable", "valueBoolean": requirement.waivable},
    ]
    told += [{"code": "appliesTo", "valueCode": str(kind)} for kind in requirement.applies_to]
    told += [{"code": "method", "valueCode": name} for name in requirement.method]
    told += [{"code": name, "valueDateTime": day.isoformat()} for name, day in dates.items() if day]
    return {
        "code": requirement.id,
        "display": requirement.title,
        "definition": requirement.statement,
        "property": told,
    }


def _value_set(profile: Profile) -> dict[str, Any]:
    concepts = [{"code": name} for name in profile.requirements]
    return {
        "resourceType": "ValueSet",
        "url": f"{_SYSTEM}:profile:{profile.name}",
        "version": profile.version,
        "name": "".join(part.title() for part in profile.name.split("-")),
        "title": profile.title,
        "status": "active",
        "compose": {"include": [{"system": _SYSTEM, "concept": concepts}]},
    }
