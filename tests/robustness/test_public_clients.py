"""Public FHIR clients, unmodified, work against a real server: fhirpy and fhirclient, and fhir-kit-client of npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api import fresh_database
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle, BundleEntry, BundleEntryRequest
from fhirclient.models.codeableconcept import CodeableConcept
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.humanname import HumanName
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound
from live import Live, live

from carespine.storage.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
KIT = ROOT / "node_modules" / "fhir-kit-client"


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with fresh_database(postgres) as url, live(url, tmp_path_factory.mktemp("clients")) as running:
        yield running


def test_fhirpy_creates_searches_pages_patches_and_deletes(server: Live) -> None:
    client = SyncFHIRClient(server.fhir)
    ann = client.resource("Patient", name=[{"family": "Pyson", "given": ["Ann"]}], gender="female")
    ann.save()
    assert ann["meta"]["versionId"] == "1"
    ann["gender"] = "other"
    ann.save()
    assert client.get("Patient", ann.id)["gender"] == "other"
    for number in range(5):
        client.resource(
            "Observation", status="final", code={"text": f"n{number}"}, subject=ann.to_reference()
        ).save()
    found = client.resources("Observation").search(subject=ann.to_reference().reference)
    assert found.count() == 5
    assert len(found.limit(2).fetch()) == 2
    assert len(found.limit(2).fetch_all()) == 5
    assert client.resources("Patient").search(name="pyson").get().id == ann.id
    with pytest.raises(MultipleResourcesFound):
        client.resources("Observation").search(status="final").get()
    ann.patch(active=True)
    assert client.get("Patient", ann.id)["active"] is True
    ann.delete()
    with pytest.raises((ResourceNotFound, OperationOutcome)):
        client.get("Patient", ann.id)


def test_fhirpy_creates_once_under_a_condition(server: Live) -> None:
    client = SyncFHIRClient(server.fhir)
    identifier = {"system": "https://carespine.example/once", "value": "1"}
    condition = {"identifier": f"{identifier['system']}|1"}
    first, made = client.resource("Patient", identifier=[identifier]), []
    for _ in range(2):
        resource, created = client.resources("Patient").search(**condition).get_or_create(first)
        made.append((resource.id, created))
    assert made[0][0] == made[1][0]
    assert [created for _, created in made] == [True, False]
    other = client.resource("Patient", identifier=[identifier], active=True)
    changed, _ = client.resources("Patient").search(**condition).update(other)
    assert (changed.id, changed["meta"]["versionId"]) == (made[0][0], "2")


def test_fhirclient_reads_the_statement_and_the_models_it_is_given(server: Live) -> None:
    smart = FHIRClient(settings={"app_id": "carespine-test", "api_base": server.fhir})
    assert smart.prepare()
    ann = Patient()
    ann.name = [HumanName({"family": "Clientson", "given": ["Ann"]})]
    made = ann.create(smart.server)
    ann = Patient.read(made["id"], smart.server)
    assert smart.human_name(ann.name[0]) == "Ann Clientson"
    ann.gender = "female"
    assert ann.update(smart.server)["meta"]["versionId"] == "2"
    weight = Observation()
    weight.status, weight.code = "final", CodeableConcept({"text": "weight"})
    weight.subject = FHIRReference({"reference": f"Patient/{ann.id}"})
    entry = BundleEntry()
    entry.request = BundleEntryRequest({"method": "POST", "url": "Observation"})
    entry.resource = weight
    bundle = Bundle()
    bundle.type, bundle.entry = "transaction", [entry, entry]
    assert [part["response"]["status"] for part in bundle.create(smart.server)["entry"]] == [
        "201 Created"
    ] * 2
    search = Observation.where({"subject": f"Patient/{ann.id}", "_include": "Observation:subject"})
    assert len(list(search.perform_resources_iter(smart.server))) == 3
    (page,) = Patient.where({"name": "clientson"}).perform_iter(smart.server)
    assert [entry.resource.id for entry in page.entry] == [ann.id]
    ann.delete(smart.server)


def test_fhir_kit_client_of_npm_does_a_day_of_work(server: Live) -> None:
    node = shutil.which("node")
    if node is None or not KIT.is_dir():
        pytest.skip("there is no node on this machine, or fhir-kit-client is not installed (make setup)")
    script = ROOT / "tests" / "robustness" / "fhir_kit.mjs"
    done = subprocess.run([node, str(script), server.fhir], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said == {
        "capability": "4.0.1",
        "created": "1",
        "read": "Kit",
        "updated": "2",
        "patched": "male",
        "first": "female",
        "history": 3,
        "transaction": ["201 Created"] * 3,
        "pages": [2, 1],
        "compartment": 3,
        "everything": 4,
        "gone": 410,
    }
