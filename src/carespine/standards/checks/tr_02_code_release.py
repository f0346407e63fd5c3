"""TR-02: the service's SNOMED CT is of the last twelve months."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from carespine.standards.engine.check import check
from carespine.standards.engine.codes import SNOMED
from carespine.standards.engine.context import Context
from carespine.standards.models import Finding

# minimum-standards, TR-02: two UK releases, taken as twelve months.
_OLDEST = timedelta(days=366)
# SNOMED CT URI standard: http://snomed.info/sct/EDITION/version/YYYYMMDD
_VERSION = re.compile(r"http://snomed\.info/sct/\d+/version/(\d{8})")


def _releases(capabilities: dict[str, Any]) -> Iterator[date]:
    """The days of the SNOMED CT releases that a TerminologyCapabilities names."""
    for system in capabilities.get("codeSystem", []):
        if system.get("uri") != SNOMED:
            continue
        for version in system.get("version", []):
            found = _VERSION.fullmatch(str(version.get("code")))
            if found:
                yield datetime.strptime(found[1], "%Y%m%d").date()  # noqa: DTZ007 - a day, not an instant


@check(
    "TR-02",
    "code-release",
    title="SNOMED CT is of the last twelve months",
    quote="Code release used is not older than two UK releases.",
    expected="GET metadata?mode=terminology answers a TerminologyCapabilities whose SNOMED CT has a version "
    "http://snomed.info/sct/EDITION/version/YYYYMMDD within the last 12 months.",
    advice="Load the release from TRUD when it comes out, and let the capabilities be read from what is loaded.",
)
async def run(context: Context) -> Finding:
    answer = await context.fhir("GET", "metadata", params=[("mode", "terminology")])
    if answer.tree.get("resourceType") != "TerminologyCapabilities":
        return context.skipped(f"the service does not say which codes it uses ({answer})")
    try:
        releases = sorted(_releases(answer.tree))
    except ValueError:
        return context.failed("the version of SNOMED CT holds no day of the calendar", answer)
    if not releases:
        return context.skipped("the service names no release of SNOMED CT")
    today = context.now().date()
    if not today - _OLDEST <= releases[-1] <= today:
        return context.failed(f"the newest SNOMED CT here is of {releases[-1]}", answer)
    return context.passed(f"SNOMED CT of {releases[-1]}")
