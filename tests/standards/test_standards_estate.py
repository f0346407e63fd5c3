"""The register as a health body uses it: filter, compare, adopt, see what lapses, and prove that one can leave."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from register_stage import AUTHORITY, BEGIN, LOCAL, Stage
from typer.testing import CliRunner

from carespine.cli import app
from carespine.kernel.errors import Conflict, Forbidden, Invalid
from carespine.kernel.ids import new_id
from carespine.standards import cases, catalogue, comparing, estate, gates, lifecycle, moving, store
from carespine.standards.lifecycle import Event
from carespine.standards.service import Ruling

REQUIREMENTS = catalogue.requirements()


@pytest.fixture
async def stage(database) -> Stage:
    return Stage(database)


def result(requirement: str, outcome: str) -> dict[str, object]:
    return {"requirement": requirement, "outcome": outcome}


async def ran(stage: Stage, product: str, *results: dict[str, object]) -> None:
    async with stage.database.transaction() as tx:
        run = store.StoredRun(
            new_id(), product, stage.clock(), stage.clock(), "pass", "", "", "", "", results
        )
        await store.add_run(tx, run, {})


async def test_products_are_found_by_kind_state_and_capability(stage):
    band, clinic = await stage.product(), await stage.product("Far Clinic", profile="virtual-clinic")
    said = {
        "capabilities": ["readings", "alerts"],
        "dependencies": ["Steady Cloud"],
        "contacts": {"safety": "s@x.example"},
    }
    path = f"/standards/applications/{band}/declaration"
    assert (await stage.post(path, said, token="another")).status_code == 403
    for wrong in (
        {"capabilities": ["Two Words"]},
        {"contacts": {"boss": "x"}},
        {"dependencies": [" "]},
        {"a": 1},
        [],
    ):
        assert (await stage.post(path, wrong)).status_code == 400
    for _ in range(2):
        assert (await stage.post(path, said)).json() == said
    async with stage.database.connection() as connection:
        assert await connection.fetchval("select count(*) from standards_declaration") == 1

    async def found(query: str) -> set[str]:
        return {each["id"] for each in (await stage.get(f"/standards/register?{query}"))["products"]}

    assert await found("") == {band, clinic}
    assert await found("kind=virtual-clinic") == {clinic}
    assert await found("capability=alerts&state=certified") == {band}
    assert await found("capability=alert") == await found("state=watch") == set()
    assert (await stage.get(f"/standards/register/{band}"))["declared"] == said


async def test_products_are_compared_on_evidence(stage):
    one, two = await stage.product(), await stage.product("Other Band")
    await ran(stage, one, result("SE-01", "pass"), result("SE-01", "fail"), result("SE-09", "pass"))
    stage.clock.forward(days=REQUIREMENTS["SE-01"].evidence_days + 1)
    await ran(stage, two, result("SE-01", "pass"))
    told = await stage.get(f"/standards/compare?product={one}&product={two}")
    lines = {each["requirement"]: each for each in told["requirements"]}
    first, second = lines["SE-01"]["shown"]
    assert (first["outcome"], first["on"], first["counts"]) == ("fail", "2026-11-02", False)
    assert (second["outcome"], second["counts"], second["how"]) == ("pass", True, "probe")
    assert lines["SE-09"]["shown"] == [
        {"outcome": "pass", "how": "document", "on": "2026-11-02", "until": lines["SE-09"]["shown"][0]["until"],
         "counts": True},
        None,
    ]  # fmt: skip
    assert lines.keys() == set(catalogue.profile("device-app").requirements)
    for query in (
        "",
        f"product={one}",
        f"product={one}&product={one}",
        "&".join(f"product={n}" for n in range(5)),
    ):
        await stage.get(f"/standards/compare?{query}", expect=400)
    await stage.get(f"/standards/compare?product={one}&product=nothing", expect=404)


async def test_an_estate_shows_what_is_leaving_and_what_lapses_within_90_days(stage):
    staying, leaving = await stage.product(), await stage.product("Old Band")
    with pytest.raises(Forbidden):
        await estate.adopt(stage.standards, AUTHORITY, staying)
    for _ in range(2):
        assert await estate.adopt(stage.standards, LOCAL, staying) == "A81001"
    await estate.adopt(stage.standards, LOCAL, leaving, area="E54000008")
    await stage.standards.decide(AUTHORITY, leaving, Event.PHASE_OUT, Ruling("too old", severity=2))
    await ran(stage, staying, result("SE-01", "pass"))
    told = (await stage.get("/standards/estates/A81001"))["products"]
    assert [(each["product"], each["leaving"], each["areas"]) for each in told] == [
        ("Old Band", True, ["E54000008"]),
        ("Steady Band", False, []),
    ]
    stage.clock.forward(days=276)
    told = (await stage.get("/standards/estates/A81001"))["products"]
    assert [each["what"] for each in told[0]["lapses"]] == [
        "The certificate",
        "The time for being phasing-out",
    ]
    assert "The certificate" in [each["what"] for each in told[1]["lapses"]]
    third = await stage.product("New Band")
    await stage.standards.suspend(AUTHORITY, third, reason="a danger")
    with pytest.raises(Conflict, match="may not come to new sites"):
        await estate.adopt(stage.standards, LOCAL, third)
    assert (await stage.get("/standards/estates/Z99999"))["products"] == []


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_evidence_is_told_as_lapsing_in_its_last_90_days_only(age, days):
    on = (BEGIN - timedelta(days=age)).date()
    shown = {"SE-01": comparing.Shown("pass", "probe", on, on + timedelta(days=days))}
    lapses = estate.lapses_of(_applied(), shown, (), now=BEGIN)
    ends = on + timedelta(days=days + 1)
    soon = (BEGIN + estate.SOON).date()
    assert bool(lapses) == (BEGIN.date() < ends <= soon)


def _applied() -> estate.Row:
    log = [lifecycle.Entry(Event.APPLY, BEGIN, "supplier", "applied")]
    return estate.Row(None, lifecycle.replay(log, now=BEGIN))  # type: ignore[arg-type]


def patient(number: int, **more: object) -> dict[str, object]:
    return {"resourceType": "Patient", "id": f"p{number}", "active": True, **more}


def written(folder: Path, *resources: object) -> Path:
    folder.mkdir()
    (folder / "all.ndjson").write_text("\n".join(json.dumps(each) for each in resources) + "\n")
    return folder


def export(*resources: object) -> moving.Export:
    return moving.read_lines("\n".join(json.dumps(each) for each in resources).encode(), "export")


def test_what_the_server_sets_itself_does_not_count():
    left = export(
        patient(1, meta={"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "tag": [{"code": "a"}]})
    )
    same = export(patient(1, meta={"versionId": "1", "tag": [{"code": "a"}]}))
    assert moving.compare(left, same).equal
    assert not moving.compare(left, export(patient(1))).equal


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), unique=True, min_size=1), st.data())
def test_no_loss_and_no_change_goes_unseen(numbers, data):
    left = [patient(each) for each in numbers]
    arrived = data.draw(st.permutations(left))
    assert moving.compare(export(*left), export(*arrived)).equal
    harm = data.draw(st.sampled_from(["lose", "alter", "add", "round"]))
    victim, *others = arrived
    if harm == "round":
        left, arrived = [{**victim, "x": 1.5}], [{**victim, "x": "1.5"}]
    else:
        arrived = {
            "lose": others,
            "alter": [{**victim, "active": False}, *others],
            "add": [*arrived, patient(99)],
        }[harm]
    report = moving.compare(export(*left), export(*arrived))
    assert not report.equal
    assert not report.parts["resources"].equal
    assert report.parts.keys() == set(gates.PARTS)


def test_digits_of_a_decimal_count():
    one, other = (
        moving.read_lines(b'{"resourceType":"Basic","id":"b","x":%s}' % each, "e")
        for each in (b"1.10", b"1.1")
    )
    assert not moving.compare(one, other).equal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "line 1: not JSON"),
        (b"[]", "not a FHIR resource"),
        (b'{"resourceType":"Patient"}', "has no id"),
        (
            b'{"resourceType":"Patient","id":"a"}\n\n{"resourceType":"Patient","id":"a"}',
            "line 3: Patient/a is in",
        ),
        (b'{"resourceType":"Patient","id":"a","x":NaN}', "NaN is no number"),
    ],
)
def test_an_export_that_cannot_be_read_is_refused_with_its_place(text, message):
    with pytest.raises(Invalid, match=message):
        moving.read_lines(text, "file")


async def test_a_rehearsal_is_kept_without_anybodys_data(stage):
    product = await stage.product()
    report = moving.compare(export(patient(1), patient(2)), export(patient(1)))
    kept = {"target": "Other Band", "report": report}
    with pytest.raises(Conflict, match="does not use"):
        await moving.rehearsed(stage.standards, LOCAL, product, organisation="A81001", **kept)
    await estate.adopt(stage.standards, LOCAL, product)
    with pytest.raises(Forbidden):
        await moving.rehearsed(stage.standards, LOCAL, product, organisation="B82002", **kept)
    await moving.rehearsed(stage.standards, LOCAL, product, organisation="A81001", **kept)
    (told,) = (await stage.get("/standards/estates/A81001"))["products"]
    assert [(each["target"], each["equal"]) for each in told["moves"]] == [("Other Band", False)]
    async with stage.database.connection() as connection:
        kept_report = await connection.fetchval("select report::text from standards_move")
        assert "p2" not in kept_report
        assert json.loads(kept_report)["types"][0]["missing"] == 1
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("update standards_move set equal = true")


def test_the_command_compares_two_folders(tmp_path):
    left = written(tmp_path / "a", patient(1), {"resourceType": "Flag", "id": "f", "status": "active"})
    right = written(tmp_path / "b", patient(1))
    run = CliRunner()
    equal = run.invoke(app, ["standards", "compare-exports", str(left), str(left)])
    assert (equal.exit_code, "Equal: nothing was lost." in equal.output) == (0, True)
    differs = run.invoke(app, ["standards", "compare-exports", str(left), str(right), "--json"])
    assert differs.exit_code == 1
    assert json.loads(differs.output)["parts"]["alerts"]["imported"] == 0
    unkept = run.invoke(app, ["standards", "compare-exports", str(left), str(left), "--keep", "x"])
    assert unkept.exit_code == 2
    whose = ["--keep", "x", "--organisation", "A81001", "--target", "B"]
    itself = run.invoke(app, ["standards", "compare-exports", str(left), str(left), *whose])
    assert (itself.exit_code, "compared with itself" in itself.output) == (2, True)


async def test_a_case_says_who_has_to_act_next(stage):
    product = await stage.product()

    async def waits() -> list[str]:
        async with stage.database.connection() as connection:
            return [each.waits_for for each in await cases.open_cases(connection, now=stage.clock())]

    assert await waits() == []
    await stage.standards.decide(AUTHORITY, product, Event.FIND, Ruling("zones are lost", severity=2))
    assert await waits() == ["the supplier: answer the finding"]
    await stage.post(f"/standards/applications/{product}/reply", {"text": "We mend it."})
    assert await waits() == ["the authority: agree the plan, or restrict"]
    await stage.standards.decide(AUTHORITY, product, Event.AGREE, Ruling("agreed"))
    assert await waits() == ["the supplier: mend it, and pass a run"]
    await stage.post(f"/standards/applications/{product}/appeal", {"text": "It is no fault."})
    assert await waits() == ["the authority: decide the appeal"]
    async with stage.database.connection() as connection:
        (case,) = await cases.open_cases(connection, now=stage.clock())
    assert [each.event for each in case.said][:3] == [Event.APPEAL, Event.AGREE, Event.REPLY]
    assert case.until == stage.clock() + timedelta(days=28)


async def test_racing_decisions_and_adoptions_leave_no_duplicates(stage):
    product = await stage.product()
    found = [
        stage.standards.decide(AUTHORITY, product, Event.FIND, Ruling("zones are lost")) for _ in range(6)
    ]
    taken = [estate.adopt(stage.standards, LOCAL, product) for _ in range(6)]
    ended = await asyncio.gather(*found, *taken, return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in ended) == 5
    assert sum(each == "A81001" for each in ended) == 6
    record = await stage.get(f"/standards/register/{product}")
    assert [each["event"] for each in record["history"]] == ["apply", "start", "certify", "find"]
    assert [each["organisation"] for each in record["sites"]] == ["A81001"]
