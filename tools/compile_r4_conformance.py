"""Compile R4's conformance resources into the data file that `carespine.fhir.conformance` reads.

    npm pack hl7.fhir.r4.examples@4.0.1          # CC0; examples and definitions of R4 in one package
    python tools/compile_r4_conformance.py hl7.fhir.r4.examples-4.0.1.tgz

All code systems, value sets, concept maps and structure definitions, as JSON without what only readers need
(narratives, contacts, mappings, prose of elements). Of a structure definition the snapshot is kept, which holds
all that its differential says. The same input gives the same bytes.

The file: the length of the index (4 bytes, big-endian), the index (msgpack, zstd), then blocks of several
resources each (zstd), so that one resource is read without the others.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from compile_r4 import read_package

OUTPUT = Path(__file__).resolve().parent.parent / "src/carespine/fhir/data/r4.conformance.zst"
KINDS = ("CodeSystem", "ConceptMap", "StructureDefinition", "ValueSet")
WANTED = re.compile(rf"({'|'.join(KINDS)})-.*\.json$")
# Large enough to compress well, small enough to open for one resource.
BLOCK_BYTES = 256 * 1024
UNUSED = {"text", "contact", "mapping", "differential"}
UNUSED_OF_ELEMENTS = {
    "alias", "comment", "definition", "example", "mapping", "meaningWhenMissing", "requirements", "short",
}  # fmt: skip
Resource = dict[str, Any]


def slim(resource: Resource) -> Resource:
    """The resource without what is not computed with."""
    kept = {name: value for name, value in resource.items() if name not in UNUSED}
    if "snapshot" in kept:
        kept["snapshot"] = {"element": [_slim_element(each) for each in kept["snapshot"]["element"]]}
    return kept


def _slim_element(element: Resource) -> Resource:
    kept = {name: value for name, value in element.items() if name not in UNUSED_OF_ELEMENTS}
    if "constraint" in kept:
        kept["constraint"] = [
            {name: value for name, value in each.items() if name != "xpath"} for each in kept["constraint"]
        ]
    return kept


def compile_conformance(source: Path) -> tuple[dict[str, dict[str, list[Any]]], list[bytes]]:
    """(kind -> URL -> [block, start, end, facts], raw blocks)."""
    index: dict[str, dict[str, list[Any]]] = {kind: {} for kind in KINDS}
    blocks: list[bytearray] = []
    of_kind: dict[str, list[Resource]] = {kind: [] for kind in KINDS}
    for resource in read_package(source, WANTED):
        if "url" in resource:
            of_kind[resource["resourceType"]].append(slim(resource))
    for kind, resources in of_kind.items():
        blocks.append(bytearray())
        for resource in resources:
            if len(blocks[-1]) > BLOCK_BYTES:
                blocks.append(bytearray())
            block, start = blocks[-1], len(blocks[-1])
            block += msgspec.json.encode(resource)
            index[kind][resource["url"]] = [len(blocks) - 1, start, len(block), facts(resource)]
    return index, [bytes(block) for block in blocks]


def facts(resource: Resource) -> dict[str, Any]:
    """What is asked of many resources at once, kept in the index."""
    names = ("id", "name", "version", "valueSet", "kind", "type", "derivation", "baseDefinition", "abstract")
    return {name: resource[name] for name in names if name in resource}


def pack(index: dict[str, dict[str, list[Any]]], blocks: list[bytes]) -> bytes:
    """The content of the data file."""
    compress = zstandard.ZstdCompressor(level=19).compress
    packed = [compress(block) for block in blocks]
    head = compress(msgspec.msgpack.encode({"index": index, "blocks": [len(block) for block in packed]}))
    return b"".join([len(head).to_bytes(4, "big"), head, *packed])


def main() -> None:
    """Read the package named on the command line, write the data file, say what is in it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("package", type=Path, help="the package: a .tgz file or an unpacked folder")
    arguments.add_argument("--output", type=Path, default=OUTPUT)
    chosen = arguments.parse_args()
    index, blocks = compile_conformance(chosen.package)
    content = pack(index, blocks)
    chosen.output.write_bytes(content)
    counts = {kind: len(rows) for kind, rows in index.items()}
    print(f"{chosen.output}: {len(content):,} bytes, {len(blocks)} blocks, {counts}")


if __name__ == "__main__":
    main()
