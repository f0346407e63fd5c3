"""BK-07: for every registered patient and programme one organisation calls to screening, before and after a move."""

from __future__ import annotations

from collections import Counter
from typing import Any

from carespine.standards.engine import episodes
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

FEED = "/.well-known/screening.json"


async def _calling(
    context: Context, registrar: Identity, patient: str
) -> tuple[Counter[str], set[str], Answer]:
    """By programme how many organisations call the patient, and which organisations."""
    params = [("patient", patient), ("type", episodes.SCREENING), ("status", "active")]
    answer = await context.fhir("GET", "EpisodeOfCare", identity=registrar, params=params)
    found = [each for each in answer.resources if each.get("status") == "active"]
    programmes = Counter(code for each in found for code in _codes(each) if code != episodes.SCREENING)
    return programmes, {_site(each) for each in found}, answer


def _codes(episode: dict[str, Any]) -> set[str]:
    return {str(coding.get("code")) for each in episode.get("type", []) for coding in each.get("coding", [])}


def _site(episode: dict[str, Any]) -> str:
    return str(((episode.get("managingOrganization") or {}).get("identifier") or {}).get("value"))


async def _held(
    context: Context, registrar: Identity, patient: str, programmes: set[str], *, site: str, when: str
) -> list[Fault]:
    calling, sites, answer = await _calling(context, registrar, patient)
    wrong = [name for name in sorted(programmes | set(calling)) if calling[name] != 1]
    faults = [fault(f"{when}, {calling[name]} organisations call to {name}", answer) for name in wrong]
    if not wrong and sites != {site}:
        faults.append(fault(f"{when}, {', '.join(sorted(sites))} calls, not {site}", answer))
    return faults


@check(
    "BK-07",
    "screening",
    title="Screening follows the patient from site to site",
    quote="Screening continuity.",
    expected="A patient who registers, and then moves to another site, has for each programme that "
    "/.well-known/screening.json names exactly one active EpisodeOfCare of the type screening, at the site where "
    "they are; the reconciliation published there counts no orphan and none twice.",
    advice="Change registration and screening in one transaction, and reconcile the two every night.",
    needs=(one_identity, configured("gates"), configured("registrar")),
)
async def run(context: Context) -> Finding:
    gates = context.config.gates
    assert gates is not None  # noqa: S101 - `needs` has seen to it
    registrar = context.config.identity(context.config.registrar or "") or context.first
    feed = await context.call("GET", FEED)
    programmes = set(feed.tree.get("programmes") or [])
    if not programmes:
        return context.failed(f"{FEED} names no screening programme", feed)
    patient = await episodes.newcomer(context, registrar)
    registered = await episodes.register(context, registrar, patient, gates.other_site)
    if not registered.ok:
        return context.failed(f"a patient was not registered: {registered}", registered)
    faults = await _held(
        context, registrar, patient, programmes, site=gates.other_site, when="after registering"
    )
    elsewhere = episodes.registration(patient, gates.capped_site)["managingOrganization"]
    moved = await episodes.change(context, registrar, registered.tree, managingOrganization=elsewhere)
    if not moved.ok:
        faults.append(fault("the registration was not moved", moved))
    faults += await _held(
        context, registrar, patient, programmes, site=gates.capped_site, when="after the move"
    )
    feed = await context.call("GET", FEED)
    if feed.tree.get("orphans") != 0 or feed.tree.get("doubled") != 0:
        faults.append(fault("the reconciliation counts patients without exactly one caller", feed))
    if moved.ok:
        await episodes.change(context, registrar, moved.tree, status="finished")
    return context.judge(
        faults, tried=2 * len(programmes) + 2, came="one organisation calls, before and after"
    )
