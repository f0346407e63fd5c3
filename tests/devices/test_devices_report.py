"""The report on files: one documented shape, sums that add up, and a reason for everything that is missing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from device_builders import NOW, export, record
from test_devices_formats import FOLDER
from typer.testing import CliRunner

from carespine.cli import app
from carespine.devices.importing import import_file
from carespine.devices.inspecting import inspect
from carespine.devices.preview import of_files
from carespine.devices.report_json import tree
from carespine.devices.stored_report import of_patient
from carespine.kernel.errors import Invalid
from carespine.kernel.nhs_number import SYSTEM, synthetic
from carespine.security.actor import TREATMENT, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "device-report.schema.json").read_text(encoding="utf-8")
)


def report(*paths: Path, zone: str | None = None) -> dict[str, Any]:
    made = asyncio.run(of_files(paths, born=None, zone=zone, now=NOW))
    return json.loads(json.dumps(tree(made)))  # type: ignore[no-any-return]


def faults(value: Any, schema: dict[str, Any], path: str = "$") -> list[str]:
    """What of a value breaks a JSON Schema, for the words that our schema uses."""
    if "anyOf" in schema:
        tried = [faults(value, one, path) for one in schema["anyOf"]]
        return [] if any(not one for one in tried) else tried[-1]
    if "const" in schema:
        return [] if value == schema["const"] else [f"{path} is not {schema['const']}"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{path}: {value!r} is not in the list"]
    kinds = schema.get("type", [])
    if not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return [f"{path} is no {kinds}"]
    found = []
    if isinstance(value, dict):
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{path} lacks {name}" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            if name in properties:
                found += faults(inner, properties[name], f"{path}.{name}")
            elif extra is False:
                found.append(f"{path} has {name}, which is not described")
            elif isinstance(extra, dict):
                found += faults(inner, extra, f"{path}.{name}")
    if isinstance(value, list):
        for place, inner in enumerate(value):
            found += faults(inner, schema["items"], f"{path}[{place}]")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{path} is below {schema['minimum']}")
    return found


def _is(value: Any, kind: str) -> bool:
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "null": type(None), "integer": int,
                             "number": (int, float)}  # fmt: skip
    return isinstance(value, kinds[kind]) and not isinstance(value, bool)


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    """The report on every sample together."""
    return report(*sorted(path for path in FOLDER.glob("*/samples/*") if path.suffix != ".toml"))


def test_the_report_has_the_documented_shape(everything: dict[str, Any]) -> None:
    assert faults(everything, SCHEMA) == []


def test_the_check_of_the_shape_sees_what_is_wrong(everything: dict[str, Any]) -> None:
    wrong = {**everything, "counts": {"read": -1, "stored": "1", "duplicate": 0}, "more": 1}
    assert {fault.split(" ")[0] for fault in faults(wrong, SCHEMA)} == {
        "$",
        "$.counts",
        "$.counts.read",
        "$.counts.stored",
    }


def test_read_is_stored_and_duplicate_and_rejected_for_each_file_and_for_all(
    everything: dict[str, Any],
) -> None:
    for counts in (everything["counts"], *everything["files"]):
        assert counts["read"] == counts["stored"] + counts["duplicate"] + counts["rejected"]
    for file in everything["files"]:
        assert file["rejected"] == sum(reason["count"] for reason in file["reasons"])


def test_every_day_names_its_sources_or_why_all_were_set_aside(everything: dict[str, Any]) -> None:
    known = {source["id"] for source in everything["sources"]}
    assert everything["days"]
    for day in everything["days"]:
        assert day["sources"] or (day["value"] is None and day["setAside"])
        assert {one["source"] for one in (*day["sources"], *day["setAside"])} <= known
        assert ("zone-ambiguous" in day["flags"]) == ("ambiguous" in day["trust"])


def test_every_protocol_has_a_result_or_says_what_is_missing(everything: dict[str, Any]) -> None:
    for protocol in everything["protocols"]:
        assert protocol["rule"]
        assert bool(protocol["figures"]) == (protocol["state"] == "ready")
        if protocol["state"] == "not-enough":
            assert protocol["missing"]


def test_the_same_file_twice_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(
        export(
            record("StepCount", 100, "2026-11-01 08:00:00 +0000", "2026-11-01 08:10:00 +0000", unit="count")
        )
    )
    again = tmp_path / "again.xml"
    again.write_bytes(path.read_bytes())
    once, twice = report(path), report(path, again)
    assert twice["days"] == once["days"]
    assert twice["files"][1]["duplicate"] == 1


def test_a_file_that_nothing_recognises_is_refused_in_the_report_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    stranger = tmp_path / "letter.txt"
    stranger.write_text("Dear doctor", encoding="utf-8")
    made = report(stranger, FOLDER / "withings/samples/bp.csv")
    assert [file["state"] for file in made["files"]] == ["refused", "complete"]
    assert "not a file that Carespine can read" in made["files"][0]["refused"]
    assert made["counts"]["stored"] == 3


def test_a_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Invalid, match="no time zone"):
        report(FOLDER / "withings/samples/bp.csv", zone="Europe/Londinium")


def test_inspect_tells_metrics_units_offsets_and_refusals() -> None:
    told = inspect(FOLDER / "fitbit/samples/weight-2026-07-13.json", now=NOW)
    assert told["adapter"] == "fitbit"
    assert told["records"] == told["readings"] + told["rejected"]
    weight = next(one for one in told["metrics"] if one["metric"] == "weight")
    assert weight["units"] == {"[lb_av]": 1, "kg": 1}
    assert weight["offsets"] == {"ambiguous": 2}


def test_the_command_line_reports_inspects_and_lists(tmp_path: Path) -> None:
    run, path = CliRunner(), str(FOLDER / "withings/samples/bp.csv")
    done = run.invoke(app, ["devices", "report", path, "--born", "1957", "--zone", "Europe/London", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["counts"] == {"read": 3, "stored": 3, "duplicate": 0, "rejected": 0}
    assert "Systolic blood pressure: 1 in mm[Hg]" in run.invoke(app, ["devices", "inspect", path]).stdout
    assert "Home blood pressure" in run.invoke(app, ["devices", "report", path]).stdout
    assert "withings" in run.invoke(app, ["devices", "formats"]).stdout
    assert run.invoke(app, ["devices", "report"]).exit_code == 2
    stranger = tmp_path / "letter.txt"
    stranger.write_text("Dear doctor", encoding="utf-8")
    assert run.invoke(app, ["devices", "report", str(stranger)]).exit_code == 1


async def test_the_report_on_a_stored_patient_has_the_same_shape_and_the_same_days(
    database: Database,
) -> None:
    door = Door(database, AuditLog(database, lambda: NOW), lambda: NOW)
    number = synthetic(7)
    person = {"resourceType": "Patient", "id": "p7", "identifier": [{"system": SYSTEM, "value": number}]}
    async with door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.upsert_many([person])
    path = FOLDER / "oura/samples/sleep.json"
    await import_file(door, path, nhs_number=number)
    stored = json.loads(json.dumps(tree(await of_patient(door, number))))
    assert faults(stored, SCHEMA) == []
    assert stored["subject"] == "p7"
    made = await of_files([path], born=None, zone=None, now=NOW)
    files = json.loads(json.dumps(tree(made)))
    assert [(day["day"], day["metric"], day["value"]) for day in stored["days"]] == [
        (day["day"], day["metric"], day["value"]) for day in files["days"]
    ]
    assert stored["counts"] == files["counts"]
    with pytest.raises(Invalid, match="no NHS number"):
        await of_patient(door, "123")


def test_the_summary_prints_on_one_page(tmp_path: Path) -> None:
    page = tmp_path / "summary.pdf"
    paths = [str(path) for path in sorted(FOLDER.glob("*/samples/*")) if path.suffix != ".toml"]
    done = CliRunner().invoke(app, ["devices", "report", *paths, "--pdf", str(page)])
    assert done.exit_code == 0
    raw = page.read_bytes()
    assert raw.startswith(b"%PDF-")
    assert raw.count(b"/Type /Page ") == 1
