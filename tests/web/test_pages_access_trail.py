"""Who has looked, in words: how AuditEvents become the lines that a patient reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from carespine.security.actor import PATIENT_REQUEST, TREATMENT, Actor, system_job
from carespine.security.audit_event import Event, body
from carespine.web.pages.access_trail import as_lines

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GP = Actor("practitioner", "gp", "Dr Anna Hartley", "general practitioner", organisation="Y00001")
APP = Actor("app", "steady-band", "Steady Band", "client")
PATIENT = Actor("patient", "patient", "Mrs Helen Thackray", "patient", patient="p1")


def lines(*events):
    """The lines of (minutes after noon, event), which are given oldest first."""
    trees = [
        (NOON + timedelta(minutes=minutes), msgspec.json.decode(body(event, recorded=NOON)))
        for minutes, event in events
    ]
    return as_lines(reversed(trees))


def read(actor, what, subtype="read", **changes):
    return Event(actor, TREATMENT, "R", subtype, what=what, **changes)


def test_the_small_reads_of_one_visit_are_one_line_at_its_latest_time():
    (line,) = lines(
        (0, read(GP, "Patient/p1")), (0.4, read(GP, "Observation/1")), (0.8, read(GP, "Observation/2"))
    )
    assert line.at == NOON + timedelta(minutes=0.8)
    assert line.what == "Looked at: readings and test results; name, address and date of birth"
    assert (line.who, line.role, line.organisation, line.why) == (
        "Dr Anna Hartley",
        "GP",
        "Y00001",
        "Direct care",
    )


def test_a_later_visit_is_a_line_of_its_own():
    first, second = lines((0, read(GP, "Patient/p1")), (3, read(GP, "Patient/p1")))
    assert first.at > second.at


def test_visits_of_two_people_at_the_same_time_stay_apart():
    found = lines(
        (0, read(GP, "Patient/p1")), (0.4, read(APP, "Patient/p1")), (0.8, read(GP, "Observation/1"))
    )
    assert [line.who for line in found] == ["Dr Anna Hartley", "Steady Band"]


def test_what_was_refused_is_never_mixed_with_what_was_done():
    found = lines((0, read(APP, "Patient/p1")), (1, read(APP, "Patient/p1", outcome="4")))
    assert [(line.refused, line.what.split(":")[0]) for line in found] == [
        (True, "Tried to reach"),
        (False, "Looked at"),
    ]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event(GP, TREATMENT, "C", "create", what="Task/1"), "Added: entry in the practice's inbox"),
        (Event(GP, TREATMENT, "U", "update", what="Consent/1/_history/2"), "Changed: choices about sharing"),
        (Event(GP, TREATMENT, "D", "delete", what="Observation/1"), "Deleted: readings and test results"),
        (
            Event(GP, TREATMENT, "E", "search-type", what="Observation", query="x"),
            "Looked at: readings and test results",
        ),
        (
            Event(APP, TREATMENT, "C", "import-readings", what="DiagnosticReport/1"),
            "Sent: readings from devices",
        ),
        (
            Event(GP, TREATMENT, "R", "read-device-summary", what="Patient/p1"),
            "Looked at: summary of home readings",
        ),
        (Event(GP, TREATMENT, "R", "read", what="Flag/1"), "Looked at: part of the record (Flag)"),
        (Event(GP, TREATMENT, "R", "read", patient_id="p1"), "Looked at: record"),
    ],
)
def test_each_kind_of_action_has_its_words(event, words):
    (line,) = lines((0, event))
    assert line.what == words


def test_patients_find_themselves_as_you():
    (line,) = lines((0, Event(PATIENT, PATIENT_REQUEST, "R", "read", what="Patient/p1")))
    assert (line.who, line.role, line.why) == ("You (Mrs Helen Thackray)", "", "At your request")


def test_the_platform_itself_is_named():
    (line,) = lines((0, read(system_job("summarise"), "Observation/1")))
    assert line.role == "Carespine itself"
