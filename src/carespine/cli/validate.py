"""`carespine validate`."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carespine.cli.options import JsonOption, print_json, progress_bar

if TYPE_CHECKING:
    from carespine.fhir.validation.batch import Verdict

_EPILOG = (
    "Examples:  carespine validate patient.json  |  carespine validate export.ndjson.gz --package uk-core.tgz "
    "--profile https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"
)
_COLOURS = {"fatal": "red", "error": "red", "warning": "yellow", "information": "blue"}


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(validate)


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True, help="Resources or bundles (.json, .xml), NDJSON, gzip of these, or folders."
        ),
    ],
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", help="A profile that every resource must meet; repeatable."),
    ] = None,
    package: Annotated[
        list[Path] | None,
        typer.Option("--package", exists=True, help="A FHIR package (.tgz), a folder or a file; repeatable."),
    ] = None,
    must_support: Annotated[
        bool, typer.Option("--must-support", help="Report must-support elements that are absent.")
    ] = False,
    remarks: Annotated[
        bool, typer.Option("--remarks", help="Show remarks besides errors and warnings.")
    ] = False,
    most: Annotated[int, typer.Option("--most", min=0, help="Show at most so many findings.")] = 50,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=64, help="Processes at work; one for each core.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Validate FHIR R4 resources in files: structure, rules, codes, references, extensions, profiles.

    Needs no server and no network. Exit code 0: no errors; 1: errors were found; 2: a file, package or profile
    cannot be used.
    """
    from carespine.fhir.validation.batch import Request, context_of, validate_files
    from carespine.kernel.errors import Invalid

    request = Request(tuple(profile or ()), tuple(package or ()), must_support)
    summary = _Summary(most, remarks=remarks, quiet=as_json)
    try:
        for note in context_of(request)[1]:
            typer.secho(f"carespine: {note}", err=True, fg="yellow")
        with progress_bar("Validating resources", None) as bar:
            for verdict in validate_files(files, request, processes=processes or os.cpu_count() or 1):
                summary.take(verdict)
                bar.advance(bar.task_ids[0])
    except Invalid as error:
        typer.secho(f"carespine: {error.message}", err=True, fg="red")
        raise typer.Exit(2) from error
    if as_json:
        print_json(summary.as_json())
    else:
        summary.show()
    if summary.invalid:
        raise typer.Exit(1)


class _Summary:
    """Counts as they come; of the findings only as many as will be shown."""

    def __init__(self, most: int, *, remarks: bool, quiet: bool) -> None:
        self.most, self.remarks, self.quiet = most, remarks, quiet
        self.resources = self.invalid = self.hidden = 0
        self.severities: Counter[str] = Counter()
        self.rules: Counter[tuple[str, str]] = Counter()
        self.findings: list[dict[str, Any]] = []

    def take(self, verdict: Verdict) -> None:
        self.resources += 1
        self.invalid += not verdict.valid
        for issue in verdict.issues:
            self.severities[issue.severity] += 1
            if issue.severity == "information" and not self.remarks:
                continue
            self.rules[issue.severity, issue.rule or issue.code] += 1
            if len(self.findings) >= self.most and not self.quiet:
                self.hidden += 1
                continue
            self.findings.append(
                {
                    "place": verdict.place,
                    "severity": issue.severity,
                    "code": issue.code,
                    "rule": issue.rule or None,
                    "expression": issue.expression,
                    "message": issue.diagnostics,
                }
            )

    def as_json(self) -> dict[str, Any]:
        return {
            "resources": self.resources,
            "valid": self.resources - self.invalid,
            "invalid": self.invalid,
            "errors": self.severities["error"] + self.severities["fatal"],
            "warnings": self.severities["warning"],
            "remarks": self.severities["information"],
            "rules": [
                {"severity": severity, "rule": rule, "count": count}
                for (severity, rule), count in self.rules.most_common()
            ],
            "findings": self.findings,
        }

    def show(self) -> None:
        for each in self.findings:
            typer.secho(f"{each['place']}: {each['severity']}: ", fg=_COLOURS[each["severity"]], nl=False)
            typer.echo(each["message"])
        if self.hidden:
            typer.echo(f"... and {self.hidden} more findings; --most shows more, --json all of them.")
        errors = self.severities["error"] + self.severities["fatal"]
        typer.echo(
            f"{self.resources} resources: {self.resources - self.invalid} valid, {self.invalid} with errors "
            f"({errors} errors, {self.severities['warning']} warnings, {self.severities['information']} remarks)."
        )
        if len(self.rules) > 1 and self.resources > 1:
            for (severity, rule), count in self.rules.most_common(10):
                typer.echo(f"  {count:>7} {severity}: {rule}")
