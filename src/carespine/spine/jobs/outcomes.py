"""How far a job is, in words, and what it made, as the manifest of the Bulk Data IG 2.0.0."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.kernel.clock import fhir_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carespine.storage.job_files import FileRow
    from carespine.storage.jobs import JobRow

ERRORS, DELETED = "errors", "deleted"


def progress(job: JobRow) -> str:
    """A few words for X-Progress."""
    if job.state == "waiting":
        return "waiting"
    done = job.progress.get("resources")
    if "total" in job.progress:
        return f"{done} of {job.progress['total']} resources"
    return f"{done} resources so far" if done is not None else "begun"


def manifest(job: JobRow, files: Sequence[FileRow], address: str, *, needs_token: bool) -> dict[str, Any]:
    """What a job that is complete made, with the addresses of its files."""
    if "inputs" in job.request:
        return _imported(job, files, address, needs_token=needs_token)
    moment = job.progress.get("moment")
    tree: dict[str, Any] = {
        "transactionTime": fhir_instant(datetime.fromisoformat(moment) if moment else job.created),
        "request": job.request["url"],
        "requiresAccessToken": needs_token,
        "output": [],
        "error": [],
    }
    for file in files:
        kind = file.name.partition(".")[0]
        entry: dict[str, Any] = {"type": kind, "url": f"{address}/{file.name}", "count": file.resources}
        if kind == ERRORS:
            tree["error"].append({**entry, "type": "OperationOutcome"})
        elif kind == DELETED:
            # A line is a Bundle of several; R4's count would be that of the lines.
            tree.setdefault("deleted", []).append({"type": "Bundle", "url": entry["url"]})
        else:
            tree["output"].append(entry)
    if job.request.get("since"):
        tree.setdefault("deleted", [])
    return tree


def _imported(job: JobRow, files: Sequence[FileRow], address: str, *, needs_token: bool) -> dict[str, Any]:
    """What an import did with each input: how many resources are there now, and the file with what was refused."""
    errors = {file.name.split(".")[1]: file for file in files if file.name.startswith(f"{ERRORS}.")}
    tree: dict[str, Any] = {
        "transactionTime": fhir_instant(job.created),
        "request": job.request["url"],
        "requiresAccessToken": needs_token,
        "output": [],
        "error": [],
    }
    for position, (given, count) in enumerate(
        zip(job.request["inputs"], job.progress["counts"], strict=True)
    ):
        source = {"inputUrl": given["url"]} if given.get("url") else {"input": given.get("name")}
        kind = {"type": given["type"]} if given.get("type") else {}
        stored = {"count": count["stored"] + count["unchanged"], "unchanged": count["unchanged"]}
        tree["output"].append({**kind, **source, **stored})
        if file := errors.get(f"{position:05}"):
            url = f"{address}/{file.name}"
            tree["error"].append({"type": "OperationOutcome", **source, "url": url, "count": file.resources})
    return tree


def summary(job: JobRow) -> dict[str, Any]:
    """What a job without files did: how many resources, of which types, and what is ready because of it."""
    done = job.progress
    parameters: list[dict[str, Any]] = [{"name": "resources", "valueInteger": done["resources"]}]
    parameters += [{"name": "type", "valueCode": name} for name in done["types"]]
    parameters += [{"name": "ready", "valueString": each["code"]} for each in done["parameters"]]
    return {"resourceType": "Parameters", "parameter": parameters}
