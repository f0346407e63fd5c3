"""The rules of bundles that R4 writes as text: full URLs, requests, the shapes of documents and messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carespine.fhir.faults import shown
from carespine.fhir.primitives import PRIMITIVES
from carespine.fhir.validation import reference_text
from carespine.fhir.validation.bundle_index import BundleIndex
from carespine.fhir.validation.findings import ERROR, WARNING
from carespine.fhir.validation.places import Place, spot
from carespine.fhir.validation.scope import Scope

Tree = dict[str, Any]
_ENTRY = spot("Bundle", "entry", "Bundle.entry")
_FULL_URL = spot("Bundle.entry", "fullUrl", "uri")
_REQUEST = spot("Bundle.entry", "request", "Bundle.entry.request")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# FHIR R4, documents.html#content: what the Composition itself refers to is part of the document.
_IN_DOCUMENT = ("subject", "encounter", "author", "custodian")


def check(bundle: Tree, place: Place, scope: Scope) -> None:
    """Report where a bundle breaks them."""
    kind = bundle.get("type")
    for position, entry in enumerate(bundle.get("entry", ())):
        here = (place, _ENTRY, position)
        _full_url(entry, str(kind), here, scope)
        if kind in ("transaction", "batch") and "request" in entry:
            _request(entry, (here, _REQUEST, None), scope)
    if kind == "searchset" and not any(each.get("relation") == "self" for each in bundle.get("link", ())):
        message = "has no link with the relation self; a search result says what was searched for."
        scope.findings.add(WARNING, "required", place, message, "searchset-self")
    if kind in ("document", "message"):
        _linked(bundle, str(kind), place, scope)


def _full_url(entry: Tree, kind: str, place: Place, scope: Scope) -> None:
    url, resource = entry.get("fullUrl"), entry.get("resource", {})
    here = (place, _FULL_URL, None)
    if url is None:
        if kind in ("document", "message") and "resource" in entry:
            message = f"has no fullUrl; each resource of a {kind} needs one."
            scope.findings.add(ERROR, "required", place, message, "bundle-fullUrl")
        return
    if not reference_text.is_absolute(url):
        message = f"is {shown(url)}; expected an absolute URL or a URN."
        scope.findings.add(ERROR, "value", here, message, "bundle-fullUrl")
        return
    if url.startswith("urn:uuid:") and not PRIMITIVES["uuid"].accepts(url):
        message = f"is {shown(url)}; expected urn:uuid: and a UUID in lower case."
        scope.findings.add(ERROR, "value", here, message, "bundle-fullUrl")
        return
    name, own = reference_text.relative_of(url), resource.get("id")
    if name is None or own is None or not url.startswith("http"):
        return
    if name != f"{resource.get('resourceType')}/{own}":
        message = (
            f"is {shown(url)}, but the resource is {resource.get('resourceType')}/{own}; the two must agree."
        )
        scope.findings.add(ERROR, "invalid", here, message, "bundle-fullUrl")


def _request(entry: Tree, place: Place, scope: Scope) -> None:
    request, resource = entry["request"], entry.get("resource")
    method, url = request.get("method"), str(request.get("url", ""))
    if method in _WITH_BODY and resource is None:
        message = f"is a {method}, but the entry has no resource to send."
        scope.findings.add(ERROR, "required", place, message, "bundle-request")
    if method in ("GET", "HEAD", "DELETE") and resource is not None:
        message = f"is a {method}, but the entry has a resource; leave it out."
        scope.findings.add(WARNING, "invalid", place, message, "bundle-request")
    if resource is None or method not in ("POST", "PUT"):
        return
    name, _, rest = url.partition("?")[0].partition("/")
    kind, own = resource.get("resourceType"), resource.get("id")
    if reference_text.is_absolute(url) or "$" in url or not name:
        return
    if name != kind:
        message = f"has the URL {shown(url)}, but the resource is of type {kind}."
        scope.findings.add(ERROR, "invalid", place, message, "bundle-request")
    elif method == "PUT" and rest and own is not None and rest != own:
        message = f"has the URL {shown(url)}, but the resource has the id {shown(own)}."
        scope.findings.add(ERROR, "invalid", place, message, "bundle-request")


def _linked(bundle: Tree, kind: str, place: Place, scope: Scope) -> None:
    """What the first entry must refer to is there, and every entry hangs together with it."""
    entries = [each for each in bundle.get("entry", ()) if isinstance(each.get("resource"), dict)]
    if not entries:
        return
    index = scope.own_index
    if kind == "document":
        _document_references(entries[0], index, place, scope)
    reached = _reached(entries, index)
    for position, entry in enumerate(bundle.get("entry", ())):
        if "resource" in entry and id(entry["resource"]) not in reached:
            first = entries[0]["resource"].get("resourceType")
            message = f"is not linked with the {first} of the {kind} by any chain of references."
            scope.findings.add(WARNING, "informational", (place, _ENTRY, position), message, "bundle-linked")


def _document_references(first: Tree, index: BundleIndex, place: Place, scope: Scope) -> None:
    composition = first["resource"]
    for name in _IN_DOCUMENT:
        found = composition.get(name, [])
        for reference in found if isinstance(found, list) else [found]:
            text = reference.get("reference")
            if (
                isinstance(text, str)
                and not text.startswith("#")
                and index.find(text, first.get("fullUrl", "")) is None
            ):
                message = f"refers to {shown(text)} by {name}, which must be part of the document and is not."
                where = (place, _ENTRY, 0)
                scope.findings.add(ERROR, "not-found", where, message, "document-complete")


def _reached(entries: list[Tree], index: BundleIndex) -> set[int]:
    """The identities of resources that references, followed both ways, join with the first entry's."""
    neighbours: dict[int, set[int]] = {id(each["resource"]): set() for each in entries}
    for entry in entries:
        own = id(entry["resource"])
        for text in _references(entry["resource"]):
            found = index.find(text, entry.get("fullUrl", ""))
            if found is not None:
                neighbours.setdefault(id(found), set()).add(own)
                neighbours[own].add(id(found))
    reached: set[int] = set()
    waiting = [id(entries[0]["resource"])]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting.extend(neighbours.get(here, ()))
    return reached


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "reference" and isinstance(each, str):
                yield each
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
