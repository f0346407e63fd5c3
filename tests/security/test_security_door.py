"""The door: why an organisation sees a patient, what labels and refusals hide, emergencies, carers, whereabouts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from access_people import (
    ANN,
    BAND,
    GP,
    NURSE,
    OAK_GP,
    ODS,
    PEOPLE,
    RECEPTIONIST,
    classes,
    consent,
    observation,
    permit,
    person,
)
from api import SYSTEM, FakeClock, Reply, Server, ids, serving

from carespine.kernel.errors import Forbidden, Invalid, NotFound
from carespine.security import accounts, emergency, proxies
from carespine.security.accounts import Account
from carespine.security.actor import EMERGENCY, TREATMENT, Actor
from carespine.security.proxies import Proxy

Tree = dict[str, Any]
ACT, CONFIDENTIALITY = (
    f"http://terminology.hl7.org/CodeSystem/v3-{name}" for name in ("ActCode", "Confidentiality")
)
OAK = {"reference": "Organization/oak"}
OAK_AS_RECIPIENT = {"role": {"text": "recipient"}, "reference": OAK}
SINCE_2020 = {"period": {"start": "2020"}}
ANN_REF = {"reference": "Patient/ann"}
SECRETS = ("Hidden Lane", "07700900123", "Organization/elm")


def labelled(tree: Tree, code: str, system: str = CONFIDENTIALITY) -> Tree:
    return {**tree, "meta": {"security": [{"system": system, "code": code}]}}


HIDDEN = {
    **labelled(person("dee", "elm"), "R"),
    "address": [{"line": ["1 Hidden Lane"], "city": "Hidden Lane", "postalCode": "HL1 1HL"}],
    "telecom": [{"system": "phone", "value": "07700900123"}],
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Hidden Lane</div>'},
    "contact": [{"name": {"family": "Hidden Lane"}}],
}


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, clock=FakeClock()) as running:
        await running.put(*PEOPLE)
        yield running


def found(reply: Reply) -> list[str]:
    return sorted(ids(reply.tree, None)) if reply.status == 200 else [f"-{reply.status}"]


REASONS: dict[str, Tree] = {
    "referral": {
        "resourceType": "ServiceRequest", "id": "why", "status": "active", "intent": "order", "subject": ANN_REF,
        "performer": [OAK],
    },
    "referral by ODS code": {
        "resourceType": "ServiceRequest", "id": "why", "status": "active", "intent": "order", "subject": ANN_REF,
        "performer": [{"identifier": {"system": ODS, "value": "B20002"}}],
    },
    "episode": {
        "resourceType": "EpisodeOfCare", "id": "why", "status": "active", "patient": ANN_REF,
        "managingOrganization": OAK, "period": {"start": "2026-01-01"},
    },
    "appointment at a place of the organisation": {
        "resourceType": "Appointment", "id": "why", "status": "booked", "start": "2026-11-01T09:00:00Z",
        "end": "2026-11-01T09:10:00Z",
        "participant": [
            {"actor": ANN_REF, "status": "accepted"},
            {"actor": {"reference": "Location/room"}, "status": "accepted"},
        ],
    },
    "consent of the patient": consent("why", "ann", {"type": "permit", "actor": [OAK_AS_RECIPIENT]}),
}  # fmt: skip
NO_REASONS: dict[str, Tree] = {
    "a completed referral": {**REASONS["referral"], "status": "completed"},
    "a draft": {**REASONS["referral"], "status": "draft"},
    "a finished episode": {**REASONS["episode"], "status": "finished"},
    "an episode that is over": {**REASONS["episode"], "period": {"start": "2025-01-01", "end": "2025-12-31"}},
    "an episode to come": {**REASONS["episode"], "period": {"start": "2027-01-01"}},
    "a cancelled appointment": {
        **REASONS["appointment at a place of the organisation"],
        "status": "cancelled",
    },
    "an appointment long ago": {
        **REASONS["appointment at a place of the organisation"],
        "start": "2026-01-01T09:00:00Z",
        "end": "2026-01-01T09:10:00Z",
    },
    "a consent that is not active": {**REASONS["consent of the patient"], "status": "inactive"},
}
ROOM = {"resourceType": "Location", "id": "room", "managingOrganization": OAK}


async def test_another_organisation_sees_a_patient_for_a_reason_and_no_longer(server: Server) -> None:
    for name, reason in REASONS.items():
        assert (await server.ask(OAK_GP, "GET", "Patient/ann")).status == 404, name
        await server.put(ROOM, reason)
        assert (await server.ask(OAK_GP, "GET", "Patient/ann")).status == 200, name
        assert "ann-bp" in found(await server.ask(OAK_GP, "GET", "Observation")), name
        assert (await server.ask(OAK_GP, "GET", "Observation/cy-bp")).status == 404, name
        async with server.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
            await session.delete(reason["resourceType"], "why")
    assert (await server.ask(OAK_GP, "GET", "Patient/ann")).status == 404


async def test_what_is_not_under_way_is_no_reason(server: Server) -> None:
    for name, reason in NO_REASONS.items():
        await server.put(ROOM, reason)
        assert (await server.ask(OAK_GP, "GET", "Patient/ann")).status == 404, name
        assert "ann" not in found(await server.ask(OAK_GP, "GET", "Patient")), name


async def test_moving_to_another_practice_takes_the_record_along(server: Server) -> None:
    await server.put(person("ann", "oak"))
    assert (await server.ask(GP, "GET", "Patient/ann")).status == 404
    assert (await server.ask(OAK_GP, "GET", "Observation/ann-bp")).status == 200


# A label, and who of (GP, nurse, patient, app with consent) sees what carries it.
LABELS = [
    ("N", CONFIDENTIALITY, (True, True, True, True)),
    ("R", CONFIDENTIALITY, (True, False, True, False)),
    ("V", CONFIDENTIALITY, (False, False, False, False)),
    ("HIV", ACT, (True, False, True, False)),
    ("PSY", ACT, (True, False, True, False)),
    ("SDV", ACT, (True, False, True, False)),
]


async def test_labels_hide_from_whoever_is_not_cleared(server: Server) -> None:
    for code, system, sees in LABELS:
        name = f"x-{code}"
        await server.put(observation(name, "ann"))
        await server.put(labelled(observation(name, "ann"), code, system))
        for actor, allowed in zip((GP, NURSE, ANN, BAND), sees, strict=True):
            for url in (
                f"Observation/{name}",
                f"Observation/{name}/_history/1",
                f"Observation/{name}/_history/2",
            ):
                assert ((await server.ask(actor, "GET", url)).status == 200) is allowed, (actor.id, url)
            for url in ("Observation?subject=Patient/ann", "Patient/ann/$everything", "Observation/_history"):
                assert (name in found(await server.ask(actor, "GET", url))) is allowed, (actor.id, url, code)
            counted = (await server.ask(actor, "GET", f"Observation?_id={name}&_summary=count")).tree["total"]
            assert counted == int(allowed)
            chained = await server.ask(actor, "GET", f"Patient?_has:Observation:patient:_id={name}")
            assert (found(chained) == ["ann"]) is allowed


async def test_a_label_that_is_taken_off_shows_the_version_without_it(server: Server) -> None:
    await server.put(labelled(observation("x", "ann"), "R"))
    await server.put(observation("x", "ann", "other"))
    assert (await server.ask(NURSE, "GET", "Observation/x")).status == 200
    assert (await server.ask(NURSE, "GET", "Observation/x/_history/1")).status == 404
    assert (await server.ask(NURSE, "GET", "Observation/x/_history/2")).status == 200


PLACES = (
    "Patient/dee", "Patient/dee/_history/1", "Patient/dee/_history/2", "Patient/dee/_history", "Patient/_history",
    "Patient?_id=dee", "Patient?family=dee", "Patient", "Patient?_sort=family", "Patient/dee/$everything",
    "Observation?_include=Observation:patient", "Patient?_revinclude=Observation:patient",
    "Observation?_include=Observation:patient&_include:iterate=Patient:general-practitioner",
)  # fmt: skip
# Questions whose very answer would tell where a patient is.
ORACLES = (
    "Patient?address-city=Hidden", "Patient?address=Hidden", "Patient?address-postalcode=HL1",
    "Patient?phone=07700900123",
    "Patient?telecom=07700900123", "Patient?general-practitioner=Organization/elm&family=dee",
    "Observation?patient.address-city=Hidden", "Observation?patient.phone=07700900123",
    "Observation?patient.general-practitioner=Organization/elm&_id=dee-bp",
    "Organization?_has:Patient:general-practitioner:family=dee", "Patient?_sort=address-city&family=dee",
    "Patient?_content=Hidden", "Patient?_text=Hidden", "Patient?address:missing=false&family=dee",
    "Organization?_id=elm&_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:patient",
)  # fmt: skip


@pytest.fixture
async def hiding(server: Server) -> Server:
    """Dee, at Elm, was known to everybody; now her whereabouts are secret. She shares with Band."""
    open_before = {name: value for name, value in HIDDEN.items() if name != "meta"}
    await server.put(open_before, observation("dee-bp", "dee"), consent("dee-band", "dee", permit("band")))
    await server.put(
        {
            "resourceType": "RelatedPerson",
            "id": "kin",
            "patient": {"reference": "Patient/dee"},
            "address": [{"city": "Hidden Lane"}],
        }
    )
    await server.put(HIDDEN)
    return server


async def test_nobody_but_the_patient_reads_where_a_restricted_patient_is(hiding: Server) -> None:
    dee = Actor("patient", "dee", "Dee", "patient", patient="dee")
    for actor in (GP, NURSE, RECEPTIONIST, BAND, OAK_GP):
        for url in PLACES:
            reply = await hiding.ask(actor, "GET", url)
            shown = [entry["resource"] for entry in reply.tree.get("entry", ())] or [reply.tree]
            hers = json.dumps([tree for tree in shown if tree.get("id") == "dee"])
            assert not [secret for secret in SECRETS if secret in hers], (actor.id, url)
            assert b"Hidden Lane" not in reply.content, (actor.id, url)
            assert b"07700900123" not in reply.content, (actor.id, url)
    own = await hiding.ask(dee, "GET", "Patient/dee")
    assert own.tree["address"][0]["city"] == "Hidden Lane"


async def test_no_search_tells_where_a_restricted_patient_is(hiding: Server) -> None:
    for actor in (GP, RECEPTIONIST, BAND):
        for url in ORACLES:
            reply = await hiding.ask(actor, "GET", url)
            if reply.status == 403 and actor is RECEPTIONIST:
                continue
            assert reply.status == 200, (actor.id, url, reply.content)
            assert not {"dee", "dee-bp"} & set(found(reply)), (actor.id, url)
            if "revinclude" in url:
                continue
            counted = await hiding.ask(actor, "GET", f"{url}&_summary=count")
            assert counted.tree["total"] == 0 or "elm" not in found(reply), (actor.id, url)


async def test_where_a_restricted_patient_is_survives_an_update_by_those_who_cannot_see_it(
    hiding: Server,
) -> None:
    seen = await hiding.ask(GP, "GET", "Patient/dee")
    assert "address" not in seen.tree
    changed = {**seen.tree, "gender": "female", "address": [{"city": "Elsewhere"}]}
    assert (await hiding.ask(GP, "PUT", "Patient/dee", changed)).status == 200
    stored = (await hiding.ask(SYSTEM, "GET", "Patient/dee")).tree
    assert (stored["gender"], stored["address"][0]["city"]) == ("female", "Hidden Lane")
    assert stored["meta"]["security"] == HIDDEN["meta"]["security"]
    assert stored["generalPractitioner"] == HIDDEN["generalPractitioner"]


# A Consent of Ann's -> whether (GP of her practice, GP of Oak, who has a referral) sees her Observation.
REFUSALS: list[tuple[str, Tree, tuple[bool, bool]]] = [
    ("dissent", consent("no", "ann", {"type": "deny"}), (True, False)),
    ("opt-out", consent("no", "ann", SINCE_2020, policyRule={"coding": [{"code": "OPTOUT"}]}), (True, False)),
    (
        "Oak by name",
        consent("no", "ann", {"type": "deny", "actor": [OAK_AS_RECIPIENT]}),
        (True, False),
    ),
    (
        "her own practice by name",
        consent("no", "ann", {"type": "deny", "actor": [
            {"role": {"text": "x"}, "reference": {"identifier": {"system": ODS, "value": "A10001"}}}]}),
        (False, True),
    ),
    ("conditions only", consent("no", "ann", {"type": "deny", "class": classes("Condition")}), (True, True)),
    ("observations only", consent("no", "ann", {"type": "deny", "class": classes("Observation")}), (True, False)),
    ("research only", consent("no", "ann", {"type": "deny", "purpose": [{"code": "HRESCH"}]}), (True, True)),
    ("treatment", consent("no", "ann", {"type": "deny", "purpose": [{"code": "TREAT"}]}), (True, False)),
    ("over", consent("no", "ann", {"type": "deny", "period": {"end": "2025-01-01"}}), (True, True)),
    (
        "all but Oak",
        consent("no", "ann", {"type": "deny", "provision": [
            {"type": "permit", "actor": [OAK_AS_RECIPIENT]}]}),
        (True, True),
    ),
]  # fmt: skip


async def test_a_refusal_of_the_patient_holds_everywhere_and_at_once(server: Server) -> None:
    await server.put(REASONS["referral"])
    for name, refusal, sees in REFUSALS:
        await server.put(refusal)
        for actor, allowed in zip((GP, OAK_GP), sees, strict=True):
            for url in ("Observation/ann-bp", "Observation/ann-bp/_history/1"):
                assert ((await server.ask(actor, "GET", url)).status == 200) is allowed, (name, actor.id, url)
            for url in ("Observation", "Observation/_history"):
                assert ("ann-bp" in found(await server.ask(actor, "GET", url))) is allowed, (name, actor.id)
        async with server.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
            await session.delete("Consent", "no")
        assert (await server.ask(OAK_GP, "GET", "Observation/ann-bp")).status == 200


async def test_a_refusal_binds_an_app_that_came_later(server: Server) -> None:
    later = Actor("app", "later", "Later", "registered app", "B20002", scopes=frozenset({"system/*.rs"}))
    await server.put(consent("yes", "ann", permit("later")))
    assert (await server.ask(later, "GET", "Observation/ann-bp")).status == 200
    await server.put(consent("no", "ann", {"type": "deny"}))
    assert (await server.ask(later, "GET", "Observation/ann-bp")).status == 404
    await server.put(consent("no", "ann", {"type": "deny", "actor": [OAK_AS_RECIPIENT]}))
    assert (await server.ask(later, "GET", "Observation/ann-bp")).status == 404


async def sign_up(server: Server, account: Account) -> None:
    async with server.platform.database.transaction() as tx:
        await accounts.save(tx, account, "correct horse battery")


async def now_is(server: Server, username: str) -> Actor:
    """The person as the next request will know them."""
    async with server.platform.database.connection() as connection:
        return await accounts.actor_of(connection, username, now=server.platform.clock())


async def test_an_emergency_opens_one_record_for_an_hour_and_everybody_learns_of_it(server: Server) -> None:
    oak_gp = Account("oak", "Dr Oak", "practitioner", "general practitioner", "B20002", "Practitioner/oak")
    await sign_up(server, oak_gp)
    await sign_up(server, Account("officer", "Officer", "officer", "privacy officer", None, "Person/officer"))
    await server.put(consent("no", "ann", {"type": "deny"}), labelled(observation("x", "ann"), "V"))
    door = server.platform.door
    async with door.enter(await now_is(server, "oak"), purpose=EMERGENCY) as session:
        await emergency.begin(session, "ann", "unconscious in the waiting room")
    oak = await now_is(server, "oak")
    assert (await server.ask(oak, "GET", "Observation/ann-bp")).status == 200
    assert (await server.ask(oak, "GET", "Observation/x")).status == 200
    assert (await server.ask(oak, "GET", "Observation/cy-bp")).status == 404
    last = (await server.events())[-2]
    assert last["purposeOfEvent"][0]["coding"][0]["code"] == EMERGENCY
    async with door.enter(await now_is(server, "officer"), purpose="HOPERAT") as session:
        (alert,) = await emergency.accesses(session)
        assert (alert.name, alert.patient_id, alert.seen) == ("Dr Oak", "ann", None)
        await emergency.mark_seen(session, alert.id)
    trail = await server.rows(
        "select body from audit_event e join patient_index p using (patient) where p.id = 'ann'"
    )
    assert any(b"unconscious in the waiting room" in row["body"] for row in trail)
    server.platform.clock.forward(minutes=61)  # type: ignore[attr-defined]
    assert (await server.ask(await now_is(server, "oak"), "GET", "Observation/ann-bp")).status == 404


@pytest.mark.parametrize(
    ("actor", "patient", "reason", "refusal"),
    [
        (OAK_GP, "ann", "", Invalid),
        (OAK_GP, "ann", "   short  ", Invalid),
        (OAK_GP, "ann", "x" * 1001, Invalid),
        (OAK_GP, "nobody", "a long enough reason", NotFound),
        (RECEPTIONIST, "bob", "a long enough reason", Forbidden),
        (ANN, "bob", "a long enough reason", Forbidden),
        (BAND, "bob", "a long enough reason", Forbidden),
        (replace(OAK_GP, client="charts"), "ann", "a long enough reason", Forbidden),
    ],
)
async def test_an_emergency_needs_a_reason_and_clinical_staff(
    server: Server, actor: Actor, patient: str, reason: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        async with server.platform.door.enter(actor, purpose=EMERGENCY) as session:
            await emergency.begin(session, patient, reason)
    assert (await server.events())[-1]["outcome"] == "4"


async def test_a_carer_reads_what_was_agreed_until_the_day_it_ends_and_writes_nothing(server: Server) -> None:
    await sign_up(server, Account("jo", "Jo", "patient", "carer", None, "Person/jo"))
    now = server.platform.clock()
    access = Proxy("jo", "ann", ("Patient", "Appointment", "Consent"), now, now + timedelta(days=30), "test")
    async with server.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
        await proxies.give(session, access)
    jo = await now_is(server, "jo")
    assert found(await server.ask(jo, "GET", "Patient")) == ["ann"]
    assert found(await server.ask(jo, "GET", "Appointment")) == ["ann-visit"]
    assert (await server.ask(jo, "GET", "Observation/ann-bp")).status == 403
    assert (await server.ask(jo, "GET", "Patient/bob")).status == 404
    assert (await server.ask(jo, "PUT", "Consent/c", consent("c", "ann", permit("band")))).status == 403
    server.platform.clock.forward(days=31)  # type: ignore[attr-defined]
    assert found(await server.ask(await now_is(server, "jo"), "GET", "Patient")) == []


async def test_proxy_access_is_for_carers_known_patients_and_a_time(server: Server) -> None:
    await sign_up(server, Account("jo", "Jo", "patient", "carer", None, "Person/jo"))
    await sign_up(server, Account("elm", "Elm", "practitioner", "nurse", "A10001", "Practitioner/elm"))
    now = server.platform.clock()
    good = Proxy("jo", "ann", ("*",), now, now + timedelta(days=1), "test")
    wrong = {
        "username": "elm", "patient_id": "nobody", "types": ("Nothing",), "ends": now - timedelta(days=1),
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises((Invalid, NotFound)):
            async with server.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
                await proxies.give(session, replace(good, **{name: value}))
    async with server.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
        await proxies.give(session, good)
        await proxies.end(session, "jo", "ann")
        assert await proxies.every(session) == []
