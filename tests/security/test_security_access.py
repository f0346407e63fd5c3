"""Who reaches whose data: every actor, every way to ask, and nothing that tells what is out of reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from access_people import (
    ADMINISTRATOR,
    ANN,
    BAND,
    CLEANER,
    GP,
    LOCUM,
    NURSE,
    OAK_GP,
    PEOPLE,
    PULSE,
    RECEPTIONIST,
    STRANGE,
    classes,
    consent,
    observation,
    permit,
    person,
)
from api import SYSTEM, FakeClock, Reply, Server, fresh_database, ids, serving

from carespine.kernel.errors import CarespineError, Forbidden, NotFound
from carespine.security.actor import TREATMENT, Actor, open_access
from carespine.storage.embedded import EmbeddedPostgres

STAFF_AND_APPS = (GP, NURSE, RECEPTIONIST, OAK_GP, LOCUM, CLEANER, ANN, ADMINISTRATOR, BAND, PULSE, STRANGE)
NAMES = {actor: actor.id for actor in STAFF_AND_APPS}


@pytest.fixture(scope="module")
async def town(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The two practices; no test changes anything."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("town")) as running:
            await running.put(*PEOPLE)
            yield running


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, clock=FakeClock()) as running:
        await running.put(*PEOPLE)
        yield running


def said(reply: Reply) -> str:
    """What a refusal tells, without the name of what was asked for."""
    return (
        f"{reply.status} {reply.tree['issue'][0]['diagnostics']}"
        if reply.status >= 400
        else str(reply.status)
    )


def reached(reply: Reply) -> list[str]:
    return sorted(ids(reply.tree, None)) if reply.status == 200 else [f"-{reply.status}"]


# For each search, what each actor finds; who is not named gets 403.
SEARCHES: dict[str, dict[Actor, str]] = {
    "Patient": {
        GP: "ann cy", NURSE: "ann cy", RECEPTIONIST: "ann cy", OAK_GP: "bob", LOCUM: "", ANN: "ann", BAND: "ann",
        STRANGE: "",
    },
    "Observation": {
        GP: "ann-bp cy-bp", NURSE: "ann-bp cy-bp", OAK_GP: "bob-bp", LOCUM: "", ANN: "ann-bp", BAND: "ann-bp",
        PULSE: "bob-bp", STRANGE: "",
    },
    "Condition": {
        GP: "ann-asthma", NURSE: "ann-asthma", OAK_GP: "bob-asthma", LOCUM: "", ANN: "ann-asthma", BAND: "",
        STRANGE: "",
    },
    "Appointment": {
        GP: "ann-visit", NURSE: "ann-visit", RECEPTIONIST: "ann-visit", OAK_GP: "", LOCUM: "", ANN: "ann-visit",
        BAND: "ann-visit", STRANGE: "",
    },
    "Organization": {
        GP: "elm oak", NURSE: "elm oak", RECEPTIONIST: "elm oak", OAK_GP: "elm oak", LOCUM: "elm oak",
        CLEANER: "elm oak", ANN: "elm oak", ADMINISTRATOR: "elm oak", BAND: "elm oak", STRANGE: "elm oak",
    },
    "Questionnaire": {GP: "", NURSE: "", OAK_GP: "", LOCUM: "", ANN: "", BAND: "", STRANGE: ""},
    "Consent": {GP: "ann-band", NURSE: "ann-band", OAK_GP: "bob-pulse", LOCUM: "", ANN: "ann-band", BAND: "ann-band",
        STRANGE: ""},
    "Patient?family=bob": {
        GP: "", NURSE: "", RECEPTIONIST: "", OAK_GP: "bob", LOCUM: "", ANN: "", BAND: "", STRANGE: "",
    },
    "Patient?_id=bob": {
        GP: "", NURSE: "", RECEPTIONIST: "", OAK_GP: "bob", LOCUM: "", ANN: "", BAND: "", STRANGE: "",
    },
    "Patient?_has:Observation:patient:code=secret": {
        GP: "", NURSE: "", RECEPTIONIST: "", OAK_GP: "bob", LOCUM: "", ANN: "", BAND: "", STRANGE: "",
    },
    "Patient?_has:Observation:patient:code=bp": {
        GP: "ann cy", NURSE: "ann cy", RECEPTIONIST: "", OAK_GP: "", LOCUM: "", ANN: "ann", BAND: "ann", STRANGE: "",
    },
    "Patient?_has:Condition:subject:_id:missing=false": {
        GP: "ann", NURSE: "ann", RECEPTIONIST: "", OAK_GP: "bob", LOCUM: "", ANN: "ann", BAND: "", STRANGE: "",
    },
    "Observation?patient.family=bob": {
        GP: "", NURSE: "", OAK_GP: "bob-bp", LOCUM: "", ANN: "", BAND: "", PULSE: "", STRANGE: "",
    },
    "Observation?subject=Patient/bob": {
        GP: "", NURSE: "", OAK_GP: "bob-bp", LOCUM: "", ANN: "", BAND: "", PULSE: "bob-bp", STRANGE: "",
    },
    "Organization?_has:Patient:general-practitioner:family=bob": {
        GP: "", NURSE: "", RECEPTIONIST: "", OAK_GP: "oak", LOCUM: "", CLEANER: "", ANN: "", ADMINISTRATOR: "",
        BAND: "", STRANGE: "",
    },
    "Patient?_revinclude=Observation:patient": {
        GP: "ann ann-bp cy cy-bp", NURSE: "ann ann-bp cy cy-bp", RECEPTIONIST: "ann cy", OAK_GP: "bob bob-bp",
        LOCUM: "", ANN: "ann ann-bp", BAND: "ann ann-bp", STRANGE: "",
    },
    "Patient?_revinclude=Condition:subject": {
        GP: "ann ann-asthma cy", NURSE: "ann ann-asthma cy", RECEPTIONIST: "ann cy", OAK_GP: "bob bob-asthma",
        LOCUM: "", ANN: "ann ann-asthma", BAND: "ann", STRANGE: "",
    },
    "Organization?_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:patient": {
        GP: "ann ann-bp cy cy-bp elm oak", NURSE: "ann ann-bp cy cy-bp elm oak", RECEPTIONIST: "ann cy elm oak",
        OAK_GP: "bob bob-bp elm oak", LOCUM: "elm oak", CLEANER: "elm oak", ANN: "ann ann-bp elm oak",
        ADMINISTRATOR: "elm oak", BAND: "ann ann-bp elm oak", STRANGE: "elm oak",
    },
    "Observation?_include=Observation:patient": {
        GP: "ann ann-bp cy cy-bp", NURSE: "ann ann-bp cy cy-bp", OAK_GP: "bob bob-bp", LOCUM: "",
        ANN: "ann ann-bp", BAND: "ann ann-bp", PULSE: "bob-bp", STRANGE: "",
    },
    "Patient/bob/Observation": {
        GP: "", NURSE: "", OAK_GP: "bob-bp", LOCUM: "", ANN: "", BAND: "", PULSE: "bob-bp", STRANGE: "",
    },
}  # fmt: skip


@pytest.mark.parametrize("url", SEARCHES)
async def test_each_actor_finds_only_what_it_reaches(town: Server, url: str) -> None:
    for actor in STAFF_AND_APPS:
        reply = await town.ask(actor, "GET", url)
        expected = SEARCHES[url].get(actor)
        assert reached(reply) == (["-403"] if expected is None else sorted(expected.split())), actor.id
        joined = "&" if "?" in url else "?"
        counted = await town.ask(actor, "GET", f"{url}{joined}_summary=count")
        if expected is not None:
            own_type = url.partition("?")[0].split("/")[-1]
            matches = [e for e in reply.tree.get("entry", []) if e["resource"]["resourceType"] == own_type]
            assert counted.tree["total"] == len([e for e in matches if e["search"]["mode"] == "match"])


READS = [
    "Patient/bob",
    "Patient/bob/_history",
    "Patient/bob/_history/1",
    "Observation/bob-bp",
    "Observation/bob-bp/_history",
    "Observation/bob-bp/_history/1",
    "Condition/bob-asthma",
    "Consent/bob-pulse",
    "Observation/nobody-bp",
    "Questionnaire/form",
]


@pytest.mark.parametrize("url", READS)
@pytest.mark.parametrize("actor", [GP, NURSE, LOCUM, ANN, BAND, STRANGE], ids=NAMES.get)
async def test_what_is_out_of_reach_reads_like_what_does_not_exist(
    town: Server, actor: Actor, url: str
) -> None:
    kind, name, *rest = url.split("/")
    hidden = await town.ask(actor, "GET", url)
    absent = await town.ask(actor, "GET", "/".join([kind, "not-there", *rest]))
    assert hidden.status == 404
    assert said(hidden).replace(name, "not-there") == said(absent)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PUT", "Observation/{}", lambda name: observation(name, "bob")),
        ("PUT", "Patient/{}", lambda name: person(name, "oak")),
        ("DELETE", "Observation/{}", lambda name: None),
        ("DELETE", "Questionnaire/{}", lambda name: None),
    ],
)
@pytest.mark.parametrize("if_match", [None, 'W/"1"', 'W/"7"'])
@pytest.mark.parametrize("actor", [GP, ANN, RECEPTIONIST, BAND, STRANGE], ids=NAMES.get)
async def test_a_write_out_of_reach_is_refused_alike_whether_it_is_there_or_not(
    town: Server, actor: Actor, if_match: str | None, method: str, url: str, body: Any
) -> None:
    headers = {"if-match": if_match} if if_match else {}
    there = {"Observation/{}": "bob-bp", "Patient/{}": "bob", "Questionnaire/{}": "form"}[url]
    replies = []
    for name in (there, "not-there"):
        reply = await town.ask(actor, method, url.format(name), body(name), headers)
        assert reply.status in (403, 404, 412), said(reply)
        assert "at version" not in said(reply)
        replies.append(reply)
    assert said(replies[0]).replace(there, "not-there") == said(replies[1])
    assert (await town.ask(SYSTEM, "GET", "Observation/bob-bp")).tree["meta"]["versionId"] == "1"


@pytest.mark.parametrize("if_match", [None, 'W/"1"', 'W/"7"'])
@pytest.mark.parametrize("actor", [GP, RECEPTIONIST, ANN, BAND, STRANGE], ids=NAMES.get)
async def test_a_patch_out_of_reach_is_refused_alike_whether_it_is_there_or_not(
    town: Server, actor: Actor, if_match: str | None
) -> None:
    headers = {"content-type": "application/json-patch+json"} | ({"if-match": if_match} if if_match else {})
    for operation in (
        {"op": "replace", "path": "/status", "value": "amended"},
        {"op": "test", "path": "/code/coding/0/code", "value": "secret"},
        {"op": "test", "path": "/code/coding/0/code", "value": "wrong"},
    ):
        replies = [
            await town.ask(actor, "PATCH", f"Observation/{name}", [operation], headers)
            for name in ("bob-bp", "not-there")
        ]
        assert replies[0].status in (403, 404, 412)
        assert said(replies[0]).replace("bob-bp", "not-there") == said(replies[1])


async def test_a_transaction_or_batch_reaches_no_further(town: Server) -> None:
    def sent(kind: str, *requests: dict[str, Any]) -> dict[str, Any]:
        return {"resourceType": "Bundle", "type": kind, "entry": list(requests)}

    get = {"request": {"method": "GET", "url": "Observation/bob-bp"}}
    search = {"request": {"method": "GET", "url": "Observation?subject=Patient/bob"}}
    put = {
        "resource": observation("bob-bp", "ann"),
        "request": {"method": "PUT", "url": "Observation/bob-bp", "ifMatch": 'W/"1"'},
    }
    delete = {"request": {"method": "DELETE", "url": "Observation/bob-bp"}}
    by_condition = {"request": {"method": "DELETE", "url": "Observation?subject=Patient/bob"}}
    reference = {
        "resource": {**observation("x", "ann"), "focus": [{"reference": "Patient?family=bob"}]},
        "request": {"method": "POST", "url": "Observation"},
    }
    for actor in (GP, BAND):
        for entry in (get, put, delete):
            refused = await town.ask(actor, "POST", "", sent("transaction", entry))
            assert refused.status in (403, 404, 412), entry
        assert (await town.ask(actor, "POST", "", sent("transaction", reference))).status == 412
        found = await town.ask(actor, "POST", "", sent("transaction", search))
        assert found.tree["entry"][0]["resource"]["total"] == 0
        batch = await town.ask(actor, "POST", "", sent("batch", get, search, put, delete))
        statuses = [entry["response"]["status"][:3] for entry in batch.tree["entry"]]
        assert statuses[:3] == ["404", "200", "412"]
        assert statuses[3] in ("403", "404")
        await town.ask(actor, "POST", "", sent("transaction", by_condition))
    assert (await town.ask(SYSTEM, "GET", "Observation/bob-bp")).tree["meta"]["versionId"] == "1"


async def test_a_conditional_create_does_not_find_what_is_out_of_reach(server: Server) -> None:
    condition = {"if-none-exist": "subject=Patient/bob"}
    reply = await server.ask(BAND, "POST", "Observation", observation("x", "ann"), condition)
    assert reply.status == 201
    condition = {"if-none-exist": "patient.family=bob"}
    assert (await server.ask(GP, "POST", "Observation", observation("x", "ann"), condition)).status == 201


MOVES = [
    (GP, observation("ann-bp", "bob"), 403),
    (GP, observation("ann-bp", "cy"), 200),
    (GP, observation("ann-bp", None), 403),
    (GP, observation("ann-bp", "nobody"), 403),
    (GP, observation("bob-bp", "ann"), 412),
    (GP, observation("nobody-bp", "ann"), 412),
    (BAND, observation("ann-bp", "bob"), 403),
    (BAND, observation("ann-bp", None), 403),
    (BAND, observation("bob-bp", "ann"), 412),
    (BAND, observation("cy-bp", "ann"), 412),
    (BAND, observation("nobody-bp", "ann"), 412),
    (BAND, observation("ann-bp", "ann"), 200),
    (OAK_GP, observation("ann-bp", "bob"), 412),
    (ANN, observation("ann-bp", "ann"), 403),
    (RECEPTIONIST, observation("ann-bp", "ann"), 403),
    (ADMINISTRATOR, observation("ann-bp", "ann"), 403),
    (PULSE, observation("bob-bp", "bob"), 403),
]


async def test_a_resource_is_moved_only_between_patients_within_reach(server: Server) -> None:
    """What is out of reach is, to a condition, not there (412); a new patient out of reach is refused (403)."""
    for actor, tree, status in MOVES:
        before = await server.ask(SYSTEM, "GET", f"Observation/{tree['id']}")
        headers = {"if-match": before.headers["ETag"]}
        reply = await server.ask(actor, "PUT", f"Observation/{tree['id']}", tree, headers)
        assert reply.status == status, (actor.id, tree, said(reply))
        after = await server.ask(SYSTEM, "GET", f"Observation/{tree['id']}")
        assert (after.headers["ETag"] == before.headers["ETag"]) is (status != 200)
        await server.put(*(tree for tree in PEOPLE if tree["resourceType"] == "Observation"))


async def test_an_old_version_stays_with_the_patient_it_was_about(server: Server) -> None:
    await server.put(observation("ann-bp", "bob"))
    assert (await server.ask(GP, "GET", "Observation/ann-bp")).status == 404
    assert (await server.ask(GP, "GET", "Observation/ann-bp/_history/1")).status == 200
    assert (await server.ask(GP, "GET", "Observation/ann-bp/_history/2")).status == 404
    assert (await server.ask(OAK_GP, "GET", "Observation/ann-bp/_history/1")).status == 404
    history = await server.ask(GP, "GET", "Observation/ann-bp/_history")
    assert [entry["response"]["etag"] for entry in history.tree["entry"]] == ['W/"1"']
    assert (await server.ask(OAK_GP, "GET", "Observation/ann-bp/_history")).tree["total"] == 1


@pytest.mark.parametrize("actor", STAFF_AND_APPS, ids=NAMES.get)
async def test_the_history_of_everything_is_for_nobody_and_of_a_type_within_reach(
    town: Server, actor: Actor
) -> None:
    assert (await town.ask(actor, "GET", "_history")).status == 403
    expected = SEARCHES["Observation"].get(actor)
    reply = await town.ask(actor, "GET", "Observation/_history")
    found = sorted(e["resource"]["id"] for e in reply.tree.get("entry", [])) if reply.status == 200 else None
    assert found == (expected.split() if expected is not None else None)


async def test_open_access_and_jobs_of_the_system_reach_everything(town: Server) -> None:
    for actor in (open_access(), SYSTEM):
        assert len((await town.ask(actor, "GET", "Observation")).ids) == 4
        assert (await town.ask(actor, "GET", "_history")).status == 200


SCOPED = [
    ("system/Observation.r", "GET", "Observation/ann-bp", 200),
    ("system/Observation.r", "GET", "Observation/ann-bp/_history", 200),
    ("system/Observation.r", "GET", "Observation/ann-bp/_history/1", 200),
    ("system/Observation.s", "GET", "Observation/ann-bp", 403),
    ("system/Observation.r", "GET", "Observation", 403),
    ("system/Observation.s", "GET", "Observation", 200),
    ("system/*.s", "GET", "Observation", 200),
    ("system/Patient.cruds", "GET", "Observation", 403),
    ("system/Observation.rus", "POST", "Observation", 403),
    ("system/Observation.c", "POST", "Observation", 201),
    ("system/Observation.crds", "PUT", "Observation/ann-bp", 403),
    ("system/Observation.u", "PUT", "Observation/ann-bp", 200),
    ("system/Observation.crus", "DELETE", "Observation/ann-bp", 403),
    ("system/Observation.d", "DELETE", "Observation/ann-bp", 204),
    ("system/Observation.u", "PUT", "Observation/new", 403),
    ("system/Observation.c", "PUT", "Observation/new", 201),
    ("", "GET", "Observation", 403),
    ("nonsense", "GET", "Observation", 403),
    ("system/Observation.sr", "GET", "Observation", 403),
]


async def test_each_interaction_needs_its_scope(server: Server) -> None:
    for scopes, method, url, status in SCOPED:
        await server.put(observation("ann-bp", "ann"))
        app = replace(BAND, scopes=frozenset(scopes.split()))
        body = observation(url.partition("/")[2] or "x", "ann") if method in ("PUT", "POST") else None
        current = await server.ask(SYSTEM, "GET", "Observation/ann-bp")
        headers = {"if-match": current.headers["ETag"]} if url.endswith("ann-bp") and method == "PUT" else {}
        reply = await server.ask(app, method, url, body, headers)
        assert reply.status == status, (scopes, method, url, said(reply))
        if url.endswith("new") and status == 201:
            await server.ask(SYSTEM, "DELETE", url)


async def test_an_app_names_the_version_it_replaces_also_within_a_transaction(server: Server) -> None:
    tree = observation("ann-bp", "ann")
    request = {"method": "PUT", "url": "Observation/ann-bp"}

    def sent(**more: str) -> dict[str, Any]:
        entry = {"resource": tree, "request": {**request, **more}}
        return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}

    assert (await server.ask(BAND, "PUT", "Observation/ann-bp", tree)).status == 412
    assert (await server.ask(BAND, "PUT", "Observation/ann-bp", tree, {"if-match": "*"})).status == 412
    assert (await server.ask(BAND, "POST", "", sent())).status == 412
    assert (await server.ask(BAND, "POST", "", sent(ifMatch="*"))).status == 412
    assert (await server.ask(BAND, "POST", "", sent(ifMatch='W/"1"'))).status == 200
    assert (await server.ask(GP, "PUT", "Observation/ann-bp", tree)).status == 200


async def test_a_practice_registers_a_patient_with_itself_and_with_nobody_else(server: Server) -> None:
    new = {key: value for key, value in person("new", "elm").items() if key != "id"}
    for actor, place, status in [
        (GP, "elm", 201),
        (RECEPTIONIST, "elm", 201),
        (GP, "oak", 403),
        (OAK_GP, "elm", 403),
        (LOCUM, "elm", 403),
        (CLEANER, "elm", 403),
        (ANN, "elm", 403),
        (BAND, "elm", 403),
        (ADMINISTRATOR, "elm", 403),
    ]:
        tree = {**new, "generalPractitioner": [{"reference": f"Organization/{place}"}]}
        assert (await server.ask(actor, "POST", "Patient", tree)).status == status, (actor.id, place)


async def test_a_new_patient_and_a_first_reading_may_come_in_one_transaction(server: Server) -> None:
    name = "urn:uuid:0a0e2c2a-0000-4000-8000-000000000001"

    def sent(place: str, subject: str) -> dict[str, Any]:
        patient = {key: value for key, value in person("new", place).items() if key != "id"}
        reading = {**observation("x", None), "subject": {"reference": subject}}
        entries = [
            {"resource": reading, "request": {"method": "POST", "url": "Observation"}},
            {"fullUrl": name, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    assert (await server.ask(GP, "POST", "", sent("elm", name))).status == 200
    assert (await server.ask(GP, "POST", "", sent("oak", name))).status == 403
    assert (await server.ask(GP, "POST", "", sent("elm", "Patient/bob"))).status == 403


async def test_a_patient_writes_consent_for_himself_only(server: Server) -> None:
    for patient, status in (("ann", 201), ("bob", 403), ("nobody", 403)):
        tree = consent("c", patient, permit("pulse", "Observation"))
        assert (await server.ask(ANN, "POST", "Consent", tree)).status == status
    stolen = consent("bob-pulse", "ann", permit("pulse", "Observation"))
    assert (await server.ask(ANN, "PUT", "Consent/bob-pulse", stolen)).status == 403
    assert (await server.ask(PULSE, "GET", "Observation/bob-bp")).status == 200


# What Ann's consent to Pulse says, and whether Pulse then reads her Observation at noon on 20 November 2026.
CONSENTS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "everything": ([consent("c", "ann", permit("pulse"))], True),
    "the class asked for": ([consent("c", "ann", permit("pulse", "Observation"))], True),
    "all classes by a star": ([consent("c", "ann", permit("pulse", "*"))], True),
    "another class": ([consent("c", "ann", permit("pulse", "Condition"))], False),
    "another recipient": ([consent("c", "ann", permit("band", "Observation"))], False),
    "a recipient by reference": (
        [
            consent(
                "c",
                "ann",
                {"type": "permit", "actor": [{"role": {"text": "x"}, "reference": {"reference": "pulse"}}]},
            )
        ],
        True,
    ),
    "no recipient": ([consent("c", "ann", {"type": "permit", "class": classes("Observation")})], False),
    "no provision": ([{k: v for k, v in consent("c", "ann", {}).items() if k != "provision"}], False),
    "inactive": ([consent("c", "ann", permit("pulse"), status="inactive")], False),
    "proposed": ([consent("c", "ann", permit("pulse"), status="proposed")], False),
    "rejected": ([consent("c", "ann", permit("pulse"), status="rejected")], False),
    "denied": ([consent("c", "ann", {**permit("pulse"), "type": "deny"})], False),
    "no type": ([consent("c", "ann", {k: v for k, v in permit("pulse").items() if k != "type"})], False),
    "from tomorrow": ([consent("c", "ann", permit("pulse", period={"start": "2026-11-21"}))], False),
    "from today": ([consent("c", "ann", permit("pulse", period={"start": "2026-11-20"}))], True),
    "from now": ([consent("c", "ann", permit("pulse", period={"start": "2026-11-20T12:00:00Z"}))], True),
    "until yesterday": ([consent("c", "ann", permit("pulse", period={"end": "2026-11-19"}))], False),
    "until today": ([consent("c", "ann", permit("pulse", period={"end": "2026-11-20"}))], True),
    "until just now": ([consent("c", "ann", permit("pulse", period={"end": "2026-11-20T11:59:59Z"}))], False),
    "until this month": ([consent("c", "ann", permit("pulse", period={"end": "2026-11"}))], True),
    "all but this class": (
        [consent("c", "ann", permit("pulse", provision=[{"type": "deny", "class": classes("Observation")}]))],
        False,
    ),
    "all but another class": (
        [consent("c", "ann", permit("pulse", provision=[{"type": "deny", "class": classes("Condition")}]))],
        True,
    ),
    "all but everything": ([consent("c", "ann", permit("pulse", provision=[{"type": "deny"}]))], False),
    "permitted within an untyped root": (
        [consent("c", "ann", {"provision": [permit("pulse", "Observation")]})],
        True,
    ),
    "denied elsewhere": (
        [
            consent("c", "ann", permit("pulse", "Observation")),
            consent("d", "ann", {**permit("pulse", "Observation"), "type": "deny"}),
        ],
        False,
    ),
    "everything denied elsewhere": (
        [
            consent("c", "ann", permit("pulse", "Observation")),
            consent("d", "ann", {**permit("pulse"), "type": "deny"}),
        ],
        False,
    ),
    "a class of the root, a recipient of the exception": (
        [
            consent(
                "c",
                "ann",
                {
                    "class": classes("Condition"),
                    "provision": [{"type": "permit", "actor": permit("pulse")["actor"]}],
                },
            )
        ],
        False,
    ),
    "only for a purpose": (
        [consent("c", "ann", permit("pulse", purpose=[{"code": "HRESCH"}]))],
        False,
    ),
    "only some codes": (
        [consent("c", "ann", permit("pulse", "Observation", code=[{"text": "heart rate"}]))],
        False,
    ),
    "only data of a time": (
        [consent("c", "ann", permit("pulse", "Observation", dataPeriod={"start": "2026-01-01"}))],
        False,
    ),
    "only one resource": (
        [
            consent(
                "c",
                "ann",
                permit("pulse", data=[{"meaning": "instance", "reference": {"reference": "Observation/o"}}]),
            )
        ],
        False,
    ),
    "an exception to the exception": (
        [
            consent(
                "c",
                "ann",
                permit(
                    "pulse",
                    provision=[
                        {
                            **permit("pulse", "Observation"),
                            "provision": [{"type": "deny", "class": classes("Observation")}],
                        }
                    ],
                ),
            )
        ],
        False,
    ),
}


async def test_an_app_reads_what_the_patient_lets_it_read_now(server: Server) -> None:
    for name, (trees, allowed) in CONSENTS.items():
        await server.put(*trees)
        read = await server.ask(PULSE, "GET", "Observation/ann-bp")
        assert (read.status == 200) is allowed, name
        found = await server.ask(PULSE, "GET", "Observation?subject=Patient/ann")
        assert found.ids == (["ann-bp"] if allowed else []), name
        for tree in trees:
            await server.ask(SYSTEM, "DELETE", f"Consent/{tree['id']}")
        assert (await server.ask(PULSE, "GET", "Observation/ann-bp")).status == 404, name


async def test_a_consent_that_is_withdrawn_bites_at_the_next_request(server: Server) -> None:
    given = consent("ann-band", "ann", permit("band"))
    await server.put(given)
    assert (await server.ask(BAND, "GET", "Observation/ann-bp")).status == 200
    withdrawn = await server.ask(ANN, "PUT", "Consent/ann-band", {**given, "status": "inactive"})
    assert withdrawn.status == 200
    for method, url, body in [
        ("GET", "Observation/ann-bp", None),
        ("GET", "Patient/ann", None),
        ("PUT", "Observation/ann-bp", observation("ann-bp", "ann")),
        ("POST", "Observation", observation("x", "ann")),
        ("DELETE", "Observation/ann-bp", None),
    ]:
        assert (await server.ask(BAND, method, url, body)).status in (403, 404), (method, url)
    assert (await server.ask(BAND, "GET", "Patient")).ids == []


async def test_a_patient_who_changes_practice_is_followed_by_the_record(server: Server) -> None:
    await server.put(person("ann", "oak"))
    assert (await server.ask(GP, "GET", "Observation/ann-bp")).status == 404
    assert (await server.ask(OAK_GP, "GET", "Observation/ann-bp")).status == 200


async def test_a_practice_that_loses_its_ods_code_reaches_nobody(server: Server) -> None:
    await server.put({"resourceType": "Organization", "id": "elm", "name": "elm"})
    assert (await server.ask(GP, "GET", "Patient")).ids == []


@pytest.mark.parametrize(
    ("actor", "patient", "data_class", "error"),
    [
        (GP, "ann", "vital-signs", None),
        (GP, "bob", "vital-signs", NotFound),
        (GP, "nobody", "vital-signs", NotFound),
        (ANN, "ann", None, None),
        (ANN, "bob", None, NotFound),
        (ADMINISTRATOR, "ann", None, NotFound),
        (BAND, "ann", "vital-signs", None),
        (BAND, "ann", "Condition", Forbidden),
        (BAND, "bob", "vital-signs", Forbidden),
        (BAND, "nobody", "vital-signs", Forbidden),
        (PULSE, "bob", "Observation", None),
        (PULSE, "bob", "vital-signs", Forbidden),
        (PULSE, "bob", None, None),
        (SYSTEM, "bob", None, None),
        (SYSTEM, "nobody", None, NotFound),
    ],
)
async def test_a_domain_gets_the_patient_key_only_within_reach(
    town: Server, actor: Actor, patient: str, data_class: str | None, error: type[CarespineError] | None
) -> None:
    expected = pytest.raises(error) if error else nullcontext()
    with expected:
        async with town.platform.door.enter(actor, purpose=TREATMENT) as session:
            assert await session.require_patient(patient, data_class=data_class) > 0


async def test_a_deleted_patient_is_out_of_reach_of_the_practice(server: Server) -> None:
    assert (await server.ask(SYSTEM, "DELETE", "Patient/ann")).status == 204
    assert (await server.ask(GP, "GET", "Patient/ann")).status == 404
    assert (await server.ask(GP, "GET", "Observation/ann-bp")).status == 404
    assert (await server.ask(GP, "PUT", "Patient/ann", person("ann", "elm"))).status == 403


PERMISSION = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"text": "privacy"},
    "category": [{"text": "sharing"}],
    "patient": {"reference": "Patient/ann"},
    "policyRule": {"text": "opt in"},
}


@pytest.mark.parametrize(
    ("scope", "tree", "status"),
    [
        ("system/*.cruds", {"resourceType": "Organization", "name": "Elsewhere"}, 403),
        ("system/Organization.cruds", {"resourceType": "Organization", "name": "Elsewhere"}, 201),
        ("system/*.cruds", PERMISSION, 403),
        ("system/Consent.cruds", PERMISSION, 403),
    ],
)
async def test_an_app_changes_no_consent_and_no_directory_by_a_star(
    server: Server, scope: str, tree: dict[str, Any], status: int
) -> None:
    """Either would let an app decide for itself whose records it reaches."""
    app = replace(BAND, scopes=frozenset([scope]))
    name = f"{tree['resourceType']}/x"
    assert (await server.ask(app, "PUT", name, {**tree, "id": "x"})).status == status
