"""Small release files for tests: invented concepts in the shape of SNOMED CT, dm+d and LOINC."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import synthetic_releases as rf2

MODULE = rf2.CORE
# Invented concepts under identifiers that obey the check digit.
THING, BONE, LIMB_BONE, SHIN, HURT, BREAK, SHIN_BREAK, OLD, REFSET = (
    rf2.identifier(number) for number in range(20_000_001, 20_000_010)
)
CUT = rf2.identifier(20_000_010)


def snomed(folder: Path) -> Path:
    """Bones, hurts at them, one inactive concept, one reference set."""
    writer = rf2.Writer(folder)
    writer.concept(rf2.ROOT, ["Root of all"])
    for code, terms, parents in (
        (THING, ["Thing"], [rf2.ROOT]),
        (BONE, ["Bone"], [THING]),
        (LIMB_BONE, ["Limb bone"], [BONE]),
        (SHIN, ["Shin", "Shinbone"], [LIMB_BONE]),
        (HURT, ["Hurt"], [rf2.ROOT]),
        (BREAK, ["Break"], [HURT]),
        (CUT, ["Cut"], [HURT]),
        (SHIN_BREAK, ["Break of shin", "Broken shinbone"], [BREAK, HURT]),
        (OLD, ["Old thing"], [THING]),
        (REFSET, ["A reference set"], [rf2.ROOT]),
        (rf2.SITE, ["Finding site"], [rf2.ROOT]),
        (rf2.IS_A, ["Is a"], [rf2.ROOT]),
    ):
        writer.concept(code, terms, active=code != OLD, defined=code == SHIN_BREAK)
        for parent in parents:
            writer.related(code, parent)
    writer.related(BREAK, BONE, rf2.SITE)
    writer.related(SHIN_BREAK, SHIN, rf2.SITE)
    writer.member(REFSET, BREAK)
    writer.member(REFSET, SHIN)
    writer.close()
    return folder


def dmd(folder: Path) -> Path:
    """One moiety, its product, the product's pack, and what is sold of both; an ingredient; one that is invalid."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "f_vtm2_3010426.xml": "<VIRTUAL_THERAPEUTIC_MOIETIES><VTM><VTMID>1001</VTMID><NM>Calmadol</NM></VTM>"
        "<VTM><VTMID>1002</VTMID><INVALID>1</INVALID><NM>Oldadol</NM></VTM></VIRTUAL_THERAPEUTIC_MOIETIES>",
        "f_vmp2_3010426.xml": "<VIRTUAL_MED_PRODUCTS><VMPS><VMP><VPID>2001</VPID><VTMID>1001</VTMID>"
        "<NM>Calmadol 5mg tablets</NM><PRES_STATCD>0001</PRES_STATCD></VMP></VMPS>"
        "<VIRTUAL_PRODUCT_INGREDIENT><VPI><VPID>2001</VPID><ISID>6001</ISID></VPI></VIRTUAL_PRODUCT_INGREDIENT>"
        "<DRUG_FORM><DFORM><VPID>2001</VPID><FORMCD>385055001</FORMCD></DFORM></DRUG_FORM></VIRTUAL_MED_PRODUCTS>",
        "f_vmpp2_3010426.xml": "<VIRTUAL_MED_PRODUCT_PACK><VMPPS><VMPP><VPPID>3001</VPPID><VPID>2001</VPID>"
        "<NM>Calmadol 5mg tablets 28 tablet</NM><QTYVAL>28</QTYVAL></VMPP></VMPPS></VIRTUAL_MED_PRODUCT_PACK>",
        "f_amp2_3010426.xml": "<ACTUAL_MEDICINAL_PRODUCTS><AMPS><AMP><APID>4001</APID><VPID>2001</VPID>"
        "<NM>Calmadol 5mg tablets</NM><DESC>Calmadol 5mg tablets (Example Ltd)</DESC><SUPPCD>9</SUPPCD></AMP></AMPS>"
        "</ACTUAL_MEDICINAL_PRODUCTS>",
        "f_ampp2_3010426.xml": "<ACTUAL_MEDICINAL_PROD_PACKS><AMPPS><AMPP><APPID>5001</APPID><VPPID>3001</VPPID>"
        "<APID>4001</APID><NM>Calmadol 5mg tablets (Example Ltd) 28 tablet</NM></AMPP></AMPPS>"
        "</ACTUAL_MEDICINAL_PROD_PACKS>",
        "f_ingredient2_3010426.xml": "<INGREDIENT_SUBSTANCES><ING><ISID>6001</ISID><NM>Calmadol base</NM></ING>"
        "</INGREDIENT_SUBSTANCES>",
    }.items():
        (folder / name).write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{text}', encoding="utf-8")
    return folder


def loinc(folder: Path) -> Path:
    """Two codes, one of them deprecated."""
    path = folder / "Loinc_2.99" / "LoincTable"
    path.mkdir(parents=True, exist_ok=True)
    (path / "Loinc.csv").write_text(
        '"LOINC_NUM","COMPONENT","CLASS","STATUS","SHORTNAME","LONG_COMMON_NAME"\n'
        '"1-8","Humming","SOUND","ACTIVE","Humming SerPl","Humming, in ""serum"""\n'
        '"2-6","Buzzing","SOUND","DEPRECATED","Buzz","Buzzing"\n',
        encoding="utf-8",
    )
    return folder
