"""A FHIR submission of readings (HL7 CGM guide, Physical Activity guide): entries in, one answer for each out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from carespine.devices import codes, live, reasons
from carespine.devices.adapters.contract import Manifest
from carespine.devices.adapters.fhir_observations import observation
from carespine.devices.adapters.fhir_observations.adapter import names
from carespine.devices.adapters.kit.clock import Clock
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.importing import patient_with
from carespine.devices.metrics import metric
from carespine.devices.naming import day_id, stable_id
from carespine.devices.quantities import Tree
from carespine.devices.samples import DAY_MS, MINUTE_MS
from carespine.devices.samples_in import Group, Parsed, Parser
from carespine.fhir import codec
from carespine.kernel import nhs_number
from carespine.kernel.errors import CarespineError, Forbidden, Invalid, TooLarge
from carespine.security.session import Session

# Ours: as many readings as one live batch may have.
MOST_ENTRIES = 10_000
_LONGEST_KEY = 200
_MANIFEST = Manifest("fhir-submission", "FHIR submission", "FHIR", (), {})
# Resources that say whose and by what: they are read, not stored.
_BESIDE = frozenset({"Device", "Organization", "Patient", "Practitioner"})
# CGM guide 1.0.0: summary panels, their numbers and reports. Physical Activity guide 1.0.1: days a week and minutes a
# day that a person states. They are no readings: they go into the record as they were sent.
_AS_SENT = frozenset(
    {
        "107931-8", "106793-3", "105273-7", "97507-8", "97506-0", "97510-2", "104642-4", "104641-6", "104640-8",
        "104639-0", "104638-2", "104636-6", "104637-4", "89555-7", "68516-4", "82290-8",
    }
)  # fmt: skip
_STATUS = {"stored": "201 Created", "duplicate": "200 OK"}


@dataclass(slots=True)
class _Entry:
    """What becomes of one entry: its readings' places in the batch, or what to answer at once."""

    places: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    response: Tree | None = None
    location: str | None = None


async def take(session: Session, bundle: Tree, *, raw: bytes, base: str, key: str | None) -> Tree:
    """Store the readings of a Bundle as a live batch of its patient; the answer has an entry for each entry, in order.

    What cannot be taken is told at its entry, and the rest is taken. The same bytes again (or the same
    Idempotency-Key) change nothing. Raises Invalid (no entry, several patients or none, too large a key),
    TooLarge, Forbidden, NotFound.
    """
    resources = _resources(bundle)
    if len(resources) > MOST_ENTRIES:
        raise TooLarge(f"A submission has at most {MOST_ENTRIES} entries; send several.")
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise Invalid(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.")
    patient_id = await _patient(session, bundle["entry"])
    digest = hashlib.sha256(raw).digest()
    # The tree keeps the digits of numbers as they were written; readings are plain numbers.
    read = _Reading(session, patient_id, msgspec.json.decode(raw)["entry"])
    answer = await live.take_rows(
        session,
        patient_id=patient_id,
        parse=read.parse,
        client=session.actor.id,
        idempotency_key=key or f"sha256:{digest.hex()}",
        sha256=digest,
    )
    if answer["replayed"]:
        read.parse()
    for place, resource in enumerate(resources):
        if _is_as_sent(resource):
            read.entries[place].response = await _write(session, patient_id, resource, base)
    responses = [_response(entry, answer["outcomes"], base) for entry in read.entries]
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": response} for response in responses],
    }


def _resources(bundle: Tree) -> list[Tree]:
    entries = bundle.get("entry")
    given = (
        [entry.get("resource") for entry in entries if isinstance(entry, dict)]
        if isinstance(entries, list)
        else []
    )
    found = [one for one in given if isinstance(one, dict) and isinstance(one.get("resourceType"), str)]
    if not found or len(found) != len(bundle["entry"]):
        raise Invalid("A submission has entries, each with a resource.", expression="Bundle.entry")
    return found


class _Reading:
    """Reads the entries once, into rows of a batch."""

    def __init__(self, session: Session, patient_id: str, entries: Sequence[Tree]) -> None:
        self._session, self._patient_id = session, patient_id
        self._given = entries
        self.entries: list[_Entry] = []

    def parse(self) -> tuple[Parsed, int, int]:
        """The rows, how many readings there are, and by how much a clock was corrected (never here)."""
        now = self._session.clock()
        collector = Collector(_MANIFEST, now=now, clock=Clock(None))
        resources = [{"_fullUrl": given.get("fullUrl"), **given["resource"]} for given in self._given]
        devices = {name: resource for resource in resources for name in names(resource)}
        found, count, self.entries = Parsed(), 0, []
        for resource in resources:
            entry = _Entry()
            self.entries.append(entry)
            if resource.get("resourceType") in _BESIDE:
                entry.response = _told(
                    "200 OK", "Read for what it says of the readings; not stored by itself."
                )
            elif not _is_as_sent(resource):
                count = self._read(resource, devices, collector, found, entry, count)
        Parser(now=now, sent=None).check(found)
        return found, count, 0

    def _read(
        self,
        resource: Tree,
        devices: Mapping[str, Tree],
        collector: Collector,
        found: Parsed,
        entry: _Entry,
        count: int,
    ) -> int:
        with collector.record():
            observation.take(resource, devices, collector)
        rows, refused = collector.taken()
        entry.refused.update(refused)
        for (key, source), some in rows.items():
            group: Group = key, source
            for row in some:
                found.rows.setdefault(group, []).append(row)
                found.places.setdefault(group, []).append(count)
                entry.places.append(count)
                count += 1
            if metric(key).dense:
                day = (some[0][0] + some[0][2] * MINUTE_MS) // DAY_MS
                entry.location = f"Observation/{day_id(self._patient_id, key, day)}"
        return count


