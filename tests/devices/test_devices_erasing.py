"""Erasing for good: what an app of an ended consent sent goes, from store and record, and the summary says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_devices_live import APP, House, house, sample

from carespine.devices import live
from carespine.devices.erasing import erase_by_consent
from carespine.devices.live import publish_pending
from carespine.devices.models import Erasure, SummaryView
from carespine.devices.on_request import erase_on_request
from carespine.devices.samples import SourceIdentity
from carespine.devices.validation import entries, status
from carespine.devices.views import summary_view
from carespine.kernel.errors import Forbidden, Invalid, NotFound
from carespine.kernel.ids import patient_key
from carespine.security.actor import PATIENT_REQUEST, TREATMENT, Actor, system_job

__all__ = ["house"]
pytestmark = pytest.mark.anyio
CLASSES = "https://carespine.example/data-class"
WEARER = Actor("patient", "wearer", "Ann Wearer", "patient", patient="wearer")
OTHER = replace(APP, id="other-app", name="Other")


def consent(name: str, client: str, *, active: bool, classes: tuple[str, ...] = ()) -> dict[str, Any]:
    recipient = {"identifier": {"value": client}, "display": client.title()}
    return {
        "resourceType": "Consent",
        "id": name,
        "status": "active" if active else "inactive",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": "Patient/wearer"},
        "policyRule": {"text": "opt in"},
        "provision": {
            "type": "permit",
            **({"class": [{"system": CLASSES, "code": one} for one in classes]} if classes else {}),
            "actor": [{"role": {"text": "recipient"}, "reference": recipient}],
        },
    }


async def put(house: House, *trees: dict[str, Any]) -> None:
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.upsert_many([dict(tree) for tree in trees])


async def send(house: House, app: Actor, samples: list[dict[str, Any]], key: str) -> None:
    async with house.door.enter(app, purpose=TREATMENT) as session:
        await live.take_batch(
            session,
            patient_id="wearer",
            samples=samples,
            client=app.id,
            idempotency_key=key,
            sha256=key.encode(),
        )


async def erase(house: House, name: str, actor: Actor = WEARER) -> Erasure:
    async with house.door.enter(actor, purpose=PATIENT_REQUEST) as session:
        return await erase_by_consent(session, patient_id="wearer", consent_id=name)


async def follow(house: House) -> None:
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        await publish_pending(session, patient_key("wearer"), "wearer")


async def seen(house: House) -> SummaryView | None:
    async with house.door.glance(WEARER, purpose=PATIENT_REQUEST) as session:
        return await summary_view(session, "wearer")


async def test_what_one_app_sent_goes_and_what_another_sent_stays(house: House) -> None:
    await put(house, consent("other", OTHER.id, active=True))
    beats = [sample("heart-rate", 61, "/min"), sample("heart-rate", 62, "/min", "2026-11-20T08:01:00+00:00")]
    await send(house, APP, [*beats, sample("weight", 80.5, "kg")], "a")
    await send(house, OTHER, [sample("weight", 70, "kg", "2026-11-20T09:00:00+00:00")], "b")
    await send(house, APP, [sample("weight", 81, "kg", action="correct")], "c")
    await follow(house)
    await put(house, consent("c", APP.id, active=False))
    done = await erase(house, "c")
    assert done.readings == 3
    assert await house.stored("heart-rate") == []
    assert await house.stored("weight") == [70.0]
    await follow(house)
    async with house.door.glance(WEARER, purpose=PATIENT_REQUEST) as session:
        left = (await session.search("Observation", [("patient", "wearer"), ("_count", "100")])).entries
        values = [tree["valueQuantity"]["value"] for tree in left if tree["status"] == "final"]
        (report,) = (await session.search("DiagnosticReport", [("patient", "wearer")])).entries
    assert [float(value) for value in values] == [70.0]
    assert done.sentence in report["conclusion"]
    assert "80.5" not in str(left)
    summary = await seen(house)
    assert summary is not None
    assert summary.erased == (done,)
    async with house.database.connection() as connection:
        assert await connection.fetchval("select count(*) from device_withdrawn") == 0
        assert await connection.fetchval("select count(*) from device_purge") == 0


async def test_only_the_classes_of_the_consent_go_and_nothing_left_is_no_summary(house: House) -> None:
    await send(house, APP, [sample("heart-rate", 61, "/min"), sample("weight", 80.5, "kg")], "a")
    await follow(house)
    await put(house, consent("c", APP.id, active=False, classes=("vital-signs",)))
    assert (await erase(house, "c")).readings == 1
    assert await house.stored("weight") == [80.5]
    await put(house, consent("c", APP.id, active=False))
    assert (await erase(house, "c")).readings == 1
    await follow(house)
    assert await seen(house) is None
    async with house.door.glance(WEARER, purpose=PATIENT_REQUEST) as session:
        for kind in ("Observation", "DiagnosticReport", "Composition"):
            assert not (await session.search(kind, [("patient", "wearer")])).entries, kind
    assert (await erase(house, "c")).readings == 0


@pytest.mark.parametrize(
    ("active", "patient", "actor", "error"),
    [
        (True, "wearer", WEARER, Forbidden),
        (False, "somebody", WEARER, NotFound),
        (False, "wearer", APP, Forbidden),
        (False, "wearer", replace(WEARER, proxy=frozenset({"*"})), Forbidden),
        (False, "wearer", replace(WEARER, client="band", scopes=frozenset({"patient/*.cruds"})), Forbidden),
        (True, "wearer", system_job("test"), Forbidden),
    ],
)
async def test_only_the_patient_erases_and_only_what_is_no_longer_shared(
    house: House, active: bool, patient: str, actor: Actor, error: type[Exception]
) -> None:
    await send(house, APP, [sample("weight", 80.5, "kg")], "a")
    tree = {**consent("d", APP.id, active=active), "patient": {"reference": f"Patient/{patient}"}}
    await put(house, {"resourceType": "Patient", "id": "somebody"}, tree)
    with pytest.raises(error):
        await erase(house, "d", actor)
    assert await house.stored("weight") == [80.5]


async def test_the_operator_erases_at_the_request_of_the_patient_with_this_number(house: House) -> None:
    number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000115"}
    await put(house, {"resourceType": "Patient", "id": "wearer", "identifier": [number]})
    await send(house, APP, [sample("weight", 80.5, "kg")], "a")
    await put(house, consent("c", APP.id, active=False))
    with pytest.raises(Invalid):
        await erase_on_request(house.door, nhs_number="999 000 0116", consent_id="c")
    with pytest.raises(NotFound):
        await erase_on_request(house.door, nhs_number="999 000 0115", consent_id="none")
    assert await house.stored("weight") == [80.5]
    done = await erase_on_request(house.door, nhs_number="999 000 0115", consent_id="c")
    assert done.readings == 1
    assert await house.stored("weight") == []


@pytest.mark.parametrize(
    ("maker", "model", "kind", "words"),
    [
        ("Omron", "HEM-7361T", "cuff", "listed as validated (BIHS list of monitors"),
        ("Omron", "HEM-9999", "cuff", "validation not known; check the cuff against the BIHS list"),
        ("Acme", "Band", "watch", "validation not known."),
        ("Omron", "HEM-7361T", "watch", "validation not known."),
    ],
)
def test_the_validation_of_a_device_is_known_by_its_model_or_not_at_all(
    maker: str, model: str, kind: str, words: str
) -> None:
    assert words in status(SourceIdentity("x", "App", "Device", maker, model, "", kind))


def test_no_entry_is_taken_for_confirmed_before_the_deployer_has_looked_it_up() -> None:
    assert entries()
    assert all("http" in entry.source for entry in entries())
    assert not any(entry.confirmed for entry in entries())
