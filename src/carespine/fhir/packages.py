"""FHIR packages: the conformance resources in an NPM package, as a .tgz or as a folder.

Source of the layout: the FHIR NPM package specification (package/package.json, resources beside it). A folder
without a package.json is read too: every conformance resource in it and below, JSON or XML.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from carespine.fhir import json_text, xml
from carespine.kernel.errors import Invalid

Tree = dict[str, Any]
KINDS = frozenset({"StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap"})
# R4 itself, under the names it is published by; it is always there.
CORE = frozenset({"hl7.fhir.r4.core", "hl7.fhir.core", "hl7.fhir.r4.expansions", "hl7.fhir.r4.examples"})
# Ours: the largest packages of national guides have some 60 MB; a file of more than this is no definition.
_LARGEST_FILE = 64 * 1024 * 1024
_LARGEST_PACKAGE = 1024 * 1024 * 1024
_MOST_FILES = 100_000
# Folders of a package that hold no definitions to validate with.
_ASIDE = frozenset({"example", "examples", "openapi", "other", "xml", "rdf", "tests"})


@dataclass(frozen=True, slots=True)
class Package:
    """What a package brings. `resources`: (kind, canonical URL without version) to tree; `skipped`: file and why."""

    name: str
    version: str
    dependencies: dict[str, str]
    resources: dict[tuple[str, str], Tree]
    skipped: tuple[str, ...] = field(default=())


def read(path: Path) -> Package:
    """The package in a .tgz file, a folder, or a single conformance resource or bundle of them.

    Raises Invalid with a sentence where there is none to read, or it is of another FHIR version; OSError as open().
    """
    if path.is_dir():
        return _of_files(path.name, list(_in_folder(path)))
    if path.suffix in (".json", ".xml"):
        return _of_files(path.stem, [(path.name, path.read_bytes())])
    try:
        return _of_files(path.name, list(_in_archive(path)))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise Invalid(
            f"{path.name} is no package that can be read: a .tgz of definitions, a folder, or a .json or .xml file."
        ) from error


def missing_dependencies(packages: Sequence[Package]) -> list[str]:
    """The packages that those at hand name and that are not among them, as `name version (needed by ...)`."""
    known = {package.name for package in packages} | CORE
    missing: dict[str, list[str]] = {}
    for package in packages:
        for name, version in package.dependencies.items():
            if name not in known:
                missing.setdefault(f"{name} {version}", []).append(package.name)
    return [f"{name} (needed by {', '.join(needing)})" for name, needing in sorted(missing.items())]


def joined(packages: Iterable[Package]) -> dict[tuple[str, str], Tree]:
    """The resources of all, as `validation.with_definitions` takes them; of two of one URL the later counts."""
    resources: dict[tuple[str, str], Tree] = {}
    for package in packages:
        resources.update(package.resources)
    return resources


def _in_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    root = path / "package" if (path / "package" / "package.json").is_file() else path
    whole = not (root / "package.json").is_file()
    for file in sorted(root.rglob("*") if whole else root.glob("*.json")):
        if file.suffix in (".json", ".xml") and file.is_file() and file.name != ".index.json":
            if file.stat().st_size > _LARGEST_FILE:
                raise Invalid(f"{file.name} has more than {_LARGEST_FILE:,} bytes.")
            yield str(file.relative_to(root)), file.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    total = count = 0
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            count += 1
            total += member.size
            if count > _MOST_FILES or total > _LARGEST_PACKAGE or member.size > _LARGEST_FILE:
                raise Invalid(f"{path.name} is larger than a package may be.")
            wanted = name.suffix == ".json" and name.name != ".index.json" and not _ASIDE & set(name.parts)
            if member.isfile() and wanted:
                content = archive.extractfile(member)
                yield name.name, content.read() if content is not None else b""


def _of_files(label: str, files: list[tuple[str, bytes]]) -> Package:
    manifest: Tree = {}
    resources: dict[tuple[str, str], Tree] = {}
    skipped: list[str] = []
    for name, raw in files:
        try:
            tree = xml.decode(raw) if name.endswith(".xml") else json_text.read(raw)
        except Invalid as error:
            skipped.append(f"{name}: {error.message}")
            continue
        if name == "package.json" and isinstance(tree, dict) and "resourceType" not in tree:
            manifest = tree
        else:
            _take(tree, name, resources, skipped)
    _demand_r4(label, manifest)
    if not resources:
        raise Invalid(
            f"{label} has no StructureDefinition, ValueSet, CodeSystem or ConceptMap; expected a FHIR package "
            "(.tgz), a folder, or a file of such resources."
        )
    dependencies = manifest.get("dependencies", {})
    return Package(
        str(manifest.get("name", label)),
        str(manifest.get("version", "")),
        dict(dependencies) if isinstance(dependencies, dict) else {},
        resources,
        tuple(skipped),
    )


def _take(tree: Any, name: str, resources: dict[tuple[str, str], Tree], skipped: list[str]) -> None:
    kind = tree.get("resourceType") if isinstance(tree, dict) else None
    if kind == "Bundle":
        for entry in tree.get("entry", ()):
            if isinstance(entry, dict):
                _take(entry.get("resource"), name, resources, skipped)
    elif kind in KINDS:
        if isinstance(tree.get("url"), str):
            resources[str(kind), tree["url"].partition("|")[0]] = tree
        else:
            skipped.append(f"{name}: the {kind} has no url")


def _demand_r4(label: str, manifest: Tree) -> None:
    versions = manifest.get("fhirVersions", manifest.get("fhir-version-list", []))
    if versions and not any(str(each).startswith("4.0") for each in versions):
        raise Invalid(
            f"{label} is a package for FHIR {', '.join(map(str, versions))}; expected one for R4 (4.0.1)."
        )
