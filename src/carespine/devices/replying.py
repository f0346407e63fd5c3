"""The write-back: a clinician answers the summary, in the record and to the patient, and accepts coded results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carespine.devices import codes
from carespine.devices.models import SummaryView
from carespine.devices.naming import result_id
from carespine.devices.quantities import Tree, concept, reference
from carespine.devices.words import signed
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from carespine.security import roles
from carespine.security.session import Session

REVIEWED = "Reviewed."
_MESSAGES = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What a clinician says to a summary: `note` for colleagues, `reply` to the patient, results to accept by key."""

    note: str = ""
    reply: str = ""
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A reply as the patient reads it."""

    text: str
    by: str
    at: datetime


async def answer_summary(session: Session, summary: SummaryView | None, answer: Answer) -> None:
    """Complete the practice's Task with what came of it: one transaction, all of it or nothing.

    An accepted result is written as a final Observation in the clinician's name, derived from the computed one,
    which stays; it keeps the label of data that a patient made. Raises NotFound, Conflict (answered before),
    Invalid (a result that is not ready), Forbidden (not for this role).
    """
    task = await task_of(session, summary)
    if task is None or summary is None:
        raise NotFound("There is no summary of this patient to review.")
    if task["status"] == "completed":
        raise Conflict("Somebody has already marked this summary as reviewed.")
    if (answer.reply or answer.accept) and not roles.allows(session.actor, "Communication", "c"):
        raise Forbidden("Only a clinician replies to a patient or accepts a result.")
    outputs: list[Tree] = []
    for name in _accepted(summary, answer.accept):
        written = await session.create(_final(await session.read("Observation", name), session))
        outputs.append(_output("Accepted result", "Observation", written["id"]))
    if answer.reply:
        sent = await session.create(_communication(summary, answer.reply, session))
        outputs.append(_output("Reply to the patient", "Communication", sent["id"]))
    now = fhir_instant(session.clock())
    note = {"authorReference": _signed(session), "time": now, "text": answer.note or REVIEWED}
    task |= {"status": "completed", "lastModified": now, "executionPeriod": {"end": now}}
    task["note"] = [*task.get("note", ()), note]
    if outputs:
        task["output"] = [*task.get("output", ()), *outputs]
    await session.update(task, if_match=int(task["meta"]["versionId"]))


async def task_of(session: Session, summary: SummaryView | None) -> Tree | None:
    """The practice's Task for the summary: one that waits for an answer before one that has it; None before any."""
    if summary is None or summary.task_id is None:
        return None
    try:
        task = await session.read("Task", summary.task_id)
    except (NotFound, Gone):
        return None
    if task["status"] != "completed":
        return task
    asked = [
        ("patient", summary.patient_id),
        ("focus", f"DiagnosticReport/{summary.report_id}"),
        ("_count", "50"),
    ]
    others = (await session.search("Task", asked)).entries
    waiting = [one for one in others if one["status"] == "requested"]
    return waiting[0] if waiting else max([task, *others], key=lambda one: str(one.get("lastModified", "")))


async def messages(session: Session, patient_id: str) -> tuple[Message, ...]:
    """What the practice replied to readings, the newest first."""
    category = f"{codes.REPLY.system}|{codes.REPLY.code}"
    asked = [("patient", patient_id), ("category", category), ("_sort", "-sent"), ("_count", str(_MESSAGES))]
    found = await session.search("Communication", asked)
    return tuple(
        Message(
            " ".join(part["contentString"] for part in tree.get("payload", ()) if "contentString" in part),
            tree.get("sender", {}).get("display", "Your practice"),
            datetime.fromisoformat(tree["sent"]),
        )
        for tree in found.entries
        if "sent" in tree
    )


def _accepted(summary: SummaryView, keys: Sequence[str]) -> list[str]:
    """The Observations of the results that were ticked."""
    chosen = []
    for key in keys:
        result = summary.result(key)
        if result is None or result.state != "ready" or result.observation_id is None:
            raise Invalid("A result that is not ready cannot be accepted into the record.")
        chosen += result_observations(summary, key)
    return chosen


def result_observations(summary: SummaryView, key: str) -> list[str]:
    """The Observations of all coded figures of a ready result."""
    result = summary.result(key)
    figures = () if result is None else result.figures
    return [
        result_id(summary.patient_id, summary.period, figure.key)
        for figure in figures
        if figure.value is not None
    ]


def _final(computed: Tree, session: Session) -> Tree:
    """The computed Observation as the clinician's own: final, in their name, with where it comes from."""
    kept = {
        name: value
        for name, value in computed.items()
        if name not in ("id", "meta", "status", "performer", "derivedFrom", "text")
    }
    labels = {
        name: computed["meta"][name] for name in ("tag", "security") if name in computed.get("meta", {})
    }
    note = {"text": f"Accepted into the record by {signed(session.actor)}."}
    return {
        **kept,
        **({"meta": labels} if labels else {}),
        "status": "final",
        "issued": fhir_instant(session.clock()),
        "performer": [computed["subject"], _signed(session)],
        "derivedFrom": [reference("Observation", computed["id"])],
        "note": [*computed.get("note", ()), note],
    }


def _communication(summary: SummaryView, text: str, session: Session) -> Tree:
    about = [] if summary.report_id is None else [reference("DiagnosticReport", summary.report_id)]
    return {
        "resourceType": "Communication",
        "status": "completed",
        "category": [concept("Reply to readings from home", codes.REPLY)],
        "subject": reference("Patient", summary.patient_id),
        "recipient": [reference("Patient", summary.patient_id)],
        "sender": _signed(session),
        "sent": fhir_instant(session.clock()),
        "payload": [{"contentString": text}],
        **({"about": about} if about else {}),
    }


def _output(what: str, resource_type: str, resource_id: str) -> Tree:
    return {"type": concept(what), "valueReference": reference(resource_type, resource_id)}


def _signed(session: Session) -> Tree:
    author = {"display": signed(session.actor)}
    return {**author, "reference": session.actor.reference} if session.actor.reference else author
