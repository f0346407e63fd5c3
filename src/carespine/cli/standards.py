"""`carespine standards check`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from carespine.cli.options import DatabaseOption, DataOption, JsonOption, print_json, progress_bar
from carespine.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carespine.standards.engine.report import Report
    from carespine.standards.engine.runner import Plan
    from carespine.standards.impact import Affected, Change
    from carespine.standards.models import CheckResult
    from carespine.standards.moving import Report as MoveReport

group = typer.Typer(no_args_is_help=True, help="The open minimum standards as executable checks.")
_EPILOG = (
    "Example:  carespine standards check http://127.0.0.1:8700 --profile device-app --config sandbox.json "
    "--report report/   Exit codes: 0 pass, 1 fail or not proven, 2 the engine could not run."
)
_COLOURS = {
    "pass": "green",
    "fail": "red",
    "error": "magenta",
    "warn": "yellow",
    "skip": "yellow",
    "omit": "dim",
}


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="standards")


@group.command(epilog=_EPILOG)
def check(
    url: Annotated[
        str, typer.Argument(help="The service's address, as its discovery document stands below it.")
    ],
    profile: Annotated[
        str, typer.Option(help="The kind of service: see `carespine standards profiles`.")
    ] = "device-app",
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Test identities and patients (docs/service-contract.md)."
        ),
    ] = None,
    seed: Annotated[str, typer.Option(help="Repeat a run with its seed.", show_default="a new one")] = "",
    only: Annotated[list[str] | None, typer.Option(help="Only this requirement; may be repeated.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report (HTML, JSON, JUnit, FHIR TestReport, OSCAL) and evidence.jsonl."
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Go on with the run broken off in this folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the checks against a live service, on this machine or anywhere, and say what was expected and what came."""
    from carespine.security.egress import Egress, RefusedAddress
    from carespine.standards import rules
    from carespine.standards.engine.config import RunConfig, read
    from carespine.standards.engine.runner import NothingAnswers, Plan

    if resume is not None and (report not in (None, resume) or seed):
        raise typer.BadParameter("--resume goes on in the run's own folder, with its own seed")
    report, plan_config = report or resume, read(config) if config else RunConfig()
    plan = Plan(
        url.rstrip("/"),
        profile,
        plan_config,
        seed,
        frozenset(only or ()),
        Egress(allow_loopback=True, allow_private=True),
        folder=report,
        resume=resume is not None,
    )
    try:
        done = _run(plan)
    except (Misconfigured, NothingAnswers, RefusedAddress) as error:
        typer.secho(f"carespine: {error.message}", err=True, fg="red")
        raise typer.Exit(2) from error
    if report is not None:
        _write(report, done)
    if as_json:
        print_json(done.tree())
    else:
        _summarise(done, report)
    raise typer.Exit(rules.exit_code(done.verdict))


class CatalogueFormat(StrEnum):
    """How the catalogue can be written."""

    CSV = "csv"
    FHIR = "fhir"
    JSON = "json"
    OSCAL = "oscal"


@group.command("catalogue", epilog="Example:  carespine standards catalogue --format csv > standards.csv")
def write_catalogue(
    form: Annotated[
        CatalogueFormat, typer.Option("--format", help="csv, fhir, json or oscal.")
    ] = CatalogueFormat.CSV,
) -> None:
    """Write the catalogue of requirements to standard output."""
    import msgspec

    from carespine.standards import catalogue
    from carespine.standards.formats import fhir_catalogue, oscal, table

    if form is CatalogueFormat.JSON:
        found = {
            "sha256": catalogue.digest(),
            "profiles": list(catalogue.profiles().values()),
            "requirements": list(catalogue.requirements().values()),
        }
        body = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    else:
        written = {
            CatalogueFormat.CSV: table.requirements,
            CatalogueFormat.FHIR: fhir_catalogue.bundle,
            CatalogueFormat.OSCAL: oscal.catalog,
        }[form]()
        body = written.rstrip(b"\n") + b"\n"
    sys.stdout.buffer.write(body)


