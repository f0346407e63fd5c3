"""Train the dictionary with which resources are packed (carespine.storage.bodies) on the official R4 examples.

    npm pack hl7.fhir.r4.examples@4.0.1          # CC0; examples and definitions of R4 in one package
    python tools/train_bodies.py hl7.fhir.r4.examples-4.0.1.tgz

Training on public examples keeps what patients' records hold out of the dictionary, and lets a database be read
wherever this package is. A dictionary that was used is never changed: take the next number for another.
"""

from __future__ import annotations

import argparse
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import zstandard

from carespine.kernel.clock import fhir_instant
from carespine.storage.bodies import DICTIONARY, LEVEL

FOLDER = Path(__file__).resolve().parent.parent / "src/carespine/storage/data"
# Ours: what zstd's trainer takes by default (112,640 bytes).
SIZE = 112_640
# Ours: longer ones are few, and would crowd out the rest.
LONGEST = 20_000
# What describes FHIR itself is most of the examples by weight, and hardly any of a record: with it, bodies of a
# record are packed 15 % worse.
DEFINITIONS = frozenset(
    {
        "CapabilityStatement",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "GraphDefinition",
        "ImplementationGuide",
        "MessageDefinition",
        "NamingSystem",
        "OperationDefinition",
        "SearchParameter",
        "StructureDefinition",
        "StructureMap",
        "TestScript",
        "ValueSet",
    }
)


def samples(package: Path) -> Iterator[bytes]:
    """The examples as they are stored, in the order of their file names, without the narrative, which is as varied
    as the people who write it."""
    with tarfile.open(package) as archive:
        members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        for number, name in enumerate(sorted(members)):
            if not name.endswith(".json") or not (content := archive.extractfile(members[name])):
                continue
            tree = msgspec.json.decode(content.read())
            if not isinstance(tree, dict) or tree.get("resourceType") in (None, *DEFINITIONS):
                continue
            tree.pop("text", None)
            # As the server writes it, with instants that differ so that their digits are not learnt.
            moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=number * 98_765.432)
            meta = {"versionId": "1", "lastUpdated": fhir_instant(moment), **tree.pop("meta", {})}
            head = {"resourceType": tree.pop("resourceType"), "id": tree.pop("id", "example"), "meta": meta}
            yield msgspec.json.encode({**head, **tree})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("package", type=Path)
    found = [sample for sample in samples(parser.parse_args().package) if len(sample) <= LONGEST]
    dictionary = zstandard.train_dictionary(SIZE, found, dict_id=DICTIONARY, level=LEVEL)
    target = FOLDER / f"bodies-{DICTIONARY}.dict"
    target.write_bytes(dictionary.as_bytes())
    print(f"{target.name}: {len(dictionary.as_bytes()):,} bytes from {len(found):,} examples")


if __name__ == "__main__":
    main()
