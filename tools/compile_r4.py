"""Compile the official FHIR R4 definitions into the one data file that `carespine.fhir.definitions` reads.

    npm pack hl7.fhir.r4.examples@4.0.1          # CC0; examples and definitions of R4 in one package
    python tools/compile_r4.py hl7.fhir.r4.examples-4.0.1.tgz

The argument is the package as a .tgz or as an unpacked folder. Only facts of structure are kept: types,
elements, cardinalities, reference targets, bindings, flags, search parameters, the members of value sets that
are required, and compartments. No prose. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard

OUTPUT = Path(__file__).resolve().parent.parent / "src/carespine/fhir/data/r4.msgpack.zst"
RELEASE = "4.0.1"
WANTED = re.compile(
    r"(StructureDefinition|SearchParameter|ValueSet|CodeSystem|CompartmentDefinition)-.*\.json$"
)
STRUCTURE_URL = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
SUMMARY, MODIFIER, CHOICE = 1, 2, 4
# Examples of the SearchParameter page of the specification: they shadow or misuse real ones.
EXAMPLE_PARAMETERS = {"example", "example-reference", "example-extension"}
# R4 gives the two components of this parameter each other's expression (a reference the code, a token the
# target).
SWAPPED_COMPONENTS = {"DocumentReference-relationship"}
Resource = dict[str, Any]


def read_package(source: Path, wanted: re.Pattern[str] = WANTED) -> Iterator[Resource]:
    """Every definition in the package whose file name is wanted, in the order of file names."""
    if source.is_dir():
        folder = source / "package" if (source / "package").is_dir() else source
        for path in sorted(folder.iterdir()):
            if wanted.match(path.name):
                yield msgspec.json.decode(path.read_bytes())
        return
    with tarfile.open(source) as archive:
        members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        for name in sorted(members):
            if wanted.match(name) and (content := archive.extractfile(members[name])):
                yield msgspec.json.decode(content.read())


def compile_types(structures: list[Resource]) -> dict[str, list[Any]]:
    """Name or backbone path -> [kind, base, abstract, element rows], for all types, without profiles."""
    types: dict[str, list[Any]] = {}
    for structure in structures:
        if structure["kind"] == "logical" or structure.get("derivation") == "constraint":
            continue
        name = structure["id"]
        base = structure.get("baseDefinition", "").removeprefix(STRUCTURE_URL) or None
        types[name] = [structure["kind"], base, structure["abstract"], []]
        elements = structure["snapshot"]["element"][1:]
        parents = {element["path"].rpartition(".")[0] for element in elements}
        for element in elements:
            owner, _, own_name = element["path"].rpartition(".")
            row = compile_element(element, own_name, resource=structure["kind"] == "resource")
            if element["path"] in parents:
                types[element["path"]] = ["backbone", row[1][0], False, []]
                row[1] = [element["path"]]
            types[owner][3].append(row)
    return types


def compile_element(element: Resource, name: str, *, resource: bool) -> list[Any]:
    """One row: name, types, min, max (-1 for *), flags, targets, binding strength, bound value set."""
    flags = SUMMARY * bool(element.get("isSummary")) | MODIFIER * bool(element.get("isModifier"))
    if name.endswith("[x]"):
        name, flags = name[:-3], flags | CHOICE
    types = [type_code(part, element["path"], resource=resource) for part in element.get("type", ())]
    if "contentReference" in element:
        types = [element["contentReference"].removeprefix("#")]
    targets = {
        profile.removeprefix(STRUCTURE_URL)
        for part in element.get("type", ())
        for profile in part.get("targetProfile", ())
    }
    most = -1 if element["max"] == "*" else int(element["max"])
    binding = element.get("binding", {})
    bound = binding.get("valueSet", "").partition("|")[0]
    return [name, types, element["min"], most, flags, sorted(targets), binding.get("strength", ""), bound]


def type_code(part: Resource, path: str, *, resource: bool) -> str:
    """The FHIR type of an element; R4 writes the types of `id` and `url` attributes as System types."""
    code: str = part["code"]
    if not code.startswith(SYSTEM_TYPE):
        return code
    if resource and path.count(".") == 1 and path.endswith(".id"):
        return "id"
    if path.endswith(".value"):
        return "System." + code.removeprefix(SYSTEM_TYPE)
    named = (extension["valueUrl"] for extension in part.get("extension", ()) if "valueUrl" in extension)
    return next(named, "string")


def compile_patterns(structures: list[Resource]) -> dict[str, str]:
    """Primitive type -> the regular expression of its JSON text, where R4 gives one."""
    patterns = {}
    for structure in structures:
        if structure["kind"] != "primitive-type":
            continue
        for part in structure["snapshot"]["element"][-1]["type"]:
            for extension in part.get("extension", ()):
                if extension["url"].endswith("/regex"):
                    patterns[structure["id"]] = extension["valueString"]
    return patterns


def compile_parameters(parameters: list[Resource]) -> list[list[Any]]:
    """Rows: code, type, url, bases, expression, targets, components. What cannot be searched is left out."""
    rows = []
    for parameter in parameters:
        undefined = parameter["type"] != "special" and not parameter.get("expression")
        if parameter["id"] in EXAMPLE_PARAMETERS or not parameter.get("base"):
            continue
        if undefined and parameter["code"] not in {"_text", "_content"}:
            continue
        components = [[part["definition"], part["expression"]] for part in parameter.get("component", ())]
        if parameter["id"] in SWAPPED_COMPONENTS:
            components[0][1], components[1][1] = components[1][1], components[0][1]
        rows.append(
            [
                parameter["code"],
                parameter["type"],
                parameter["url"],
                sorted(parameter["base"]),
                parameter.get("expression", ""),
                sorted(parameter.get("target", ())),
                components,
            ]
        )
    return sorted(rows, key=lambda row: (row[0], row[2]))


class Expansion:
    """Members of value sets, from the compose rules that R4's required bindings use."""

    def __init__(self, value_sets: list[Resource], code_systems: list[Resource]) -> None:
        self.value_sets = {value_set["url"]: value_set for value_set in value_sets}
        self.code_systems = {system["url"]: system for system in code_systems}

    def expand(self, url: str) -> dict[str, list[str]] | None:
        """System -> sorted codes; None where the package does not list them (MIME types, for one)."""
        members: dict[str, set[str]] = {}
        if url not in self.value_sets:
            return None
        compose = self.value_sets[url]["compose"]
        for include in compose["include"]:
            if not self._add(include, members):
                return None
        for exclude in compose.get("exclude", ()):
            unwanted: dict[str, set[str]] = {}
            self._add(exclude, unwanted)
            for system, codes in unwanted.items():
                members[system] -= codes
        return {system: sorted(codes) for system, codes in sorted(members.items()) if codes}

    def _add(self, rule: Resource, members: dict[str, set[str]]) -> bool:
        for url in rule.get("valueSet", ()):
            expanded = self.expand(url.partition("|")[0])
            if expanded is None:
                return False
            for system, codes in expanded.items():
                members.setdefault(system, set()).update(codes)
        if "system" not in rule:
            return True
        chosen = members.setdefault(rule["system"], set())
        if "concept" in rule:
            chosen.update(concept["code"] for concept in rule["concept"])
            return True
        system = self.code_systems.get(rule["system"])
        if system is None or not system.get("concept"):
            return False
        ancestors = _ancestors(system)
        chosen.update(code for code in ancestors if _passes(code, rule.get("filter", ()), ancestors))
        return True


