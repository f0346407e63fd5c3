"""Every way to ask, by every kind of asker, of every kind of patient: out of reach is like not being there at all."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from access_people import (
    ADMINISTRATOR,
    BAND,
    CLEANER,
    GP,
    LOCUM,
    NURSE,
    OAK_GP,
    PULSE,
    RECEPTIONIST,
    STRANGE,
    condition,
    consent,
    observation,
    permit,
    person,
    practice,
)
from api import SYSTEM, Reply, Server, fresh_database, serving

from carespine.security.actor import TREATMENT, Actor
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
R = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
OWN = Actor("patient", "own", "Own", "patient", patient="zzown")
OWN_APP = Actor(
    "patient", "own", "Own", "patient", patient="zzown", client="charts", context="zzown",
    scopes=frozenset({"patient/*.cruds"}),
)  # fmt: skip
GP_APP = Actor(
    "practitioner", "gp", "Dr Elm", "general practitioner", organisation="A10001", client="charts",
    context="zzown", scopes=frozenset({"patient/*.cruds"}),
)  # fmt: skip
AUDITOR = Actor("officer", "auditor", "Auditor", "auditor")
CARER = Actor("patient", "carer", "Carer", "carer", patient="zzown", proxy=frozenset({"Patient"}))
# Whom each asker reaches; nobody reaches anybody else. The restricted patient is reached, but for her whereabouts.
ELM = {"zzown", "zzsame", "zzrestricted"}
REACH: dict[Actor, set[str]] = {
    GP: ELM, NURSE: ELM, RECEPTIONIST: ELM, OAK_GP: {"zzother", "zzdissented"}, LOCUM: set(), CLEANER: set(),
    OWN: {"zzown"}, OWN_APP: {"zzown"}, GP_APP: {"zzown"}, CARER: {"zzown"}, ADMINISTRATOR: set(), AUDITOR: set(),
    BAND: {"zzown", "zzrestricted"}, STRANGE: set(), PULSE: set(),
}  # fmt: skip
PATIENTS = ("zzown", "zzsame", "zzother", "zzrestricted", "zzdissented", "zzdeleted")
NOBODY = "zznobody"
READS = (
    "Patient/{p}", "Patient/{p}/_history", "Patient/{p}/_history/1", "Patient?_id={p}", "Patient?family={p}",
    "Patient?_id={p}&_summary=count", "Patient?_id={p}&_total=accurate&_count=1",
    "Patient?family={p}&_sort=birthdate",
    "Patient/{p}/$everything", "Patient/{p}/Observation", "Patient/{p}/Condition?_summary=count",
    "Patient?_has:Observation:patient:code={p}", "Patient?_id={p}&_revinclude=Observation:patient",
    "Observation/{p}-bp", "Observation/{p}-bp/_history", "Observation/{p}-bp/_history/1",
    "Observation?subject=Patient/{p}",
    "Observation?code={p}", "Observation?code={p}&_summary=count",
    "Observation?patient.family={p}",
    "Observation?code={p}&_include=Observation:patient", "Observation?code={p}&_sort=-date&_count=1",
    "Observation?code:not={p}&_id={p}-bp", "Condition?subject=Patient/{p}", "Condition/{p}-asthma",
    "Organization?_has:Patient:general-practitioner:family={p}", "Observation/$lastn?patient=Patient/{p}",
    "Observation?subject=Patient/{p}&_total=accurate&_count=1",
)  # fmt: skip
_OF_THIS_ANSWER = re.compile(r'"(?:lastUpdated|timestamp)":"[^"]*"|^\{"resourceType":"Bundle","id":"[^"]*"')
FULL = os.environ.get("ATTACK") == "full"
SECRETS = ("Hidden Lane", "07700900123")


@pytest.fixture(scope="module")
async def town(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("matrix")) as running:
            await running.put(*_people())
            async with running.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
                for name in ("Observation/zzdeleted-bp", "Condition/zzdeleted-asthma", "Patient/zzdeleted"):
                    await session.delete(*name.split("/"))
            yield running


def _people() -> list[Tree]:
    places = dict.fromkeys(PATIENTS, "elm") | {"zzother": "oak", "zzdissented": "oak"}
    trees: list[Tree] = [practice("elm", "A10001"), practice("oak", "B20002")]
    for name, place in places.items():
        trees += [
            person(name, place),
            observation(f"{name}-bp", name, name),
            condition(f"{name}-asthma", name),
        ]
    restricted = next(tree for tree in trees if tree["id"] == "zzrestricted")
    restricted |= {
        "meta": {"security": R},
        "address": [{"line": ["1 Hidden Lane"], "city": "Hidden Lane"}],
        "telecom": [{"system": "phone", "value": "07700900123"}],
    }
    referral: Tree = {
        "resourceType": "ServiceRequest", "id": "referral", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/zzdissented"}, "performer": [{"reference": "Organization/elm"}],
    }  # fmt: skip
    shares = [consent(f"share-{name}", name, permit("band")) for name in ("zzown", "zzrestricted")]
    return [*trees, referral, *shares, consent("dissent", "zzdissented", {"type": "deny"})]


def _told(reply: Reply, name: str) -> tuple[int, list[str], str]:
    """Everything an answer tells, with the name that was asked for taken out; header values too."""
    # An answer's own identity and the time it was given are new each time.
    text = _OF_THIS_ANSWER.sub("", reply.content.decode()).replace(name, "?").replace(name.title(), "?")
    headers = [f"{key}: {value}".replace(name, "?") for key, value in reply.headers.items()]
    return reply.status, sorted(headers), text


async def test_two_thousand_questions_leak_nothing(town: Server) -> None:
    """All of it with ATTACK=full (make attack); otherwise every fifth way to ask, another for each asker."""
    calls, leaks = 0, []
    for number, (actor, reached) in enumerate(REACH.items()):
        for template in READS if FULL else READS[number % 5 :: 5]:
            nobody = _told(await town.ask(actor, "GET", template.format(p=NOBODY)), NOBODY)
            for name in PATIENTS:
                reply = await town.ask(actor, "GET", template.format(p=name))
                calls += 1
                if name not in reached and _told(reply, name) != nobody:
                    leaks.append((actor.id, actor.client, template, name, reply.status))
                if any(secret.encode() in reply.content for secret in SECRETS):
                    leaks.append((actor.id, actor.client, template, name, "whereabouts"))
    assert leaks[:10] == []
    assert calls >= (2_000 if FULL else 400)


WRITES: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "Observation/{p}-bp", observation("{p}-bp", "{p}")),
    ("DELETE", "Observation/{p}-bp", None),
    ("DELETE", "Condition/{p}-asthma", None),
    ("POST", "Observation", observation("new", "{p}")),
    ("DELETE", "Patient/{p}", None),
    ("DELETE", "Observation?code={p}", None),
)


def _filled(body: Any, name: str) -> Any:
    if isinstance(body, dict):
        return {key: _filled(value, name) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, name) for value in body]
    return body.replace("{p}", name) if isinstance(body, str) else body


async def test_writing_out_of_reach_tells_no_more_than_reading(town: Server) -> None:
    leaks = []
    for actor, reached in REACH.items():
        for method, template, body in WRITES:
            url = template.format(p=NOBODY)
            nobody = _told(await town.ask(actor, method, url, _filled(body, NOBODY)), NOBODY)
            for name in set(PATIENTS) - reached:
                reply = await town.ask(actor, method, template.format(p=name), _filled(body, name))
                if reply.status < 400 or _told(reply, name) != nobody:
                    leaks.append((actor.id, actor.client, method, template, name, reply.status, nobody[0]))
    assert leaks == []
    for name in ("zzother", "zzsame", "zzdissented"):
        current = await town.ask(SYSTEM, "GET", f"Observation/{name}-bp")
        assert (current.status, current.tree["meta"]["versionId"]) == (200, "1")
