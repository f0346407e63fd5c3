"""What a patient shares becomes a Consent that is valid R4 and means what was ticked."""

from __future__ import annotations

from datetime import UTC, datetime

from carespine.devices.metrics import data_classes
from carespine.fhir import codec
from carespine.security import consent
from carespine.web.pages.sharing_choices import CLASSES, consent_tree

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_consent_is_valid_and_permits_exactly_what_was_ticked():
    tree = consent_tree(
        "p1", client_id="steady-band", name="Steady Band", data_classes=("sleep", "activity"), now=NOW
    )
    codec.check(tree)
    rules = consent.rules(tree)
    assert {(rule.recipient, rule.data_class, rule.permit) for rule in rules} == {
        ("steady-band", "sleep", True),
        ("steady-band", "activity", True),
    }
    assert {rule.starts for rule in rules} == {NOW}


def test_every_data_class_of_the_metrics_can_be_chosen_and_no_other():
    assert {choice.value for choice in CLASSES} == set(data_classes())
