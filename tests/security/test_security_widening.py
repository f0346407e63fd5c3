"""Nobody widens who sees a patient, and nobody lowers a label, who is not the one to decide that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from access_people import ANN, BAND, GP, NURSE, OAK_GP, ODS, PEOPLE, consent, permit, person
from api import SYSTEM, FakeClock, Reply, Server, fresh_database, serving

from carespine.kernel.ids import patient_key
from carespine.security.actor import Actor
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
ANN_REF = {"reference": "Patient/ann"}
BOOKED: Tree = {
    "resourceType": "Appointment",
    "id": "oak-visit",
    "status": "booked",
    "start": "2026-11-20T09:00:00Z",
    "end": "2026-11-20T09:10:00Z",
    "participant": [
        {"actor": ANN_REF, "status": "accepted"},
        {"actor": {"reference": "Location/room"}, "status": "accepted"},
    ],
}
ROOM: Tree = {
    "resourceType": "Location",
    "id": "room",
    "managingOrganization": {"reference": "Organization/oak"},
}
OAK_EMERGENCY = replace(OAK_GP, emergency=frozenset({patient_key("cy")}))
R = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
DEE: Tree = {
    **person("dee", "elm"),
    "meta": R,
    "identifier": [
        {"system": "urn:a", "value": "1", "assigner": {"display": "Clinic in Hidden Lane"}},
        {"system": "urn:b", "value": "2"},
    ],
    "name": [
        {"family": "Dee", "extension": [{"url": "urn:place", "valueString": "Hidden Lane"}]},
        {"family": "Alias", "given": ["D"], "_family": {"extension": [{"url": "urn:x", "valueCode": "y"}]}},
    ],
}


@pytest.fixture(scope="module")
async def town(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Two practices; Oak has an appointment with Ann, an emergency with Cy."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("widening"), clock=FakeClock()) as running:
            await running.put(*PEOPLE, ROOM, BOOKED, DEE)
            yield running


def said(reply: Reply) -> str:
    return str(reply.tree["issue"][0]["diagnostics"])


MOVES = {
    "another practice": person("ann", "oak"),
    "another practice by code": {
        **person("ann", "elm"),
        "generalPractitioner": [{"identifier": {"system": ODS, "value": "B20002"}}],
    },
    "two practices": {
        **person("ann", "oak"),
        "managingOrganization": {"reference": "Organization/elm"},
    },
    "another managing organisation alone": {
        "resourceType": "Patient",
        "id": "ann",
        "managingOrganization": {"reference": "Organization/oak"},
    },
    "no practice": {"resourceType": "Patient", "id": "ann", "name": [{"family": "Ann"}]},
}


@pytest.mark.parametrize("moved", MOVES.values(), ids=MOVES)
async def test_a_practice_with_a_passing_reason_does_not_make_itself_the_registered_one(
    town: Server, moved: Tree
) -> None:
    for asker in (OAK_GP, BAND):
        version = (await town.ask(asker, "GET", "Patient/ann")).headers["ETag"]
        reply = await town.ask(asker, "PUT", "Patient/ann", dict(moved), {"if-match": version})
        assert (reply.status, "where the patient is registered" in said(reply)) == (403, True)
    refused = await town.ask(OAK_EMERGENCY, "PUT", "Patient/cy", person("cy", "oak"))
    assert (refused.status, "where the patient is registered" in said(refused)) == (403, True)
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "PUT", "url": "Patient/ann"}, "resource": dict(moved)}],
    }
    assert (await town.ask(OAK_GP, "POST", "", bundle)).status == 403
    patch = [{"op": "replace", "path": "/generalPractitioner/0/reference", "value": "Organization/oak"}]
    patched = await town.ask(
        OAK_GP, "PATCH", "Patient/ann", patch, {"content-type": "application/json-patch+json"}
    )
    assert patched.status == 403
    kept = (await town.ask(SYSTEM, "GET", "Patient/ann")).tree
    assert kept["generalPractitioner"] == person("ann", "elm")["generalPractitioner"]


async def test_the_registered_practice_and_others_still_change_what_is_theirs_to_change(town: Server) -> None:
    await town.put(person("joy", "elm"))
    married = {**person("joy", "elm"), "name": [{"family": "Joy-Smith"}]}
    assert (await town.ask(GP, "PUT", "Patient/joy", married)).status == 200
    assert (await town.ask(GP, "PUT", "Patient/joy", person("joy", "oak"))).status == 200
    assert (await town.ask(GP, "GET", "Patient/joy")).status == 404
    known = {**person("ann", "elm"), "gender": "female"}
    assert (await town.ask(OAK_GP, "PUT", "Patient/ann", known)).status == 200


async def test_a_deleted_patient_is_not_registered_anew_by_who_had_an_appointment(town: Server) -> None:
    await town.put(person("kit", "elm"), {**BOOKED, "id": "kit-visit", "participant": [
        {"actor": {"reference": "Patient/kit"}, "status": "accepted"}, BOOKED["participant"][1]]})  # fmt: skip
    assert (await town.ask(SYSTEM, "DELETE", "Patient/kit")).status in (200, 204)
    assert (await town.ask(OAK_GP, "PUT", "Patient/kit", person("kit", "oak"))).status == 403


CONSENT = consent("new", "ann", permit("strange"), performer=[ANN_REF])
OAK_CONSENT = consent(
    "new",
    "cy",
    {"type": "permit", "actor": [{"role": {"text": "r"}, "reference": {"reference": "Organization/oak"}}]},
)
ANN_APP = replace(ANN, client="charts", context="ann", scopes=frozenset({"patient/*.cruds"}))
GP_APP = replace(GP, client="charts", scopes=frozenset({"user/*.cruds"}))
CONSENTS: list[tuple[Actor, Tree, int, str]] = [
    (OAK_GP, CONSENT, 403, "Consent is recorded by the patient"),
    (OAK_EMERGENCY, OAK_CONSENT, 403, "Consent is recorded by the patient"),
    (GP, consent("new", "ann", permit("strange")), 422, "names who gave it"),
    (GP, {**CONSENT, "performer": [{"reference": "Practitioner/gp"}]}, 422, "names who gave it"),
    (GP, {**CONSENT, "performer": [{"reference": "Patient/cy"}]}, 422, "names who gave it"),
    (ANN_APP, CONSENT, 403, "may not"),
    (GP_APP, CONSENT, 403, "may not"),
    (GP, CONSENT, 201, ""),
    (NURSE, consent("new", "ann", {"type": "deny"}), 201, ""),
    (ANN, consent("new", "ann", permit("strange")), 201, ""),
]


@pytest.mark.parametrize(("asker", "tree", "status", "words"), CONSENTS)
async def test_consent_is_recorded_by_the_patient_or_their_practice_in_person(
    town: Server, asker: Actor, tree: Tree, status: int, words: str
) -> None:
    reply = await town.ask(asker, "POST", "Consent", dict(tree))

    assert reply.status == status, reply.content
    if status < 400:
        await town.ask(SYSTEM, "DELETE", f"Consent/{reply.tree['id']}")
    else:
        assert words in said(reply)


@pytest.mark.parametrize("reason", [
    {"resourceType": "EpisodeOfCare", "status": "active", "patient": {"reference": "Patient/cy"},
     "managingOrganization": {"reference": "Organization/oak"}},
    {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/cy"},
     "performer": [{"reference": "Organization/oak"}]},
    {**BOOKED, "participant": [{"actor": {"reference": "Patient/cy"}, "status": "accepted"}, BOOKED["participant"][1]]},
], ids=lambda tree: tree["resourceType"])  # fmt: skip
async def test_an_emergency_gives_no_lasting_access(town: Server, reason: Tree) -> None:
    reply = await town.ask(OAK_EMERGENCY, "POST", reason["resourceType"], dict(reason))

    assert (reply.status, said(reply).startswith("Emergency access ends")) == (403, True)
    assert (await town.ask(OAK_GP, "GET", "Patient/cy")).status == 404


async def test_a_label_is_lowered_only_by_who_is_cleared_and_the_refusal_says_so(town: Server) -> None:
    seen = (await town.ask(GP, "GET", "Patient/dee")).tree
    bare = {name: value for name, value in seen.items() if name != "meta"}
    for plain in (
        bare,
        {**bare, "meta": {"security": [{"code": "N"}]}},
        {**bare, "meta": {"source": "urn:x"}},
    ):
        reply = await town.ask(GP, "PUT", "Patient/dee", dict(plain))
        assert (reply.status, "security label" in said(reply)) == (403, True)
    emergency = replace(GP, emergency=frozenset({patient_key("ann")}))
    very = {"security": [{**R["security"][0], "code": "V"}]}
    await town.put({**PEOPLE[9], "id": "ann-secret", "meta": very})
    lowered = await town.ask(
        emergency, "PUT", "Condition/ann-secret", {**PEOPLE[9], "id": "ann-secret", "meta": R}
    )
    assert (lowered.status, "security label" in said(lowered)) == (403, True)
    await town.put({**PEOPLE[9], "id": "ann-private", "meta": R})
    assert (
        await town.ask(GP, "PUT", "Condition/ann-private", {**PEOPLE[9], "id": "ann-private"})
    ).status == 200


async def test_what_is_hidden_of_a_restricted_patient_survives_and_nothing_hidden_is_taken(
    town: Server,
) -> None:
    seen = (await town.ask(NURSE, "GET", "Patient/dee")).tree
    assert "Hidden Lane" not in str(seen)
    changed = {
        **seen,
        "name": [
            {"family": "Dee-Jones"},
            seen["name"][1],
            {"family": "Third", "extension": [{"url": "urn:w"}]},
        ],
        "identifier": [seen["identifier"][1], seen["identifier"][0], {"system": "urn:c", "value": "3"}],
        "address": [{"city": "Elsewhere"}],
    }
    assert (await town.ask(NURSE, "PUT", "Patient/dee", changed)).status == 200
    stored = (await town.ask(SYSTEM, "GET", "Patient/dee")).tree
    assert "address" not in stored
    assert stored["name"] == [
        {"family": "Dee-Jones", "extension": DEE["name"][0]["extension"]}, DEE["name"][1], {"family": "Third"},
    ]  # fmt: skip
    assert stored["identifier"] == [
        DEE["identifier"][1],
        DEE["identifier"][0],
        {"system": "urn:c", "value": "3"},
    ]
    bare = {name: value for name, value in seen.items() if name not in ("identifier", "name")}
    assert (await town.ask(NURSE, "PUT", "Patient/dee", bare)).status == 200
    assert "identifier" not in (await town.ask(SYSTEM, "GET", "Patient/dee")).tree
    await town.put(DEE)


async def test_nobody_makes_a_subscription_that_has_no_owner(town: Server) -> None:
    plain = {
        "resourceType": "Subscription",
        "id": "plain",
        "status": "off",
        "reason": "curiosity",
        "criteria": "Observation?code=bp",
        "channel": {"type": "rest-hook", "endpoint": "https://app.example/hook"},
    }
    for asker in (BAND, GP):
        assert (await town.ask(asker, "PUT", "Subscription/plain", dict(plain))).status == 422
    assert (await town.ask(SYSTEM, "GET", "Subscription/plain")).status == 404
