"""The gates before a withdrawal: what holds them shut, and what an override can and cannot open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.standards.gates import PARTS, Facts, Override, Part, Site, reasons_to_stay

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DEPLOYED = frozenset({"A81001"})
SAME = Part(exported=7, imported=7, exported_sha256="a" * 64, imported_sha256="a" * 64)
LOST = Part(exported=7, imported=6, exported_sha256="a" * 64, imported_sha256="b" * 64)
SITE = Site(
    organisation="A81001",
    capabilities=("readings",),
    acknowledged=date(2027, 1, 4),
    replacements={"readings": "Other Band 2.0.0"},
    parts=dict.fromkeys(PARTS, SAME),
)
READY = Facts(sites=(SITE,), continuity_owner="the ICB's digital lead", hazard_signed_by="the CSO")
SIGNED = Override(
    first="one", second="two", reason="the supplier is insolvent", signed=NOW, until=NOW + timedelta(days=14)
)


@dataclass(frozen=True)
class Case:
    name: str
    facts: Facts
    first: str


def changed(of: Any, **more: Any) -> Any:
    return msgspec.structs.replace(of, **more)


def site(**more: Any) -> Facts:
    return changed(READY, sites=(changed(SITE, **more),))


SHUT = [
    Case("a site nobody mentions", changed(READY, sites=()), "W3: nothing is said about A81001"),
    Case("no acknowledgement", site(acknowledged=None), "W1: A81001 has not acknowledged"),
    Case("no replacement", site(replacements={}), "W2: A81001 has no rehearsed replacement for readings"),
    Case("a part left out", site(parts={"resources": SAME}), "W3: the attachments of A81001 are not"),
    Case("a record lost", site(parts={**SITE.parts, "audit": LOST}), "W3: the audit of A81001 differ: 7"),
    Case("nobody answers for it", changed(READY, continuity_owner=" "), "W4: nobody is named"),
    Case("no hazard sign-off", changed(READY, hazard_signed_by=""), "W4: the hazard assessment"),
    Case("winter", changed(READY, blackouts=((date(2027, 3, 1), date(2027, 3, 1)),)), "W5: 2027-03-01 lies"),
]


def test_the_gates_open_when_everyone_is_safe():
    assert reasons_to_stay(READY, deployed=DEPLOYED, now=NOW) == ()


@pytest.mark.parametrize("case", SHUT, ids=lambda case: case.name)
def test_each_gate_holds_by_itself(case):
    assert reasons_to_stay(case.facts, deployed=DEPLOYED, now=NOW)[0].startswith(case.first)


@pytest.mark.parametrize("case", SHUT, ids=lambda case: case.name)
def test_an_override_opens_every_gate_but_the_one_that_keeps_the_data(case):
    found = reasons_to_stay(changed(case.facts, override=SIGNED), deployed=DEPLOYED, now=NOW)
    assert bool(found) == case.first.startswith("W3")


@pytest.mark.parametrize(
    ("override", "why"),
    [
        (changed(SIGNED, second="one"), "two named people"),
        (changed(SIGNED, reason=""), "says why"),
        (changed(SIGNED, until=NOW + timedelta(days=14, seconds=1)), "14 days at most"),
        (changed(SIGNED, signed=NOW - timedelta(days=9), until=NOW - timedelta(days=1)), "not in force"),
    ],
)
def test_an_override_is_two_people_a_reason_and_two_weeks(override, why):
    [reason] = reasons_to_stay(changed(READY, override=override), deployed=DEPLOYED, now=NOW)
    assert why in reason


counts = st.integers(0, 3)
parts = st.builds(
    Part,
    exported=counts,
    imported=counts,
    exported_sha256=st.sampled_from(["a" * 64, "b" * 64, ""]),
    imported_sha256=st.sampled_from(["a" * 64, "b" * 64, ""]),
)
sites = st.builds(
    Site,
    organisation=st.sampled_from(["A81001", "B82002"]),
    capabilities=st.just(("readings",)),
    parts=st.dictionaries(st.sampled_from(PARTS), parts),
)


@given(st.lists(sites, max_size=3), st.sampled_from([None, SIGNED]))
def test_no_signature_lets_data_vanish(said, override):
    facts = changed(READY, sites=tuple(said), override=override)
    if not reasons_to_stay(facts, deployed=DEPLOYED, now=NOW):
        mentioned = [each for each in said if each.organisation in DEPLOYED]
        assert mentioned
        for each in said:
            assert set(each.parts) == set(PARTS)
            assert all(part.exported == part.imported for part in each.parts.values())
            assert all(part.exported_sha256 == part.imported_sha256 for part in each.parts.values())
