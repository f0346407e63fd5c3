"""Area gates of virtual services: no area opens without evidence, exceeds its cap or stays open unreviewed."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from register_stage import AUTHORITY, BEGIN, NURSE, Stage

from carespine.kernel.errors import Conflict, Forbidden
from carespine.security.clients import Client
from carespine.security.oauth.standing import demand_certificate
from carespine.security.token_error import TokenError
from carespine.standards import areas, gating, service
from carespine.standards.areas import Evidence, Gate, Said, Word
from carespine.web.wiring import Certificates

AREA, CAP = "E54000008", 3
TOLD = {name: f"the {name}" for name in areas.NAMES}
EVIDENCE = Evidence(**TOLD)
REVIEW = (BEGIN + timedelta(days=56)).date()
words = st.lists(
    st.builds(
        Word,
        st.sampled_from(Said),
        st.just(BEGIN),
        st.just("somebody"),
        st.just("why"),
        evidence=st.none()
        | st.builds(structs.replace, st.just(EVIDENCE), dcb0160=st.sampled_from(["", " ", "case 1"])),
        cap=st.none() | st.integers(-1, 3_000),
        review=st.none() | st.dates(date(2026, 10, 1), date(2027, 3, 1)),
        branch=st.none() | st.sampled_from(["", "A81002"]),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(words, st.integers(0, 3_000), st.integers(0, 150))
def test_nobody_registers_but_in_an_area_with_evidence_a_cap_and_a_review(log, registered, days):
    gate, taken = Gate(), []
    for word in log:
        if areas.why_not(gate, word) is None:
            gate, taken = areas.after(gate, word), [*taken, word]
    now = BEGIN + timedelta(days=days)
    if not areas.reasons_to_refuse(gate, registered=registered, now=now):
        assert not areas.missing(gate.evidence)
        assert taken[-1].said is not Said.SUBMIT
        assert registered < gate.cap
        assert now.date() <= gate.review
        assert registered < areas.BRANCH_ABOVE or gate.branch
    assert areas.replay(taken) == gate


@pytest.mark.parametrize(
    ("registered", "home", "branch", "refused"),
    [(999, False, None, False), (1_000, False, None, True), (1_000, False, "A81002", False), (1_000, True, None, False),
     (1_999, True, None, False), (2_000, True, None, True)],
)  # fmt: skip
def test_the_thousandth_patient_of_another_area_needs_a_branch(registered, home, branch, refused):
    evidence = Evidence(**TOLD, is_home=home)
    gate = Gate(evidence=evidence, is_open=True, cap=2_000, review=REVIEW, branch=branch)
    assert bool(areas.reasons_to_refuse(gate, registered=registered, now=BEGIN)) == refused


@pytest.fixture
async def stage(database) -> Stage:
    return Stage(database)


def decision(stage: Stage, said: Said, **more: object) -> Word:
    return Word(said, stage.clock(), AUTHORITY.name, "it was looked at", **more)


async def test_a_virtual_service_is_shut_out_until_an_area_accepts_it(stage):
    clinic = await stage.product("Far Clinic", profile="virtual-clinic")
    base = f"/standards/applications/{clinic}/areas/{AREA}"

    async def standing():
        async with stage.database.connection() as connection:
            return await service.standing(connection, "far-clinic", now=stage.clock())

    async def shown() -> list[str]:
        return [each["product"] for each in (await stage.get(f"/standards/areas/{AREA}"))["services"]]

    assert (await standing()).allowed is False
    assert "open in no area" in (await standing()).reason
    with pytest.raises(Conflict, match="G1: Far Clinic is not open in"):
        await stage.standards.deploy(AUTHORITY, clinic, organisation="A81001", area=AREA)
    accept = {"cap": CAP, "review": REVIEW}
    with pytest.raises(Conflict, match="no evidence"):
        await gating.say(stage.standards, AUTHORITY, clinic, AREA, decision(stage, Said.ACCEPT, **accept))
    for part in areas.NAMES:
        lacking = await stage.post(f"{base}/evidence", {**TOLD, part: " "})
        assert (lacking.status_code, part in lacking.text) == (409, True)
    assert (await stage.post(f"{base}/evidence", TOLD, token="another")).status_code == 403
    assert (await stage.post(f"{base}/evidence", {**TOLD, "more": 1})).status_code == 400
    assert (await stage.post(f"{base}/evidence", TOLD)).json()["open"] is False
    assert await shown() == []
    with pytest.raises(Forbidden):
        await gating.say(stage.standards, NURSE, clinic, AREA, decision(stage, Said.ACCEPT, **accept))
    await gating.say(stage.standards, AUTHORITY, clinic, AREA, decision(stage, Said.ACCEPT, **accept))
    assert (await standing()).allowed
    assert await shown() == ["Far Clinic"]
    await stage.standards.deploy(AUTHORITY, clinic, organisation="A81001", area=AREA)
    with pytest.raises(Conflict, match="G1"):
        await stage.standards.deploy(AUTHORITY, clinic, organisation="A81001", area="E54000009")

    stage.clock.forward(days=57)
    assert await shown() == []
    assert ((await standing()).allowed, (await standing()).reach) == (True, "export")
    (told,) = (await stage.get(f"/standards/register/{clinic}/areas"))["areas"]
    assert told["reasons"] == [f"G2: the area was to be reviewed by {REVIEW}"]


async def test_the_cap_is_exact_under_a_race(stage):
    clinic = await stage.product("Far Clinic", profile="virtual-clinic")
    base = f"/standards/applications/{clinic}/areas/{AREA}"
    await stage.post(f"{base}/evidence", TOLD)
    accept = decision(stage, Said.ACCEPT, cap=CAP, review=REVIEW)
    await gating.say(stage.standards, AUTHORITY, clinic, AREA, accept)
    tries = [stage.post(f"{base}/registrations", {"registration": f"r{n}"}) for n in range(8)]
    answers = sorted(each.status_code for each in await asyncio.gather(*tries))
    assert answers == [201] * CAP + [409] * (8 - CAP)
    async with stage.database.connection() as connection:
        held = await connection.fetch("select digest from standards_area_registration where until is null")
    again = [n for n in range(8) if gating._digest(clinic, f"r{n}") in {row["digest"] for row in held}]
    assert (await stage.post(f"{base}/registrations", {"registration": f"r{again[0]}"})).json()[
        "registered"
    ] == CAP
    assert (await stage.post(f"{base}/registrations/end", {"registration": f"r{again[0]}"})).json()[
        "registered"
    ] == 2
    assert (
        await stage.post(f"{base}/registrations/end", {"registration": f"r{again[0]}"})
    ).status_code == 404
    assert (await stage.post(f"{base}/registrations", {"registration": "r9"})).status_code == 201
    assert (await stage.post(f"{base}/registrations", {"registration": " "})).status_code == 400
    lifted = decision(stage, Said.CAP, cap=4, review=REVIEW)
    await gating.say(stage.standards, AUTHORITY, clinic, AREA, lifted)
    assert (await stage.post(f"{base}/registrations", {"registration": "r10"})).status_code == 201


async def test_other_products_have_no_areas(stage):
    band = await stage.product()
    refused = await stage.post(f"/standards/applications/{band}/areas/{AREA}/evidence", TOLD)
    assert (refused.status_code, "no virtual service" in refused.text) == (409, True)


async def test_the_token_endpoint_refuses_a_clinic_that_no_area_accepted(stage):
    await stage.product("Far Clinic", profile="virtual-clinic")
    client = Client("far-clinic", "Far Clinic", None, {"keys": []}, frozenset(), certified=True, enabled=True)
    async with stage.database.connection() as connection:
        with pytest.raises(TokenError, match="open in no area"):
            await demand_certificate(Certificates(stage.clock), connection, client)
