"""The corpus: patients as transaction bundles and as NDJSON, multiplied under new ids."""

from __future__ import annotations

import gzip
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from carespine.demo import practice
from carespine.fhir import codec

# BENCH_CORPUS names another file of the same kind: one transaction Bundle a line, gzipped.
SYNTHEA = Path(
    os.environ.get("BENCH_CORPUS", Path(__file__).parents[3] / "shared/data/synthea/bundles.ndjson.gz")
)
_UUID = re.compile(r"\b([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
# A string that is an id, or ends in one after a slash: Type/id, a fullUrl.
_NAMED = re.compile(r'"((?:[^"\\\s]*/)?)([A-Za-z0-9.-]+)"')
Tree = dict[str, Any]


def name() -> str:
    return "synthea (63 patients)" if SYNTHEA.exists() else "generated practice (60 patients)"


@cache
def _texts() -> list[str]:
    """One transaction bundle a patient, as JSON."""
    if SYNTHEA.exists():
        with gzip.open(SYNTHEA, "rt") as file:
            return [line for line in file if line.strip()]
    return [codec.encode(bundle).decode() for bundle in practice.as_bundles(patients=60)]


def bundles(copy: int) -> list[bytes]:
    """The corpus's bundles under the ids of one copy (0: its own)."""
    if copy == 0:
        return [text.encode() for text in _texts()]
    if SYNTHEA.exists():
        return [_UUID.sub(lambda found: _other(found, copy), text).encode() for text in _texts()]
    return [_NAMED.sub(lambda found: _suffixed(found, copy), text).encode() for text in _texts()]


def _other(found: re.Match[str], copy: int) -> str:
    return f"{int(found[1], 16) ^ (copy * 0x9E3779B1 & 0xFFFFFFFF):08x}{found[2]}"


def _suffixed(found: re.Match[str], copy: int) -> str:
    return f'"{found[1]}{found[2]}-{copy}"' if found[2] in _ids() else found[0]


@cache
def _ids() -> frozenset[str]:
    return frozenset(tree["id"] for text in _texts() for tree in resources(text.encode()))


def resources(bundle: bytes) -> list[Tree]:
    """The resources of a bundle, their references to one another as Type/id."""
    entries = [entry for entry in json.loads(bundle)["entry"] if "id" in entry.get("resource", {})]
    text = json.dumps([entry["resource"] for entry in entries], separators=(",", ":"))
    known = {
        e["fullUrl"]: f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for e in entries
        if "fullUrl" in e
    }
    found: list[Tree] = json.loads(
        re.sub(r'"(urn:uuid:[0-9a-f-]{36})"', lambda m: f'"{known.get(m[1], m[1])}"', text)
    )
    return found


def write_ndjson(path: Path, given: list[bytes]) -> int:
    """All resources of the bundles, one a line; how many."""
    lines = [json.dumps(tree, separators=(",", ":")) for bundle in given for tree in resources(bundle)]
    path.write_text("\n".join(lines) + "\n")
    return len(lines)
