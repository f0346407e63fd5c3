"""The readings behind a number: the very Observations that it was worked out from, in words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from carespine.devices.models import Result, SummaryView
from carespine.kernel.errors import NotFound
from carespine.security.session import Session
from carespine.web.pages import formats
from carespine.web.pages.views import MetricLink, PatientBanner, Reading, Readings

PAGE_SIZE = 50
NOT_COUNTED = "Not used in the average."
# How many Observations one search may name.
_AT_ONCE = 500
_ONLY_A_DATE = len("2026-11-20")


async def readings_page(
    session: Session, patient: PatientBanner, summary: SummaryView | None, *, metric: str, page: int
) -> Readings:
    """One page of the readings behind the result `metric`, newest first. Raises NotFound for an unknown one."""
    shown = (
        [result for result in summary.results if result.state in ("ready", "not-enough")] if summary else []
    )
    result = next((each for each in shown if each.key == metric), None)
    if result is None:
        raise NotFound("There are no readings of this kind.")
    rows = sorted(await _observations(session, result), key=_start, reverse=True)
    others = frozenset(result.provenance.other_ids if result.state == "ready" else ())
    wanted = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return Readings(
        patient,
        MetricLink(result.key, result.title),
        tuple(MetricLink(each.key, each.title) for each in shown),
        tuple(_reading(tree, counts=tree["id"] not in others) for tree in wanted),
        len(rows),
        page,
        max(1, -(-len(rows) // PAGE_SIZE)),
        counted=sum(tree["id"] not in others for tree in rows) if others else None,
    )


async def _observations(session: Session, result: Result) -> list[dict[str, Any]]:
    ids = result.provenance.observation_ids + result.provenance.other_ids
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), _AT_ONCE):
        named = ",".join(ids[start : start + _AT_ONCE])
        found += (await session.search("Observation", [("_id", named), ("_count", str(_AT_ONCE))])).entries
    return found


def _start(tree: dict[str, Any]) -> datetime:
    text = tree.get("effectiveDateTime") or tree.get("effectivePeriod", {}).get("start", "")
    return datetime.fromisoformat(text).astimezone()


def _reading(tree: dict[str, Any], *, counts: bool) -> Reading:
    notes = [note["text"] for note in tree.get("note", ())]
    return Reading(
        observation_id=tree["id"],
        when=_when(tree),
        value=_value(tree),
        source=tree.get("device", {}).get("display", "not known"),
        note=" ".join(notes if counts else [*notes, NOT_COUNTED]),
    )


def _when(tree: dict[str, Any]) -> str:
    """The moment by the clock on the wall where it was taken, or the day that the value stands for."""
    text = tree.get("effectiveDateTime", "")
    if not text:
        end = tree["effectivePeriod"].get("end") or tree["effectivePeriod"]["start"]
        return formats.day(date.fromisoformat(end[:_ONLY_A_DATE]))
    local = datetime.fromisoformat(text)
    return f"{formats.day(local.date())} at {formats.wall_clock(local)}"


def _value(tree: dict[str, Any]) -> str:
    if "valueQuantity" in tree:
        return _quantity(tree["valueQuantity"])
    parts = [part["valueQuantity"] for part in tree.get("component", ()) if "valueQuantity" in part]
    if not parts:
        return "no value"
    return "/".join(formats.tidy_number(float(part["value"])) for part in parts) + f" {parts[0]['unit']}"


def _quantity(quantity: dict[str, Any]) -> str:
    value = float(quantity["value"])
    if quantity.get("code") == "min" and value >= 60:
        return f"{round(value) // 60} h {round(value) % 60:02d} min"
    return f"{formats.tidy_number(value)} {quantity.get('unit', '')}".strip()
