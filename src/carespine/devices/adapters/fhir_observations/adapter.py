"""Reads FHIR R4 Observations: alone, in Bundles of any kind, in NDJSON, in the submissions of the CGM guide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.fhir_observations import observation
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head


class FhirObservations(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        return head.is_json and '"resourceType"' in head.text

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        resources = list(_resources(document, into))
        devices = {key: resource for resource in resources for key in names(resource)}
        for resource in resources:
            if resource.get("resourceType") in ("Device", "Patient", "Practitioner", "Organization"):
                continue
            with into.record():
                observation.take(resource, devices, into)
            yield


def _resources(document: Document, into: Collector) -> Iterator[dict[str, Any]]:
    """Every resource, those inside Bundles and those contained in others included."""
    text = document.text.strip()
    if text.startswith("{") and "\n{" in text and not text.startswith("{\n"):
        for line in filter(str.strip, text.splitlines()):
            try:
                yield from _unpacked(json.loads(line), 0)
            except (ValueError, RecursionError):
                into.refuse(reasons.RECORD_UNREADABLE)
        return
    yield from _unpacked(document.json, 0)


def _unpacked(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _unpacked(item, depth)
    elif isinstance(value, dict) and depth < 6:
        kind = value.get("resourceType")
        if kind == "Bundle":
            for entry in value.get("entry") or []:
                if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                    yield from _unpacked({"_fullUrl": entry.get("fullUrl"), **entry["resource"]}, depth + 1)
        elif kind == "Parameters":
            for parameter in value.get("parameter") or []:
                if isinstance(parameter, dict) and "resource" in parameter:
                    yield from _unpacked(parameter["resource"], depth + 1)
        elif kind is not None:
            yield value


def names(resource: dict[str, Any]) -> Iterator[str]:
    """How references may name a Device: by type and id, by full URL, or as contained."""
    if resource.get("resourceType") == "Device":
        yield f"Device/{resource.get('id')}"
        if resource.get("_fullUrl"):
            yield str(resource["_fullUrl"])
    for inner in resource.get("contained") or []:
        if isinstance(inner, dict) and inner.get("resourceType") == "Device":
            yield f"#{inner.get('id')}"