async def _patient(session: Session, entries: Sequence[Tree]) -> str:
    """The one patient whom all entries are about, named by reference or by NHS number."""
    inside = {
        str(entry.get("fullUrl")): entry["resource"]
        for entry in entries
        if entry["resource"].get("resourceType") == "Patient"
    }
    named = {_subject(entry["resource"], inside) for entry in entries} - {None}
    if len(named) != 1 or "?" in named:
        raise Invalid(
            "All entries of a submission are about one patient: name them in `subject`, by Patient/id or by an "
            "identifier with the NHS number.",
            expression="Bundle.entry.resource.subject",
        )
    (found,) = named
    if found is not None and found.startswith("nhs:"):
        return await patient_with(session, found.removeprefix("nhs:"))
    return str(found)


def _subject(resource: Tree, inside: Mapping[str, Tree]) -> str | None:
    """A patient's id, `nhs:` with a number, or None where a resource names nobody."""
    subject = resource.get("subject") or {}
    text = str(subject.get("reference", ""))
    about = inside.get(text)
    identifiers = [subject["identifier"]] if "identifier" in subject else []
    if about is not None:
        identifiers += about.get("identifier", [])
    for identifier in identifiers:
        if identifier.get("system") == nhs_number.SYSTEM and nhs_number.is_valid(
            str(identifier.get("value"))
        ):
            return f"nhs:{identifier['value']}"
    if text.startswith("Patient/") and text.count("/") == 1:
        return text.removeprefix("Patient/")
    return "?" if resource.get("resourceType") == "Observation" and not text else (text or None)


def _is_as_sent(resource: Tree) -> bool:
    if resource.get("resourceType") == "DiagnosticReport":
        return True
    coded = (resource.get("code") or {}).get("coding") or []
    return any(one.get("system") == codes.LOINC and one.get("code") in _AS_SENT for one in coded)


async def _write(session: Session, patient_id: str, resource: Tree, base: str) -> Tree:
    """A summary into the record, labelled as patient-generated, under an id made from what it says."""
    content = {name: value for name, value in resource.items() if name not in ("id", "meta", "text")}
    name = stable_id(
        "submitted", patient_id, session.actor.id, hashlib.sha256(codec.encode(content)).hexdigest()
    )
    label = {"system": codes.PATIENT_GENERATED.system, "code": codes.PATIENT_GENERATED.code}
    tree = {
        **content,
        "id": name,
        "subject": {"reference": f"Patient/{patient_id}"},
        "meta": {"tag": [label]},
    }
    try:
        codec.check(tree)
        await session.update(tree)
    except Forbidden:
        return _told(
            "403 Forbidden", f"This app may not write a {tree['resourceType']}.", "forbidden", "error"
        )
    except CarespineError as error:
        if error.status >= 500:
            raise
        return _told(f"{error.status} Refused", error.message, "invalid", "error")
    return {"status": "201 Created", "location": f"{base}/{tree['resourceType']}/{name}"}


def _response(entry: _Entry, outcomes: Sequence[Mapping[str, Any]], base: str) -> Tree:
    if entry.response is not None:
        return entry.response
    found = Counter[str](outcomes[place]["status"] for place in entry.places)
    refused = entry.refused + Counter[str](
        outcomes[place]["reason"] for place in entry.places if outcomes[place]["status"] == "rejected"
    )
    issues = [
        {
            "severity": "error" if not (found["stored"] or found["duplicate"]) else "warning",
            "code": "forbidden" if one.code == reasons.NO_CONSENT else "invalid",
            "details": {"coding": [{"system": codes.LOCAL_REASON, "code": one.code}]},
            "diagnostics": one.sentence,
        }
        for one in reasons.as_reasons(refused)
    ]
    status = _STATUS["stored"] if found["stored"] else _STATUS["duplicate"]
    if not (found["stored"] or found["duplicate"]):
        status = "403 Forbidden" if refused[reasons.NO_CONSENT] else "422 Unprocessable Entity"
    response: Tree = {"status": status}
    if entry.location is not None and (found["stored"] or found["duplicate"]):
        response["location"] = f"{base}/{entry.location}"
    if issues:
        response["outcome"] = {"resourceType": "OperationOutcome", "issue": issues}
    return response


def _told(status: str, text: str, code: str = "informational", severity: str = "information") -> Tree:
    issue = {"severity": severity, "code": code, "diagnostics": text}
    return {"status": status, "outcome": {"resourceType": "OperationOutcome", "issue": [issue]}}