@group.command("profiles", epilog="Example:  carespine standards profiles")
def list_profiles(as_json: JsonOption = False) -> None:
    """The profiles, one for each kind of service, and how many requirements each has."""
    import msgspec

    from carespine.standards import catalogue

    found = catalogue.profiles().values()
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
        return
    for each in found:
        typer.echo(f"{each.name:<16} {each.version}  {len(each.requirements):>3} requirements  {each.title}")


@group.command(
    epilog="Example:  carespine standards impact SE-05  |  carespine standards impact --proposed DIR"
)
def impact(
    only: Annotated[list[str] | None, typer.Argument(help="Requirements that are to change.")] = None,
    proposed: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="A folder with the catalogue/ and profiles/ that are to come."
        ),
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which registered products a change to the standards affects, before it lands."""
    from dataclasses import asdict

    from carespine.standards import impact as impacts

    changes = impacts.named(only) if only else impacts.proposed(proposed) if proposed else None
    if changes is None or (only and proposed):
        raise typer.BadParameter("name the requirements that are to change, or the folder that is --proposed")
    affected = asyncio.run(_affected(changes, data, database))
    if as_json:
        print_json(
            {"changes": [asdict(each) for each in changes], "affected": [asdict(each) for each in affected]}
        )
        return
    for change in changes:
        typer.echo(f"{change.requirement}: {change.what} (profiles: {', '.join(change.profiles) or 'none'})")
    for each in affected:
        typer.echo(
            f"{each.supplier}, {each.product} {each.version} ({each.profile}, {each.state}): "
            f"{', '.join(each.requirements)}; {each.sites} site{'' if each.sites == 1 else 's'}"
        )
    typer.echo(f"{len(changes)} changes affect {len(affected)} registered product versions.")


@group.command(
    "compare-exports",
    epilog="Example:  carespine standards compare-exports export-of-a/ export-of-b/ --keep 0199... "
    "--organisation A81001 --target 'Other Record 2'",
)
def compare_exports(
    left: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="What was exported from A: NDJSON files.")
    ],
    arrived: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="What B exports after it imported that.")
    ],
    keep: Annotated[
        str, typer.Option(help="Keep the numbers in the register for this product.", show_default="no")
    ] = "",
    organisation: Annotated[
        str, typer.Option(help="With --keep: the ODS code of the health body.", show_default="none")
    ] = "",
    target: Annotated[
        str, typer.Option(help="With --keep: what it was imported into.", show_default="none")
    ] = "",
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that a health body can leave: compare what left A with what B has; exits 1 where they differ."""
    from carespine.standards import moving

    if keep and not (organisation.strip() and target.strip()):
        raise typer.BadParameter("--keep goes with --organisation and --target")
    if keep and left.samefile(arrived):
        raise typer.BadParameter("a folder compared with itself proves nothing: name what B exports")
    report = moving.compare(moving.read_folder(left), moving.read_folder(arrived))
    if keep:
        asyncio.run(_keep(keep, organisation.strip(), target.strip(), report, data, database))
    if as_json:
        print_json(report.tree())
    else:
        for each in report.types:
            differs = f"{len(each.missing)} missing, {len(each.altered)} altered, {len(each.added)} added"
            typer.echo(
                f"{each.type:<28} {each.exported:>9} left {each.imported:>9} arrived  "
                f"{'equal' if each.equal else differs}"
            )
        typer.echo("Equal: nothing was lost." if report.equal else "Not equal.")
    if not report.equal:
        raise typer.Exit(1)


async def _keep(
    application: str,
    organisation: str,
    target: str,
    report: MoveReport,
    data: Path | None,
    database: str | None,
) -> None:
    from carespine.security.actor import system_job
    from carespine.standards import moving
    from carespine.standards.routes import standards_of
    from carespine.web import settings
    from carespine.web.platform import Platform
    from carespine.web.serve import database as opened

    chosen = settings.load(data=data, database=database)
    with opened(chosen) as url:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            await moving.rehearsed(
                standards_of(platform),
                system_job("rehearse leaving"),
                application,
                organisation=organisation,
                target=target,
                report=report,
            )
        finally:
            await platform.close()


async def _affected(changes: Sequence[Change], data: Path | None, database: str | None) -> list[Affected]:
    from carespine.standards import impact as impacts
    from carespine.web import settings
    from carespine.web.platform import Platform
    from carespine.web.serve import database as opened

    chosen = settings.load(data=data, database=database)
    with opened(chosen) as url:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            async with platform.database.connection() as connection:
                return await impacts.affected(connection, changes, now=platform.clock())
        finally:
            await platform.close()


