"""Releases in tables: they answer as in memory, replace one another whole, and serve every operation."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api import Server, fresh_database, serving

from carespine.fhir.terminology import releases
from carespine.fhir.terminology.memory import MemorySystem
from carespine.fhir.terminology.system import BELOW, CHILD, HAS, MARK, PROPERTY, REFSET, STEM, WORD
from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.actor import system_job
from carespine.spine import terminology_loading
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.terminology.library import StoredLibrary
from carespine.storage.terminology.tables import TableSystem

sys.path.insert(0, str(Path(__file__).parents[1] / "fhir"))
import release_files
from release_files import BONE, BREAK, LIMB_BONE, SHIN, SHIN_BREAK, dmd, loinc, rf2, snomed

SNOMED = "http://snomed.info/sct"
JOB = system_job("test")


def _quiet(_label: str, _count: int) -> None:
    """No progress is shown."""


async def load(server: Server, path: Path, version: str | None = None) -> Any:
    return await terminology_loading.load(
        server.platform.door, JOB, path, kind=None, version=version, progress=_quiet
    )


@pytest.fixture(scope="module")
async def loaded(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server with small releases of SNOMED CT, dm+d and LOINC."""
    folder = tmp_path_factory.mktemp("loaded")
    with fresh_database(postgres) as url:
        async with serving(url, folder, open=True) as running:
            await load(running, snomed(folder / "sct"))
            await load(running, dmd(folder / "dmd"))
            await load(running, loinc(folder / "loinc"))
            yield running


async def test_tables_answer_every_question_as_memory_does(loaded: Server, tmp_path: Path) -> None:
    rf2.generate(tmp_path, 300)
    counts = await load(loaded, tmp_path, version="generated")
    release = releases.read(tmp_path, progress=_quiet)
    memory = MemorySystem(release.about, release.concepts, release.refsets)
    assert counts.concepts == memory.size
    async with loaded.platform.database.connection() as connection:
        tables = await StoredLibrary(connection).system(SNOMED, "generated")
        assert isinstance(tables, TableSystem)
        codes = [concept.code for concept in release.concepts]
        assert await tables.locate([*codes, "none"]) == await memory.locate(codes)
        assert await tables.concepts([5, 3, 5]) == await memory.concepts([5, 3, 5])
        for kind in (WORD, STEM, CHILD, MARK, PROPERTY, HAS, REFSET):
            _same(await tables.sets_from(kind, ""), await memory.sets_from(kind, ""))
        _same(await tables.sets_from(WORD, "br"), await memory.sets_from(WORD, "br"))
        below = {code: ords for code, ords in (await memory.sets(BELOW, codes)).items() if len(ords)}
        _same(await tables.sets(BELOW, codes), below)
        for place in range(0, memory.size, 7):
            assert np.array_equal(await tables.ancestors(place), await memory.ancestors(place))
        assert [list(ords) for ords in await tables.ancestors_of([9, 4])] == [
            list(ords) for ords in await memory.ancestors_of([9, 4])
        ]
        pattern = ".*[13]00."
        assert np.array_equal(
            await tables.codes_like(pattern, display=False), await memory.codes_like(pattern, display=False)
        )
    await terminology_loading.unload(loaded.platform.door, JOB, SNOMED, "generated")


