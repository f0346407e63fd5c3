"""Reports and the catalogue in the formats of others: what they promise to the tools that read them."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carespine.cli import app
from carespine.fhir import codec
from carespine.fhir.validation import validate
from carespine.standards import catalogue
from carespine.standards.engine.evidence import EvidenceLog
from carespine.standards.engine.report import Report
from carespine.standards.formats import REPORTS, fhir_catalogue, fhir_report, junit, oscal, table
from carespine.standards.models import CheckResult, Fault, Finding, Level, Outcome, Verdict

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
# OSCAL's own pattern for a UUID: version 4 or 5.
UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}")


def result(requirement: str, outcome: Outcome, level: Level = Level.MUST, *texts: str) -> CheckResult:
    finding = Finding(outcome, "came \x00 & <this>", tuple(Fault(text, 3) for text in texts), 2)
    return CheckResult(
        check=f"{requirement.lower()}-check",
        requirement=requirement,
        requirement_version="1.0",
        level=level,
        title="A title",
        quote="A quote.",
        expected="an expectation",
        advice="Mend it.",
        finding=finding,
        exchanges=(3, 4),
        seconds=1.25,
    )


def report(*results: CheckResult, verdict: Verdict = Verdict.FAIL) -> Report:
    evidence = EvidenceLog()
    evidence.append("start", {"service": "http://127.0.0.1:9"})
    return Report(
        base_url="http://127.0.0.1:9",
        profile="device-app",
        profile_version="1.0",
        catalogue="0" * 64,
        seed="a seed",
        seed_sha256="1" * 64,
        started=AT,
        ended=AT,
        results=results,
        verdict=verdict,
        evidence=evidence,
    )


MIXED = report(
    result("SE-05", Outcome.PASS),
    result("SE-07", Outcome.FAIL, Level.MUST, "another patient was read"),
    result("SE-13", Outcome.FAIL, Level.SHOULD, "no contact"),
    result("TR-01", Outcome.SKIP),
    result("SE-01", Outcome.OMIT),
    result("RE-02", Outcome.ERROR),
    result("AP-01", Outcome.WARN),
)


def test_a_build_server_reads_which_must_failed_and_why():
    whole = ET.fromstring(junit.render(MIXED))  # noqa: S314 -- our own
    suite = whole.find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "1", "errors": "1", "skipped": "2",
    }  # fmt: skip
    cases = {case.get("name")[:5]: [child.tag for child in case] for case in suite.findall("testcase")}
    assert cases == {
        "SE-05": [], "SE-07": ["failure"], "SE-13": ["system-out"], "TR-01": ["skipped"],
        "SE-01": ["skipped"], "RE-02": ["error"], "AP-01": ["system-out"],
    }  # fmt: skip
    failure = suite.find("testcase/failure")
    assert "another patient was read (exchange 3)" in failure.text
    assert "What to do: Mend it." in failure.text


def test_a_test_report_keeps_the_structure_of_r4_and_says_how_it_ended():
    read = codec.decode(fhir_report.render(MIXED), "TestReport")
    assert (read["result"], read["status"], read["score"]) == ("fail", "completed", 43)
    found = [each["action"][0]["assert"]["result"] for each in read["test"]]
    assert found == ["pass", "fail", "fail", "skip", "skip", "error", "warning"]
    for verdict, expected in {Verdict.PASS: "pass", Verdict.NOT_PROVEN: "pending"}.items():
        assert fhir_report.tree(replace(MIXED, verdict=verdict))["result"] == expected
    assert codec.decode(fhir_report.render(report()), "TestReport")["name"] == "device-app 1.0"


@pytest.mark.parametrize("whole", [MIXED, report()], ids=["mixed", "empty"])
def test_a_test_report_is_valid_by_every_rule_of_r4(whole):
    found = validate(codec.decode(fhir_report.render(whole), "TestReport"))

    assert [each for each in found if each.severity in ("error", "fatal")] == []


def test_the_catalogue_as_fhir_is_valid_and_has_a_code_for_each_requirement():
    bundle = codec.decode(fhir_catalogue.bundle(), "Bundle")
    found = validate(bundle)

    assert [each for each in found if each.severity in ("error", "fatal")] == []
    [system, *sets] = [each["resource"] for each in bundle["entry"]]
    assert [each["code"] for each in system["concept"]] == list(catalogue.requirements())
    assert {each["name"] for each in sets} == {
        "".join(part.title() for part in name.split("-")) for name in catalogue.profiles()
    }
    [records] = [each for each in sets if each["name"] == "RecordSystem"]
    codes = [each["code"] for each in records["compose"]["include"][0]["concept"]]
    assert codes == list(catalogue.profile("record-system").requirements)


def identifiers(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        own = [tree["uuid"]] if "uuid" in tree else []
        return own + [found for value in tree.values() for found in identifiers(value)]
    return [found for value in tree for found in identifiers(value)] if isinstance(tree, list) else []


def test_assessment_results_refer_to_what_they_hold_and_to_the_catalog():
    tree = json.loads(oscal.assessment_results(MIXED))["assessment-results"]
    [outcome] = tree["results"]
    controls = {
        control["id"]
        for group in json.loads(oscal.catalog())["catalog"]["groups"]
        for control in group["controls"]
    }
    observed = {each["uuid"] for each in outcome["observations"]}
    for finding in outcome["findings"]:
        assert {each["observation-uuid"] for each in finding["related-observations"]} <= observed
        assert finding["target"]["target-id"].removesuffix("_obj") in controls
    states = {each["target"]["target-id"]: each["target"]["status"]["state"] for each in outcome["findings"]}
    assert states["se-05_obj"] == "satisfied"
    assert states["se-07_obj"] == states["tr-01_obj"] == "not-satisfied"
    assert tree["import-ap"]["href"].removeprefix("#") == tree["back-matter"]["resources"][0]["uuid"]
    found = identifiers(tree)
    assert len(found) == len(set(found))
    assert all(UUID.fullmatch(each) for each in found)
    assert oscal.assessment_results(MIXED) == oscal.assessment_results(MIXED)


def test_the_catalogue_reads_as_a_table_with_every_requirement():
    rows = list(csv.DictReader(io.StringIO(table.requirements().decode())))
    assert [row["id"] for row in rows] == list(catalogue.requirements())
    assert all(row["statement"] and row["source"] for row in rows)


@pytest.mark.parametrize("form", ["csv", "fhir", "json", "oscal"])
def test_the_command_writes_the_catalogue(form):
    done = CliRunner().invoke(app, ["standards", "catalogue", "--format", form])
    assert done.exit_code == 0
    assert "SE-07" in done.stdout or "se-07" in done.stdout


def test_the_command_tells_altered_evidence(tmp_path: Path):
    file = tmp_path / "evidence.jsonl"
    file.write_text(MIXED.evidence.text())
    command = ["standards", "verify-evidence", str(file)]
    whole = CliRunner().invoke(app, command)
    assert (whole.exit_code, whole.stdout[:6]) == (0, "Whole:")
    assert CliRunner().invoke(app, [*command, "--head", "0" * 64]).exit_code == 1
    file.write_text(MIXED.evidence.text().replace("127.0.0.1", "127.0.0.2"))
    altered = CliRunner().invoke(app, command)
    assert altered.exit_code == 1
    assert "was changed" in altered.output


def test_a_report_folder_holds_every_format():
    assert sorted(REPORTS) == ["assessment-results.oscal.json", "junit.xml", "test-report.fhir.json"]