@group.command(
    "verify-evidence",
    epilog="Example:  carespine standards verify-evidence report/evidence.jsonl --head 3f2a...",
)
def verify_evidence(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The evidence of a run.")],
    head: Annotated[
        str, typer.Option(help="The head that the report or the certificate names.", show_default="none")
    ] = "",
) -> None:
    """Verify that the evidence of a run is whole and unaltered; exits 1 where it is not."""
    from carespine.standards.engine.evidence import verify

    found = verify(file.read_text(errors="replace").splitlines(), head=head or None)
    if not found.ok:
        typer.secho(f"Not whole: {found.fault}.", err=True, fg="red")
        raise typer.Exit(1)
    typer.echo(f"Whole: {found.records} records, head {found.head}.")


@group.command(epilog="Example:  carespine standards simulate --years 10 --products 40 --seed 1")
def simulate(
    years: Annotated[int, typer.Option(min=1, max=50, help="How many years.")] = 10,
    products: Annotated[int, typer.Option(min=1, max=1_000, help="How many invented products.")] = 40,
    seed: Annotated[str, typer.Option(help="The same seed gives the same story.")] = "1",
    as_json: JsonOption = False,
) -> None:
    """Play years of certificates, findings, appeals and phase-outs in seconds; exits 1 if a law is broken."""
    from datetime import UTC, datetime

    from carespine.standards import simulating
    from carespine.standards.states import State

    begun = datetime(2026, 11, 1, tzinfo=UTC)
    found = simulating.simulate(begun=begun, years=years, products=products, seed=seed)
    if as_json:
        print_json(
            {
                "years": {str(year): dict(states) for year, states in found.years.items()},
                "events": dict(found.events),
                "steps": found.steps,
                "broken": found.broken,
            }
        )
    else:
        seen = [state for state in State if any(state in states for states in found.years.values())]
        table = Table("After year", *seen, title=f"{products} invented products under the real rules")
        for year, states in found.years.items():
            table.add_row(str(year), *(str(states.get(state, 0)) for state in seen))
        console = Console()
        console.print(table)
        told = ", ".join(f"{count} {event}" for event, count in sorted(found.events.items()))
        console.print(f"{found.steps} product days. Events: {told}. Laws broken: {len(found.broken)}.")
        for line in found.broken[:10]:
            console.print(line, style="red")
    raise typer.Exit(1 if found.broken else 0)


def _run(plan: Plan) -> Report:
    """Run with a line for each check as it ends, on standard error; the seed's hash comes before the first."""
    from carespine.standards.engine import runner

    with progress_bar("Checking", len(plan.checks())) as bar:

        def announced(seed_sha256: str) -> None:
            bar.console.print(f"SHA-256 of the seed, before the run: {seed_sha256}", highlight=False)

        def seen(result: CheckResult) -> None:
            bar.advance(bar.task_ids[0])
            colour = _COLOURS.get(result.outcome, "")
            bar.console.print(
                f"[{colour}]{result.outcome:>5}[/]  {result.requirement}  {result.title}", highlight=False
            )

        return asyncio.run(runner.run(replace(plan, progress=seen, announce=announced)))


def _write(folder: Path, done: Report) -> None:
    from carespine.standards.engine import html
    from carespine.standards.formats import REPORTS

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(done.json())
    for name, render in REPORTS.items():
        (folder / name).write_bytes(render(done))
    (folder / "report.html").write_text(html.render(done))
    (folder / "evidence.jsonl").write_text(done.evidence.text())


def _summarise(done: Report, folder: Path | None) -> None:
    console = Console()
    faults = [result for result in done.results if result.outcome in ("fail", "error")]
    if faults:
        table = Table("Requirement", "What came", title="What does not hold")
        for result in faults:
            table.add_row(f"{result.requirement} {result.title}", result.finding.came)
        console.print(table)
    where = f" The report is in {folder}." if folder else ""
    console.print(f"Verdict: {done.verdict}. Seed {done.seed}, verdict hash {done.verdict_hash[:16]}.{where}")
