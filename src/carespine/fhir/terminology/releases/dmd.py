"""dm+d, the NHS dictionary of medicines and devices: the XML files as TRUD ships them."""

from __future__ import annotations

import re
import xml.parsers.expat
from collections.abc import Iterator
from dataclasses import dataclass

from carespine.fhir.terminology.models import Concept, Described, Designation, Tree
from carespine.fhir.terminology.releases.files import Progress, Release, Source, in_order
from carespine.kernel.errors import Invalid

URL = "https://dmd.nhs.uk"
_DATE = re.compile(r"f_v?[a-z]+2_\d(\d{6})\.xml$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _File:
    """One kind of thing: the element that holds it, its id, what it is a kind of, and the codes worth keeping."""

    pattern: str
    element: str
    code: str
    kind: str
    parents: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    display: str = "NM"


# dm+d Technical Specification of Data Files: what is prescribed and dispensed, from the moiety to the pack.
_FILES = (
    _File(r"f_vtm2_.*\.xml", "VTM", "VTMID", "VTM"),
    _File(r"f_vmp2_.*\.xml", "VMP", "VPID", "VMP", ("VTMID",), ("PRES_STATCD", "BASISCD", "NON_AVAILCD")),
    _File(r"f_vmpp2_.*\.xml", "VMPP", "VPPID", "VMPP", ("VPID",), ("QTYVAL", "QTY_UOMCD")),
    _File(
        r"f_amp2_.*\.xml",
        "AMP",
        "APID",
        "AMP",
        ("VPID",),
        ("SUPPCD", "LIC_AUTHCD", "AVAIL_RESTRICTCD"),
        "DESC",
    ),
    _File(r"f_ampp2_.*\.xml", "AMPP", "APPID", "AMPP", ("APID", "VPPID"), ("DISCCD", "LEGAL_CATCD")),
    _File(r"f_ingredient2_.*\.xml", "ING", "ISID", "ING"),
)
_ABOUT = {
    "kind": "VTM, VMP, VMPP, AMP, AMPP or ING",
    "ingredient": "An ingredient of a VMP",
    "form": "The form of a VMP",
    "route": "A route of a VMP",
    **{name: f"dm+d {name}" for file in _FILES for name in file.kept},
}
# What a VMP has several of: the element, and the code within it.
_OF_VMP = {"VPI": ("ISID", "ingredient"), "DFORM": ("FORMCD", "form"), "DROUTE": ("ROUTECD", "route")}


def recognises(source: Source) -> bool:
    return bool(source.matching(_FILES[1].pattern))


def read(source: Source, *, version: str | None, progress: Progress) -> Release:
    """The release; its version is the date in its files' names, as YYYY-MM-DD."""
    concepts: list[Concept] = []
    more: dict[str, list[Tree]] = {}
    for file in _FILES:
        for name in source.matching(file.pattern):
            for element, fields in _records(source, name, {file.element, *_OF_VMP}, progress):
                if element == file.element:
                    concepts.append(_concept(file, fields, name))
                elif "VPID" in fields:
                    key, code = _OF_VMP[element]
                    more.setdefault(fields["VPID"], []).append(
                        {"code": code, "valueCode": fields.get(key, "")}
                    )
    if not concepts:
        raise Invalid(f"{source.path} holds no medicine: it is no dm+d release.")
    concepts = [_with(concept, more.get(concept.code, [])) for concept in concepts]
    about = Described(URL, version or _version(source), "NHS dm+d", properties=_ABOUT)
    return Release(about, in_order(concepts))


def _concept(file: _File, fields: dict[str, str], name: str) -> Concept:
    if file.code not in fields:
        raise Invalid(f"{name} has a {file.element} without {file.code}.")
    kept = [{"code": key, "valueString": fields[key]} for key in file.kept if key in fields]
    texts = [fields[key] for key in ("NM", "ABBREVNM", "NMPREV") if key in fields]
    display = fields.get(file.display) or fields.get("NM")
    return Concept(
        fields[file.code],
        display,
        None,
        tuple(Designation(text, "en-GB") for text in dict.fromkeys(texts) if text != display),
        ({"code": "kind", "valueCode": file.kind}, *kept),
        tuple(fields[key] for key in file.parents if key in fields),
        inactive=fields.get("INVALID") == "1",
    )


def _with(concept: Concept, more: list[Tree]) -> Concept:
    if not more:
        return concept
    properties = (*concept.properties, *more)
    return Concept(
        concept.code,
        concept.display,
        None,
        concept.designations,
        properties,
        concept.parents,
        concept.inactive,
    )


def _records(
    source: Source, name: str, wanted: set[str], progress: Progress
) -> Iterator[tuple[str, dict[str, str]]]:
    """The wanted elements with the texts of their children. Document types, and with them entities, are refused."""
    reader = _Reader(wanted)
    with source.binary(name) as file:
        try:
            while chunk := file.read(1 << 20):
                reader.parser.Parse(chunk, False)
                yield from reader.take()
                progress(name.rpartition("/")[2], reader.count())
            reader.parser.Parse(b"", True)
            yield from reader.take()
        except xml.parsers.expat.ExpatError as error:
            raise Invalid(f"{name} is not XML that can be read: {error}.") from error


class _Reader:
    def __init__(self, wanted: set[str]) -> None:
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._wanted = wanted
        self._inside = ""
        self._fields: dict[str, str] = {}
        self._text = ""
        self._found: list[tuple[str, dict[str, str]]] = []
        self._taken = 0

    def take(self) -> list[tuple[str, dict[str, str]]]:
        found, self._found = self._found, []
        self._taken += len(found)
        return found

    def count(self) -> int:
        count, self._taken = self._taken, 0
        return count

    def _doctype(self, *_: object) -> None:
        raise Invalid("A dm+d file with a document type is not read.")

    def _start(self, name: str, _: dict[str, str]) -> None:
        if not self._inside and name in self._wanted:
            self._inside, self._fields = name, {}
        self._text = ""

    def _characters(self, text: str) -> None:
        self._text += text

    def _end(self, name: str) -> None:
        if name == self._inside:
            self._found.append((name, self._fields))
            self._inside = ""
        elif self._inside and self._text.strip():
            self._fields[name] = self._text.strip()
        self._text = ""


def _version(source: Source) -> str:
    dates = [found[1] for name in source.matching(_FILES[1].pattern) if (found := _DATE.search(name))]
    if not dates:
        raise Invalid("The names of the release's files hold no date; say its version with --version.")
    date = max(f"{text[4:]}{text[2:4]}{text[:2]}" for text in dates)  # ddmmyy
    return f"20{date[:2]}-{date[2:4]}-{date[4:]}"
