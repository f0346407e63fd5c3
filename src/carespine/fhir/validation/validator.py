"""The public verb: everything that can be said against a resource, by R4 and by the profiles it must meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.faults import find_faults
from carespine.fhir.structure import Broken, count_keys
from carespine.fhir.validation import base, places
from carespine.fhir.validation.context import STANDARD, Context
from carespine.fhir.validation.findings import ERROR, INFORMATION, WARNING, Findings
from carespine.fhir.validation.places import Place, Spot
from carespine.fhir.validation.profiles import checking
from carespine.fhir.validation.profiles.loading import problem_with
from carespine.fhir.validation.scope import Scope
from carespine.kernel.errors import Issue

_CLAIMED = Spot("meta.profile", "profile", "Meta", "canonical")
_OWN = "http://hl7.org/fhir/StructureDefinition/"


def validate(tree: Any, profiles: Sequence[str] = (), context: Context = STANDARD) -> list[Issue]:
    """Everything found in a resource, errors, warnings and remarks, in the order of the document.

    `tree` is a resource as `codec` reads it. `profiles` are canonical URLs that it must meet besides those that it
    claims in `meta.profile`. A tree whose structure is broken is answered with the faults of its structure alone:
    what stands on a broken structure cannot be judged.
    """
    try:
        count_keys(tree)
    except Broken:
        return [*_structure(tree)]
    findings = Findings()
    scope = Scope(tree, places.root(tree["resourceType"]), context, findings, _ENGINE)
    _ENGINE.visit(tree, scope.place, scope)
    for url in profiles:
        if not checking.check_resource(tree, url, scope.place, scope):
            why = problem_with(url, context) or "it is not known here; add the package that defines it"
            message = f"could not be checked against the profile {url}: {why}."
            findings.add(ERROR, "not-found", scope.place, message, url)
    return findings.issues


def _structure(tree: Any) -> list[Issue]:
    found = find_faults(tree)
    name = tree.get("resourceType") if isinstance(tree, dict) else None
    where = name if isinstance(name, str) and name in definitions.resource_types() else None
    more = "Rules, codes and profiles were not checked; they are when the structure is that of R4."
    return [*found, Issue("informational", more, where, INFORMATION)]


class _Engine:
    """What the parts of the walk call back for."""

    def visit(self, resource: dict[str, Any], place: Place, scope: Scope) -> None:
        """Check a resource, alone or inside another, by R4 and by the profiles that it claims."""
        base.resource(resource, place, scope)
        claimed = resource.get("meta", {}).get("profile", ())
        for position, url in enumerate(claimed):
            if isinstance(url, str) and not _is_own_type(url):
                self._claimed(resource, url, (place, _CLAIMED, position), scope)

    def _claimed(self, resource: dict[str, Any], url: str, claim: Place, scope: Scope) -> None:
        if not checking.check_resource(resource, url, scope.place, scope):
            why = problem_with(url, scope.context)
            message = f"claims the profile {url}, which {why or 'is not known here'}; it was not checked."
            scope.findings.add(WARNING, "not-found", claim, message, url)

    def conforms(self, node: Any, url: str, scope: Scope) -> bool | None:
        """Whether a resource meets a profile."""
        return checking.conforms(node, url, scope)

    def check_profile(self, node: Any, url: str, place: Place, scope: Scope) -> bool:
        """Report where an element breaks a profile."""
        return checking.check_profile(node, url, place, scope)


def _is_own_type(url: str) -> bool:
    return url.partition("|")[0].removeprefix(_OWN) in definitions.resource_types()


_ENGINE = _Engine()
