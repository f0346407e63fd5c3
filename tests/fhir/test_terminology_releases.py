"""What is read from release files, and what expression constraints select from it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from release_files import (
    BONE,
    BREAK,
    CUT,
    HURT,
    LIMB_BONE,
    OLD,
    REFSET,
    SHIN,
    SHIN_BREAK,
    THING,
    dmd,
    loinc,
    rf2,
    snomed,
)

from carespine.fhir.terminology import driving, ecl, masks, releases
from carespine.fhir.terminology.memory import MemorySystem
from carespine.fhir.terminology.models import Concept, Described
from carespine.fhir.terminology.releases import Release
from carespine.kernel.errors import Invalid, Unprocessable


def read(path: Path, version: str | None = None) -> Release:
    return releases.read(path, version=version, progress=lambda _label, _count: None)


@pytest.fixture(scope="module")
def bones(tmp_path_factory: pytest.TempPathFactory) -> MemorySystem:
    release = read(snomed(tmp_path_factory.mktemp("bones")))
    return MemorySystem(release.about, release.concepts, release.refsets)


@pytest.mark.parametrize(
    ("number", "right"), [("138875005", True), ("138875006", False), ("900000000000003001", True)]
)
def test_generated_identifiers_obey_the_check_digit_of_real_ones(number: str, right: bool) -> None:
    assert rf2.is_valid(number) is right


def test_a_snapshot_is_read_from_a_folder_or_a_zip_with_the_preferred_terms(tmp_path: Path) -> None:
    folder = snomed(tmp_path / "release")
    packed = shutil.make_archive(str(tmp_path / "SnomedCT"), "zip", folder)
    for path in (folder, Path(packed)):
        release = read(path)
        assert release.about.version == "http://snomed.info/sct/900000000000207008/version/20260401"
        found = {concept.code: concept for concept in release.concepts}
        assert found[SHIN].display == "Shin"
        assert [item.value for item in found[SHIN].designations] == ["Shin", "Shinbone", "Shin (thing)"]
        assert found[SHIN_BREAK].parents == (BREAK, HURT)
        assert {"code": rf2.SITE, "valueCode": SHIN} in found[SHIN_BREAK].properties
        assert found[OLD].inactive
        assert release.refsets == {REFSET: [BREAK, SHIN]}


@pytest.mark.parametrize(
    ("expression", "codes"),
    [
        (BONE, [BONE]),
        (f"{BONE} |Bone|", [BONE]),
        (f"< {BONE}", [LIMB_BONE, SHIN]),
        (f"<< {BONE} |Bone structure|", [BONE, LIMB_BONE, SHIN]),
        (f"<! {BONE}", [LIMB_BONE]),
        (f"<<! {BONE}", [BONE, LIMB_BONE]),
        (f"> {LIMB_BONE}", [BONE, THING, rf2.ROOT]),
        (f">> {LIMB_BONE}", [LIMB_BONE, BONE, THING, rf2.ROOT]),
        (f">! {LIMB_BONE}", [BONE]),
        (f">>! {LIMB_BONE}", [LIMB_BONE, BONE]),
        (f"^ {REFSET}", [BREAK, SHIN]),
        (f"< ^ {REFSET}", [SHIN_BREAK]),
        ("^ *", [BREAK, SHIN]),
        (f"<< {BONE} AND < *", [BONE, LIMB_BONE, SHIN]),
        (f"<< {BONE} AND > *", [BONE, LIMB_BONE]),
        ("* MINUS < *", [rf2.ROOT]),
        ("* MINUS << *", []),
        (f"<< {HURT} AND ^ {REFSET}", [BREAK]),
        (f"{BONE} OR {HURT} OR {CUT}", [BONE, HURT, CUT]),
        (f"<< {HURT} MINUS << {BREAK}", [HURT, CUT]),
        (f"(<< {HURT} MINUS << {BREAK}) OR {SHIN}", [HURT, CUT, SHIN]),
        (f"<< {HURT} : {rf2.SITE} = {BONE}", [BREAK]),
        (f"<< {HURT} : {rf2.SITE} |Finding site| = << {BONE}", [BREAK, SHIN_BREAK]),
        (f"* : {rf2.SITE} != {BONE}", [SHIN_BREAK]),
        (f"* : R {rf2.SITE} = << {HURT}", [BONE, SHIN]),
        (f"* : {rf2.SITE} = {BONE} OR {rf2.SITE} = {SHIN}", [BREAK, SHIN_BREAK]),
        (f"* : {rf2.SITE} = <<{BONE}, {rf2.SITE} = {SHIN}", [SHIN_BREAK]),
        (f'<< {HURT} {{{{ term = "shin br" }}}}', [SHIN_BREAK]),
        (f"/* bones */ < {BONE}", [LIMB_BONE, SHIN]),
    ],
)
def test_expression_constraints_select(bones: MemorySystem, expression: str, codes: list[str]) -> None:
    mask = driving.now(ecl.matching(bones, expression))
    found = driving.now(bones.concepts([int(place) for place in masks.ords(mask)]))
    assert {concept.code for concept in found} == set(codes)


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("", "character 1"),
        ("<", "character 2"),
        ("* AND * OR *", "needs brackets"),
        ("* MINUS * MINUS *", "needs brackets"),
        (f"* : {{ {rf2.SITE} = * }}", "attribute groups"),
        (f"* : [1..2] {rf2.SITE} = *", "cardinalities"),
        (f"* : {rf2.SITE} = #5", "concrete values"),
        (f"< {BONE} . {rf2.SITE}", "dotted"),
        ("< 123456", "does not have"),
        ("(" * 60 + "*", "too deeply"),
        ("* " * 4000, "longer"),
        ("disorder", "character 1"),
    ],
)
def test_what_is_no_constraint_is_refused_with_its_place(
    bones: MemorySystem, expression: str, part: str
) -> None:
    with pytest.raises(Unprocessable, match=part):
        driving.now(ecl.matching(bones, expression))


@pytest.mark.parametrize(
    "expression", ["> *", ">! *", "< (* OR *)", "<! (* OR *)", ">> (* OR *)", "* : * = *"]
)
def test_an_operator_goes_on_from_ten_thousand_concepts_at_most(expression: str) -> None:
    about = Described("http://snomed.info/sct", "1")
    many = MemorySystem(about, (Concept(str(1_000_000 + number)) for number in range(10_001)))
    with pytest.raises(Unprocessable, match="10001 concepts") as refused:
        driving.now(ecl.matching(many, expression))
    assert refused.value.issues[0].code == "too-costly"


def test_dmd_is_read_as_one_hierarchy_from_the_moiety_to_the_pack(tmp_path: Path) -> None:
    release = read(dmd(tmp_path))
    found = {concept.code: concept for concept in release.concepts}
    assert (release.about.url, release.about.version) == ("https://dmd.nhs.uk", "2026-04-01")
    assert {code: concept.parents for code, concept in found.items()} == {
        "1001": (),
        "1002": (),
        "2001": ("1001",),
        "3001": ("2001",),
        "4001": ("2001",),
        "5001": ("4001", "3001"),
        "6001": (),
    }
    assert found["4001"].display == "Calmadol 5mg tablets (Example Ltd)"
    assert found["1002"].inactive
    kept = {item["code"]: item.get("valueCode", item.get("valueString")) for item in found["2001"].properties}
    assert kept == {"kind": "VMP", "PRES_STATCD": "0001", "ingredient": "6001", "form": "385055001"}


def test_loinc_is_read_with_its_parts(tmp_path: Path) -> None:
    release = read(loinc(tmp_path))
    assert (release.about.url, release.about.version) == ("http://loinc.org", "2.99")
    assert [(c.code, c.display, c.inactive) for c in release.concepts] == [
        ("1-8", 'Humming, in "serum"', False),
        ("2-6", "Buzzing", True),
    ]


@pytest.mark.parametrize(
    ("kind", "old", "new", "part"),
    [
        ("Concept", "effectiveTime", "when", "no column effectiveTime"),
        ("Relationship", f"\t{rf2.CORE}\t", "\t", "columns instead of"),
        ("Description", "Shinbone", "\udcff", "is not UTF-8"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_its_name(
    tmp_path: Path, kind: str, old: str, new: str, part: str
) -> None:
    folder = snomed(tmp_path)
    path = folder / "Snapshot" / rf2.NAMES[kind]
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(errors="surrogateescape"), 1))
    with pytest.raises(Invalid, match=part):
        read(folder)


def test_what_is_no_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all")
    with pytest.raises(Invalid, match="no release"):
        read(tmp_path)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(Invalid, match="no release"):
        read(tmp_path / "empty.zip")
    bomb = dmd(tmp_path / "dmd") / "f_vtm2_3010426.xml"
    bomb.write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")
    with pytest.raises(Invalid, match="document type"):
        read(tmp_path / "dmd")
