"""`carespine-fhir FILE...`: validate files without the server; `carespine validate` says more."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from carespine.fhir.validation.batch import Request, context_of, validate_files
from carespine.kernel.errors import Invalid


def main() -> int:
    """Print findings, one a line; 0 without errors, 1 with errors, 2 where something cannot be used."""
    parser = argparse.ArgumentParser(
        prog="carespine-fhir", description="Validate FHIR R4 resources in files."
    )
    parser.add_argument(
        "files", nargs="+", type=Path, help="resources, bundles, NDJSON, gzip of these, or folders"
    )
    parser.add_argument(
        "--profile", action="append", default=[], help="a profile that every resource must meet"
    )
    parser.add_argument(
        "--package", action="append", default=[], type=Path, help="a FHIR package, .tgz or folder"
    )
    parser.add_argument("--processes", type=int, default=1, help="processes at work")
    given = parser.parse_args()
    request = Request(tuple(given.profile), tuple(given.package))
    total = invalid = 0
    try:
        for note in context_of(request)[1]:
            sys.stderr.write(f"carespine-fhir: {note}\n")
        for verdict in validate_files(given.files, request, processes=max(1, given.processes)):
            total, invalid = total + 1, invalid + (not verdict.valid)
            for issue in verdict.issues:
                sys.stdout.write(f"{verdict.place}: {issue.severity}: {issue.diagnostics}\n")
    except (Invalid, OSError) as error:
        sys.stderr.write(f"carespine-fhir: {error}\n")
        return 2
    sys.stdout.write(f"{total} resources: {total - invalid} valid, {invalid} with errors.\n")
    return 1 if invalid else 0


if __name__ == "__main__":
    sys.exit(main())
