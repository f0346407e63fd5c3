"""$meta, $meta-add, $meta-delete: labels of a resource, a version, a type and the system."""

from __future__ import annotations

from typing import Any

import pytest
from api import Server

from carespine.security.actor import Actor

Tree = dict[str, Any]
RED, BLUE = {"system": "http://t", "code": "red"}, {"system": "http://t", "code": "blue", "display": "Blue"}
SECRET = {"system": "http://s", "code": "R"}
ANN: Tree = {"resourceType": "Patient", "id": "ann", "meta": {"tag": [RED], "profile": ["http://p/1"]}}
ANN_HERSELF = Actor("patient", "ann", "Ann", "patient", patient="ann")


def meta(**labels: Any) -> Tree:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": labels}]}


def returned(reply: Any) -> Tree:
    """The labels that came back, without what the server adds."""
    assert reply.status_code == 200, reply.text
    tree = reply.json()
    assert [item["name"] for item in tree["parameter"]] == ["return"]
    value = tree["parameter"][0].get("valueMeta", {})
    return {key: found for key, found in value.items() if key not in ("versionId", "lastUpdated")}


async def test_labels_are_added_once_and_taken_away_by_a_new_version(server: Server) -> None:
    await server.put(ANN)
    both = {"tag": [RED, BLUE], "profile": ["http://p/1", "http://p/2"], "security": [SECRET]}
    added = await server.post("Patient/ann/$meta-add", meta(**both))
    assert returned(added) == both
    assert (await server.get("Patient/ann")).json()["meta"] == added.json()["parameter"][0]["valueMeta"]
    assert (await server.get("Patient/ann")).headers["etag"] == 'W/"2"'
    assert await server.found("Patient?_tag=http://t|blue") == ["ann"]
    again = await server.post("Patient/ann/$meta-add", meta(tag=[{**RED, "display": "Red"}]))
    assert returned(again) == both
    assert (await server.get("Patient/ann")).headers["etag"] == 'W/"2"'
    gone = await server.post(
        "Patient/ann/$meta-delete", meta(tag=[{**BLUE, "display": "x"}], profile=["http://p/1"])
    )
    assert returned(gone) == {"tag": [RED], "profile": ["http://p/2"], "security": [SECRET]}
    assert await server.found("Patient?_tag=http://t|blue") == []
    assert returned(await server.get("Patient/ann/_history/2/$meta")) == both
    assert returned(await server.get("Patient/ann/$meta")) == returned(gone)
    nothing = await server.post("Patient/ann/$meta-delete", meta(tag=[BLUE, {"code": "red"}]))
    assert returned(nothing) == returned(gone)
    assert (await server.get("Patient/ann")).headers["etag"] == 'W/"3"'


async def test_the_labels_in_use_are_those_of_a_type_or_of_all(server: Server) -> None:
    basic: Tree = {"resourceType": "Basic", "code": {"text": "x"}}
    await server.put(
        ANN,
        {**ANN, "id": "bob", "meta": {"tag": [BLUE, RED]}},
        {**ANN, "id": "old", "meta": {"tag": [{"code": "deleted"}]}},
        {**basic, "id": "b", "meta": {"security": [SECRET]}, "subject": {"reference": "Patient/bob"}},
        {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "name": '"tag":[x'},
    )
    await server.request("DELETE", "Patient/old")
    people = {"tag": [BLUE, RED], "profile": ["http://p/1"]}
    assert returned(await server.get("Patient/$meta")) == people
    assert returned(await server.get("$meta")) == {**people, "security": [SECRET]}
    assert returned(await server.get("Group/$meta")) == {}
    hers = await server.ask(ANN_HERSELF, "GET", "$meta")
    assert hers.tree["parameter"][0]["valueMeta"] == ANN["meta"]


@pytest.mark.parametrize(
    ("method", "url", "body", "headers", "status"),
    [
        ("GET", "Patient/none/$meta", None, {}, 404),
        ("GET", "Patient/ann/_history/7/$meta", None, {}, 404),
        ("GET", "Patient/ann/_history/x/$meta", None, {}, 400),
        ("GET", "Patient/ann/$meta?x=1", None, {}, 400),
        ("GET", "Patient/ann/$meta-add", None, {}, 405),
        ("GET", "Patient/ann/$meta-delete", None, {}, 405),
        ("POST", "Patient/$meta-add", meta(tag=[RED]), {}, 404),
        ("POST", "$meta-add", meta(tag=[RED]), {}, 404),
        ("POST", "Patient/none/$meta-add", meta(tag=[RED]), {}, 404),
        ("POST", "Patient/ann/$meta-add", None, {}, 400),
        ("POST", "Patient/ann/$meta-add", {"resourceType": "Parameters"}, {}, 400),
        ("POST", "Patient/ann/$meta-add", ANN, {}, 400),
        ("POST", "Patient/ann/$meta-add", {**meta(tag=[RED]), "id": "a_b"}, {}, 422),
        ("POST", "Patient/ann/$meta-add", meta(tag=[BLUE]), {"if_match": 'W/"2"'}, 412),
        ("POST", "Patient/ann/$meta-add", meta(tag=[BLUE]), {"content_type": "text/plain"}, 415),
    ],
)
async def test_what_cannot_be_labelled_is_refused(
    dates: Server, method: str, url: str, body: Any, headers: dict[str, str], status: int
) -> None:
    await dates.put(ANN)
    reply = await dates.request(method, url, body, **headers)
    assert reply.status_code == status, reply.text
    assert (await dates.get("Patient/ann")).headers["etag"] == 'W/"1"'


async def test_who_may_not_update_may_not_label(server: Server) -> None:
    await server.put(ANN, {**ANN, "id": "bob"})
    for patient, status in (("ann", 403), ("bob", 404)):
        reply = await server.ask(ANN_HERSELF, "POST", f"Patient/{patient}/$meta-add", meta(tag=[BLUE]))
        assert reply.status == status
