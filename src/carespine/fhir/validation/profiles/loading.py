"""Profiles by URL: found in the context, given a snapshot where they lack one, compiled once."""

from __future__ import annotations

from typing import Any

from carespine.fhir.validation.context import Context
from carespine.fhir.validation.profiles.rules import Profile, compile_profile
from carespine.fhir.validation.profiles.snapshots import NoSnapshot, with_snapshot


def load(url: str, context: Context) -> Profile | None:
    """The profile of a canonical URL; None where it is not known or cannot be given a snapshot."""
    known: dict[str, Profile | None] = context.compiled.setdefault("profiles", {})
    if url not in known:
        known[url] = _compiled(url, context)
    return known[url]


def _compiled(url: str, context: Context) -> Profile | None:
    definition = context.find("StructureDefinition", url)
    if definition is None or definition.get("kind") == "logical":
        return None
    try:
        return compile_profile(with_snapshot(definition, context.find))
    except NoSnapshot as problem:
        problems: dict[str, str] = context.compiled.setdefault("problems", {})
        problems[url] = str(problem)
        return None


def problem_with(url: str, context: Context) -> str | None:
    """Why a profile that is there could not be used."""
    problems: dict[str, Any] = context.compiled.get("problems", {})
    return problems.get(url)
