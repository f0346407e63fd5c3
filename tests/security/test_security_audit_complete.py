"""Three hundred scripted actions leave three hundred audit events, and each says who, what, where, why and whose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from access_people import BAND, GP, NURSE, OAK_GP, condition, consent, observation, permit, person, practice
from api import FakeClock, Server, serving

from carespine.fhir import codec
from carespine.security.actor import Actor

AUDITOR = Actor("officer", "auditor", "Auditor", "auditor")
PATIENTS = [f"p{number}" for number in range(10)]
BASE = "http://127.0.0.1:8600/fhir"
Action = tuple[Actor, str, str, Any]


def script(name: str) -> list[Action]:
    """Thirty things that are done to one patient, or refused."""
    gp, nurse, oak, band = (
        replace(each, address="192.0.2.7", request_id=f"r-{name}") for each in (GP, NURSE, OAK_GP, BAND)
    )
    self = Actor("patient", name, name.title(), "patient", patient=name, address="192.0.2.8")
    bp, asthma, share = f"{name}-bp", f"{name}-asthma", f"{name}-share"
    known = {**person(name, "elm"), "gender": "other"}
    return [
        (gp, "GET", f"Patient/{name}", None),
        (nurse, "GET", f"Patient/{name}", None),
        (gp, "GET", f"Patient/{name}/_history/1", None),
        (gp, "GET", f"Patient/{name}/_history", None),
        (gp, "GET", f"Patient?_id={name}", None),
        (gp, "PUT", f"Observation/{bp}", observation(bp, name)),
        (gp, "GET", f"Observation/{bp}", None),
        (nurse, "GET", f"Observation/{bp}/_history/1", None),
        (nurse, "GET", f"Observation?patient={name}", None),
        (nurse, "GET", f"Observation?patient={name}&code=bp&_count=5", None),
        (gp, "PUT", f"Observation/{bp}", observation(bp, name, "bp2")),
        (gp, "GET", f"Observation/{bp}/_history", None),
        (gp, "PUT", f"Condition/{asthma}", condition(asthma, name)),
        (gp, "GET", f"Condition?subject=Patient/{name}", None),
        (gp, "POST", "Condition", condition("x", name)),
        (gp, "PUT", f"Patient/{name}", known),
        (nurse, "PUT", f"Condition/{asthma}", {**condition(asthma, name), "note": [{"text": "mild"}]}),
        (oak, "GET", f"Patient/{name}", None),
        (oak, "PUT", f"Patient/{name}", person(name, "oak")),
        (oak, "GET", f"Patient/{name}/_history/1", None),
        (band, "GET", f"Patient/{name}", None),
        (band, "DELETE", f"Patient/{name}", None),
        (self, "GET", f"Patient/{name}", None),
        (self, "GET", f"Observation/{bp}", None),
        (self, "GET", f"Observation?code=bp2&patient={name}", None),
        (self, "PUT", f"Consent/{share}", consent(share, name, permit("band"))),
        (band, "GET", f"Observation/{bp}", None),
        (band, "GET", f"Observation?patient={name}&_summary=true", None),
        (band, "DELETE", f"Observation/{bp}", None),
        (self, "PUT", f"Consent/{share}", {**consent(share, name, permit("band")), "status": "inactive"}),
    ]


async def test_three_hundred_actions_leave_three_hundred_complete_events(
    database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path, clock=FakeClock()) as server:
        await server.put(practice("elm", "A10001"), practice("oak", "B20002"))
        await server.put(*(person(name, "elm") for name in PATIENTS))
        done = []
        for name in PATIENTS:
            for actor, method, url, body in script(name):
                before = await count(server)
                reply = await server.ask(actor, method, url, body)
                assert await count(server) == before + 1, (method, url)
                done.append((name, actor, method, url, reply.status))
        assert len(done) == 300
        shown = await everything(server)
        assert len(shown) == 300
        refused = 0
        for (name, actor, method, url, status), event in zip(done, shown, strict=True):
            codec.check(event)
            complete(event, name, actor, method, url)
            assert event["outcome"] == ("4" if status >= 400 else "0"), (method, url, status)
            refused += status >= 400
        assert refused == 50


async def count(server: Server) -> int:
    return int((await server.rows("select count(*) from audit_event"))[0][0])


async def everything(server: Server) -> list[dict[str, Any]]:
    """The AuditEvents of the script, oldest first, as an auditor reads them."""
    tree = (await server.ask(AUDITOR, "GET", "AuditEvent?_count=1000")).tree
    events = [entry["resource"] for entry in tree["entry"]]
    return [each for each in reversed(events) if each["agent"][0]["altId"] not in ("system:test", "auditor")]


def complete(event: dict[str, Any], name: str, actor: Actor, method: str, url: str) -> None:
    """Who, in which role and for whom; what; where; why; whose: as IHE BALP names them."""
    user = event["agent"][0]
    assert user["type"]["coding"][0]["code"] == "IRCP"
    assert (user["altId"], user["name"], user["requestor"]) == (actor.id, actor.name, True)
    assert user["role"][0]["text"] == actor.role
    assert user["who"]
    assert user["network"] == {"address": actor.address, "type": "2"}
    if actor.organisation:
        assert event["agent"][1]["who"]["identifier"]["value"] == actor.organisation
    there = event["agent"][-1]
    assert there["type"]["coding"][0]["code"] == ("110152" if event["action"] in ("C", "U") else "110153")
    assert there["who"]["identifier"]["value"] == event["source"]["observer"]["identifier"]["value"] == BASE
    assert event["type"]["code"] == "rest"
    assert event["subtype"][0]["system"] == "http://hl7.org/fhir/restful-interaction"
    why = event["purposeOfEvent"][0]["coding"][0]
    assert (why["system"].rpartition("/")[2], why["code"]) == ("v3-ActReason", "TREAT")
    assert event["recorded"].startswith("2026-11-20T12:00:00")
    whose, what = event["entity"][:2]
    assert whose["what"]["reference"] == f"Patient/{name}"
    assert (whose["type"]["code"], whose["role"]["code"]) == ("1", "1")
    kind = url.partition("?")[0].partition("/")[0]
    assert kind in str(what["what"])
    is_search = "?" in url and method == "GET"
    assert what["role"]["code"] == ("24" if is_search else "4")
    if actor.request_id:
        assert event["entity"][-1]["what"]["identifier"]["value"] == actor.request_id
