"""A CodeSystem resource in a file, of any size, as JSON."""

from __future__ import annotations

from dataclasses import replace

from carespine.fhir import json_text
from carespine.fhir.terminology import reading
from carespine.fhir.terminology.models import Concept
from carespine.fhir.terminology.releases.files import Progress, Release, Source
from carespine.kernel.errors import Invalid


def recognises(source: Source) -> bool:
    return len(source.names) == 1 and source.names[0].lower().endswith(".json")


def read(source: Source, *, version: str | None, progress: Progress) -> Release:
    """The code system, in its own order. Its structure is trusted where it is not needed."""
    with source.binary(source.names[0]) as file:
        tree = json_text.read(file.read())
    if not isinstance(tree, dict) or tree.get("resourceType") != "CodeSystem" or "url" not in tree:
        raise Invalid(f"{source.path} holds no CodeSystem with a url.")
    about = reading.described(tree)
    if about.content in ("not-present", "supplement"):
        raise Invalid(f"{source.path} holds a CodeSystem without its concepts ({about.content}).")
    try:
        concepts: dict[str, Concept] = {}
        for concept in reading.concepts(tree):
            concepts.setdefault(concept.code, concept)
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"{source.path} has a concept that is not one of R4: {error!r}.") from error
    progress(source.names[0], len(concepts))
    version = version or about.version
    if version is None:
        raise Invalid("The CodeSystem names no version; say it with --version.")
    named = replace(about, version=version)
    return Release(named, list(concepts.values()))
