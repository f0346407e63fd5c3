"""Release files of code systems, as their publishers ship them: SNOMED CT, dm+d, LOINC, CodeSystem resources."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from carespine.fhir.terminology.releases import dmd, loinc, resource, snomed
from carespine.fhir.terminology.releases.files import Progress, Release, Source
from carespine.kernel.errors import Invalid


class _Reader(Protocol):
    def recognises(self, source: Source) -> bool: ...

    def read(self, source: Source, *, version: str | None, progress: Progress) -> Release: ...


KINDS: dict[str, _Reader] = {"snomed": snomed, "dmd": dmd, "loinc": loinc, "resource": resource}


def read(path: Path, *, kind: str | None = None, version: str | None = None, progress: Progress) -> Release:
    """The release in a file, zip or folder; its kind is recognised by the names of its files.

    Raises Invalid where it is none that is known, or its files cannot be read.
    """
    with Source.open(path) as source:
        for name, reader in KINDS.items():
            if name == kind or (kind is None and reader.recognises(source)):
                return reader.read(source, version=version, progress=progress)
    raise Invalid(
        f"{path} is no release that is known here: SNOMED CT RF2 Snapshot, dm+d XML, LOINC CSV or a CodeSystem."
    )


__all__ = ["KINDS", "Progress", "Release", "read"]
