"""The evidence cannot be changed, shortened, lengthened or reordered without it showing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from carespine.standards.engine import masking
from carespine.standards.engine.evidence import EvidenceLog, verify


def a_log(count: int = 5) -> EvidenceLog:
    log = EvidenceLog()
    for number in range(count):
        log.append("exchange", {"check": "x", "value": number, "text": "\u0041\u00e9"})
    return log


def test_an_untouched_log_is_whole():
    log = a_log()

    found = verify(log.text().splitlines(), head=log.head)

    assert (found.ok, found.records, found.head) == (True, 5, log.head)


@given(st.integers(0, 4), st.sampled_from(["change", "remove", "double", "swap", "garble"]))
def test_every_touched_log_is_found_out(place, how):
    log = a_log()
    lines = list(log.lines)
    if how == "change":
        lines[place] = json.dumps({**json.loads(lines[place]), "value": 99})
    elif how == "remove":
        del lines[place]
    elif how == "double":
        lines.insert(place, lines[place])
    elif how == "swap":
        lines[place], lines[place - 1] = lines[place - 1], lines[place]
    else:
        lines[place] = lines[place][:-2]

    assert not verify(lines, head=log.head).ok


def test_a_log_written_anew_is_found_out_by_the_head_in_the_certificate():
    honest, forged = a_log(), EvidenceLog()
    for number in range(5):
        forged.append("exchange", {"check": "x", "value": number * 2})

    assert verify(forged.lines).ok
    assert (
        verify(forged.lines, head=honest.head).fault
        == "the log does not end where the certificate says it does"
    )


def test_tokens_and_keys_are_masked_and_the_claims_of_an_assertion_stay():
    masker = masking.Masker(["private-part"])

    shown = masker.text(
        '{"access_token": "abcdefgh", "d": "secret"} private-part eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJhIn0.c2ln'
    )

    for secret in ("abcdefgh", "secret", "private-part", "c2ln"):
        assert secret not in shown
    assert "eyJpc3MiOiJhIn0" in shown
    assert masker.headers({"Authorization": "Bearer abc"})["Authorization"] == masking.mark("Bearer abc")


def test_a_token_that_was_given_is_masked_wherever_it_turns_up():
    masker = masking.Masker()
    masker.learn('{"access_token": "abcdefgh"}')

    assert "abcdefgh" not in masker.text("https://app.example/fhir/Patient/1?access_token=abcdefgh")
