"""TR-04: what is written with a zone and a length comes back with them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from carespine.kernel.clock import LONDON
from carespine.standards.engine import readings
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# Offsets a traveller's watch may have, in minutes; +60 is also British Summer Time.
_OFFSETS = (0, 60, 120, -300, -210, 330, 345, 765)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,;:'\"<>&é°µ–œŵ"
# minimum-standards, TR-04: round trips of 100 and 500 characters.
_LENGTHS = (100, 500)


def moments(context: Context) -> list[str]:
    """Instants to the second: every offset, and both sides of the two clock changes in England."""
    year = context.now().year - 1
    at = [readings.instant(context).astimezone(timezone(timedelta(minutes=each))) for each in _OFFSETS]
    summer = datetime(
        year, 7, context.random.randint(1, 28), 23, 30, context.random.randint(0, 59), tzinfo=LONDON
    )
    october = next(day for day in range(31, 24, -1) if datetime(year, 10, day).weekday() == 6)  # noqa: DTZ001
    minute, second = context.random.randint(0, 59), context.random.randint(0, 59)
    twice = [datetime(year, 10, october, 1, minute, second, tzinfo=LONDON, fold=fold) for fold in (0, 1)]
    return [each.isoformat() for each in (*at, summer, *twice)]


def texts(context: Context) -> list[str]:
    """Texts of the two lengths, with the characters that careless escaping breaks; no spaces at the ends."""
    return ["".join(context.random.choices(_ALPHABET, k=length - 2)).join("[]") for length in _LENGTHS]


def _difference(sent: dict[str, Any], got: dict[str, Any]) -> str | None:
    """What came back other than it was sent, or None. An instant may be spelt otherwise, not moved or
    re-zoned.
    """
    try:
        before, after = (datetime.fromisoformat(str(each["effectiveDateTime"])) for each in (sent, got))
    except (KeyError, ValueError):
        return f"the time {sent['effectiveDateTime']} came back as {got.get('effectiveDateTime')!r}"
    if after.utcoffset() != before.utcoffset() or after != before:
        return f"the time {sent['effectiveDateTime']} came back as {got['effectiveDateTime']}"
    if "note" in sent and [each.get("text") for each in got.get("note", [])] != [sent["note"][0]["text"]]:
        return f"a note of {len(sent['note'][0]['text'])} characters came back changed"
    return None


@check(
    "TR-04",
    "time-and-text",
    title="Times keep their zone and second, notes their every character",
    quote="Dates with zone, to the second; no truncation of text.",
    expected="Observations created with offsets from -05:00 to +12:45, in British Summer Time and in "
    "both of the hours that repeat in October, with notes of 100 and 500 characters, are read "
    "back with the same time, the same offset and the same text.",
    advice="Store effectiveDateTime as it was sent, offset included; never convert it to UTC or to "
    "local time.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    notes = texts(context)
    # A device of this run's own: a service that sets repeated readings aside must not take these for an
    # earlier run's, whose notes were others.
    device = {"display": f"Check band {context.random.randbytes(6).hex()}"}
    faults: list[Fault] = []
    times = moments(context)
    for place, effective in enumerate(times):
        sent = readings.reading(
            context,
            context.first.patient_id,
            effective=effective,
            note=[{"text": notes[place % len(notes)]}],
            device=device,
        )
        created = await context.fhir("POST", "Observation", identity=context.first, json=sent)
        if not created.ok:
            faults.append(fault(f"a reading at {effective} was not taken", created))
            continue
        name = (
            created.tree.get("id")
            or created.header("location").rpartition("Observation/")[2].partition("/")[0]
        )
        answer = await context.fhir("GET", f"Observation/{name}", identity=context.first)
        difference = _difference(sent, answer.tree) if answer.ok else "the reading could not be read back"
        if difference:
            faults.append(fault(difference, answer))
    return context.judge(faults, tried=len(times), came=f"{len(times)} readings came back as they were sent")
