"""Finding a bundle's entries by the references of other entries."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from carespine.fhir.validation.reference_text import relative_of, restful_base

Tree = dict[str, Any]


class BundleIndex:
    """The entries of a bundle by full URL, and by type and id."""

    def __init__(self, bundle: Tree) -> None:
        self.type: str = bundle.get("type", "")
        self._entries: list[Tree] = [each for each in bundle.get("entry", ()) if isinstance(each, dict)]

    @cached_property
    def by_url(self) -> dict[str, Tree]:
        """Full URL to resource."""
        return {
            each["fullUrl"]: each["resource"]
            for each in self._entries
            if "fullUrl" in each and "resource" in each
        }

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[str, Tree]]]:
        """`Type/id` to (full URL, resource)."""
        found: dict[str, list[tuple[str, Tree]]] = {}
        for each in self._entries:
            resource = each.get("resource")
            if isinstance(resource, dict) and "id" in resource:
                name = f"{resource.get('resourceType')}/{resource['id']}"
                found.setdefault(name, []).append((each.get("fullUrl", ""), resource))
        return found

    def find(self, reference: str, full_url: str) -> Tree | None:
        """The resource of a reference made by the entry with `full_url`. Source: FHIR R4, bundle.html#references."""
        plain = reference.partition("#")[0].partition("/_history/")[0]
        if plain in self.by_url:
            return self.by_url[plain]
        name = relative_of(plain)
        if name is None:
            return None
        base = restful_base(full_url)
        if plain == name and base is not None:
            return self.by_url.get(f"{base}/{name}")
        for url, resource in self._by_name.get(name, ()):
            if plain == name or not url:
                return resource
        return None