def _same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert left.keys() == right.keys()
    assert all(np.array_equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize(
    ("about", "codes"),
    [
        (f"isa/{BONE}", {BONE, LIMB_BONE, SHIN}),
        (f"refset/{release_files.REFSET}", {BREAK, SHIN}),
        (f"ecl/<{BONE}", {LIMB_BONE, SHIN}),
        (f"ecl/* : {rf2.SITE} = << {BONE}", {BREAK, SHIN_BREAK}),
    ],
)
async def test_snomeds_implicit_value_sets_are_expanded(loaded: Server, about: str, codes: set[str]) -> None:
    reply = await loaded.http.get("/fhir/ValueSet/$expand", params={"url": f"{SNOMED}?fhir_vs={about}"})
    assert reply.status_code == 200, reply.text
    expansion = reply.json()["expansion"]
    assert {item["code"] for item in expansion["contains"]} == codes
    assert expansion["total"] == len(codes)


@pytest.mark.parametrize(
    ("url", "params", "name", "value"),
    [
        (
            "ValueSet/$validate-code",
            {"url": f"{SNOMED}?fhir_vs", "system": SNOMED, "code": SHIN},
            "result",
            True,
        ),
        (
            "ValueSet/$validate-code",
            {"url": f"{SNOMED}?fhir_vs=isa/{BONE}", "system": SNOMED, "code": BREAK},
            "result",
            False,
        ),
        ("CodeSystem/$validate-code", {"url": SNOMED, "code": SHIN, "display": "shinbone"}, "result", True),
        ("CodeSystem/$lookup", {"system": SNOMED, "code": SHIN}, "display", "Shin"),
        ("CodeSystem/$subsumes", {"system": SNOMED, "codeA": BONE, "codeB": SHIN}, "outcome", "subsumes"),
        (
            "CodeSystem/$lookup",
            {"system": "https://dmd.nhs.uk", "code": "2001"},
            "display",
            "Calmadol 5mg tablets",
        ),
        (
            "CodeSystem/$subsumes",
            {"system": "https://dmd.nhs.uk", "codeA": "1001", "codeB": "5001"},
            "outcome",
            "subsumes",
        ),
        ("CodeSystem/$lookup", {"system": "http://loinc.org", "code": "1-8"}, "version", "2.99"),
    ],
)
async def test_the_operations_answer_over_releases(
    loaded: Server, url: str, params: dict[str, str], name: str, value: object
) -> None:
    for _ in range(2):  # the second time from what was kept
        reply = await loaded.http.get(f"/fhir/{url}", params=params)
        assert reply.status_code == 200, reply.text
        found = {
            item["name"]: next((item[key] for key in item if key.startswith("value")), None)
            for item in reply.json()["parameter"]
        }
        assert found[name] == value


async def test_a_value_set_of_r4_that_takes_from_a_release_is_expanded(loaded: Server) -> None:
    value_set = {
        "resourceType": "ValueSet",
        "status": "active",
        "compose": {
            "include": [
                {"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": BONE}]},
                {
                    "system": "http://loinc.org",
                    "filter": [{"property": "CLASS", "op": "=", "value": "SOUND"}],
                },
            ],
            "exclude": [{"system": SNOMED, "concept": [{"code": SHIN}]}],
        },
    }
    reply = await loaded.post("ValueSet/$expand?activeOnly=true&excludeNested=true", value_set)
    assert [item["code"] for item in reply.json()["expansion"]["contains"]] == [BONE, LIMB_BONE, "1-8"]


async def test_a_load_replaces_the_same_version_and_is_the_latest_at_once(
    loaded: Server, tmp_path: Path
) -> None:
    async def display(**more: str) -> str:
        query = {"system": "http://loinc.org", "code": "1-8", **more}
        reply = await loaded.http.get("/fhir/CodeSystem/$lookup", params=query)
        return next(item["valueString"] for item in reply.json()["parameter"] if item["name"] == "display")

    table = loinc(tmp_path) / "Loinc_2.99" / "LoincTable" / "Loinc.csv"
    table.write_text(table.read_text().replace("Humming, in", "Singing, in"))
    again = await load(loaded, tmp_path)
    assert (again.replaced, await display()) == (True, 'Singing, in "serum"')
    table.write_text(table.read_text().replace("Singing, in", "Hissing, in"))
    newer = await load(loaded, tmp_path, version="3.00")
    assert (newer.replaced, await display()) == (False, 'Hissing, in "serum"')
    assert await display(version="2.99") == 'Singing, in "serum"'
    listed = await terminology_loading.listed(loaded.platform.door, JOB)
    assert [(r["version"], r["latest"]) for r in listed if r["url"] == "http://loinc.org"] == [
        ("2.99", False),
        ("3.00", True),
    ]
    await terminology_loading.unload(loaded.platform.door, JOB, "http://loinc.org", "3.00")
    assert await display() == 'Singing, in "serum"'
    with pytest.raises(CarespineError, match="is not loaded"):
        await terminology_loading.unload(loaded.platform.door, JOB, "http://loinc.org", "3.00")


async def test_a_load_that_fails_leaves_what_was_there(loaded: Server, tmp_path: Path) -> None:
    folder = snomed(tmp_path)
    relationships = folder / "Snapshot" / rf2.NAMES["Relationship"]
    circle = "\t".join(["1", "20260401", "1", rf2.CORE, BONE, SHIN, "0", rf2.IS_A, rf2.INFERRED, rf2.CORE])
    relationships.write_bytes(relationships.read_bytes() + circle.encode() + b"\r\n")
    with pytest.raises(Invalid, match="circle"):
        await load(loaded, folder)
    reply = await loaded.http.get("/fhir/CodeSystem/$lookup", params={"system": SNOMED, "code": SHIN})
    assert reply.status_code == 200


async def test_what_is_loaded_is_on_record(loaded: Server) -> None:
    events = [event for event in await loaded.events() if event["subtype"][0]["code"] == "terminology-load"]
    told = {d["type"]: d["valueString"] for d in events[0]["entity"][0]["detail"]}
    assert told["url"] == SNOMED
    assert told["concepts"] == "13"
