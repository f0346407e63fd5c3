"""The state of one validation: which resource is looked at, inside which other, and what was found."""

from __future__ import annotations

from typing import Any, Protocol

from carespine.fhir.fhirpath import Environment
from carespine.fhir.validation.bundle_index import BundleIndex
from carespine.fhir.validation.context import Context, Tree
from carespine.fhir.validation.findings import Findings
from carespine.fhir.validation.membership import belongs
from carespine.fhir.validation.places import Place


class Engine(Protocol):
    """What the parts of validation ask of the whole."""

    def visit(self, resource: Tree, place: Place, scope: Scope) -> None:
        """Check a resource inside another."""

    def conforms(self, node: Any, url: str, scope: Scope) -> bool | None:
        """Whether a node meets a profile; None where the profile is not known."""

    def check_profile(self, node: Any, url: str, place: Place, scope: Scope) -> bool:
        """Report where an element breaks a profile; False where the profile is not known."""


class Scope:
    """One resource under validation. `root` is the one that contains it, itself where none does."""

    __slots__ = (
        "_environment", "_own_index", "active", "bundle", "context", "engine", "findings", "full_url", "place",
        "resource", "root",
    )  # fmt: skip

    def __init__(
        self,
        resource: Tree,
        place: Place,
        context: Context,
        findings: Findings,
        engine: Engine,
        *,
        root: Tree | None = None,
        bundle: BundleIndex | None = None,
        full_url: str = "",
        active: set[tuple[str, int]] | None = None,
    ) -> None:
        self.resource = resource
        self.place = place
        self.context = context
        self.findings = findings
        self.engine = engine
        self.root = resource if root is None else root
        self.bundle = bundle
        self.full_url = full_url
        # Profiles being checked on nodes, so that references in a circle come to an end.
        self.active: set[tuple[str, int]] = set() if active is None else active
        self._environment: Environment | None = None
        self._own_index: BundleIndex | None = None

    @property
    def environment(self) -> Environment:
        """What FHIRPath expressions of this resource see."""
        if self._environment is None:
            self._environment = Environment(
                resource=self.resource,
                root_resource=self.root,
                resolve=self.resolve,
                member_of=self._member_of,
                conforms_to=self._conforms_to,
            )
        return self._environment

    @property
    def own_index(self) -> BundleIndex:
        """The entries of this resource, which is a bundle."""
        if self._own_index is None:
            self._own_index = BundleIndex(self.resource)
        return self._own_index

    def contained(self, resource: Tree, place: Place) -> Scope:
        """The scope of a resource that this one contains."""
        return self._like(resource, place, self.findings, root=self.root)

    def entry(self, resource: Tree, place: Place, full_url: str) -> Scope:
        """The scope of a resource that stands by itself within this one (a bundle's entry, a parameter)."""
        inner = self._like(resource, place, self.findings)
        if self.resource.get("resourceType") == "Bundle":
            inner.bundle, inner.full_url = self.own_index, full_url
        return inner

    def target(self, resource: Tree, place: Place, findings: Findings) -> Scope:
        """The scope of a resource that this one refers to."""
        return self._like(resource, place, findings)

    def apart(self, findings: Findings) -> Scope:
        """The same, reporting to other findings: to try something out."""
        return self._like(self.resource, self.place, findings, root=self.root)

    def _like(self, resource: Tree, place: Place, findings: Findings, root: Tree | None = None) -> Scope:
        return Scope(
            resource, place, self.context, findings, self.engine,
            root=root, bundle=self.bundle, full_url=self.full_url, active=self.active,
        )  # fmt: skip

    def resolve(self, reference: str) -> Tree | None:
        """The resource a reference points to: contained, in the bundle, or by the context's `resolve`."""
        if reference.startswith("#"):
            return contained(self.root, reference[1:])
        if self.bundle is not None:
            found = self.bundle.find(reference, self.full_url)
            if found is not None:
                return found
        return None if self.context.resolve is None else self.context.resolve(reference)

    def _conforms_to(self, node: Any, url: str) -> bool | None:
        return self.engine.conforms(node, url, self)

    def _member_of(self, value: Any, value_set: str) -> bool | None:
        return belongs(value, value_set, self.context.terminology)


def contained(root: Tree, identifier: str) -> Tree | None:
    """The resource of that id within `root`; `root` itself for an empty id."""
    if not identifier:
        return root
    found = root.get("contained", ())
    return next((each for each in found if isinstance(each, dict) and each.get("id") == identifier), None)