def _ancestors(system: Resource) -> dict[str, set[str]]:
    """Code -> itself and all its ancestors, by nesting and by `subsumedBy` properties."""
    parents: dict[str, set[str]] = {}

    def walk(concepts: list[Resource], above: str | None) -> None:
        for concept in concepts:
            own = parents.setdefault(concept["code"], set())
            own.update({above} if above else ())
            own.update(
                prop["valueCode"] for prop in concept.get("property", ()) if prop["code"] == "subsumedBy"
            )
            walk(concept.get("concept", []), concept["code"])

    walk(system["concept"], None)

    def closure(code: str) -> set[str]:
        return {code}.union(*(closure(parent) for parent in parents.get(code, ())))

    return {code: closure(code) for code in parents}


def _passes(code: str, filters: list[Resource], ancestors: dict[str, set[str]]) -> bool:
    for rule in filters:
        if rule["property"] != "concept" or rule["op"] not in {"is-a", "descendent-of"}:
            raise ValueError(f"a filter this compiler does not know: {rule}")
        if rule["value"] not in ancestors[code] or (rule["op"] == "descendent-of" and rule["value"] == code):
            return False
    return True


def required_value_sets(types: dict[str, list[Any]]) -> list[str]:
    """The value sets with a required binding anywhere in the types."""
    rows = [row for definition in types.values() for row in definition[3]]
    return sorted({row[7] for row in rows if row[6] == "required" and row[7]})


def compile_compartments(compartments: list[Resource]) -> dict[str, dict[str, list[str]]]:
    """Compartment -> resource type -> search parameters that link into it."""
    return {
        compartment["code"]: {
            part["code"]: part["param"] for part in compartment["resource"] if part.get("param")
        }
        for compartment in compartments
        if compartment["id"].lower() == compartment["code"].lower()  # leaves out the page's example
    }


def compile_all(source: Path) -> dict[str, Any]:
    """The content of the data file."""
    by_type: dict[str, list[Resource]] = {}
    for resource in read_package(source):
        by_type.setdefault(resource["resourceType"], []).append(resource)
    types = compile_types(by_type["StructureDefinition"])
    expansion = Expansion(by_type["ValueSet"], by_type["CodeSystem"])
    value_sets = {url: expansion.expand(url) for url in required_value_sets(types)}
    return {
        "release": RELEASE,
        "types": types,
        "patterns": compile_patterns(by_type["StructureDefinition"]),
        "parameters": compile_parameters(by_type["SearchParameter"]),
        "valueSets": {url: members for url, members in value_sets.items() if members},
        "compartments": compile_compartments(by_type["CompartmentDefinition"]),
    }


def main() -> None:
    """Read the package named on the command line, write the data file, say what is in it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("package", type=Path, help="the package: a .tgz file or an unpacked folder")
    arguments.add_argument("--output", type=Path, default=OUTPUT)
    chosen = arguments.parse_args()
    content = compile_all(chosen.package)
    packed = zstandard.ZstdCompressor(level=19).compress(msgspec.msgpack.encode(content))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_bytes(packed)
    counts = {name: len(part) for name, part in content.items() if isinstance(part, dict | list)}
    print(f"{chosen.output}: {len(packed):,} bytes, {counts}")


if __name__ == "__main__":
    main()
