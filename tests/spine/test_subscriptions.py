"""Topic subscriptions by rest-hook: handshake, events in order without gaps, retries, dead letters, who hears what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api import Server, fresh_database, serving
from sources import Source, source
from test_bulk_export import consent, patient

from carespine.fhir.subscriptions.topics import BASE as TOPICS
from carespine.security.actor import Actor
from carespine.spine.subscriptions import deliverer
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
EXTENSION = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"


def subscription(
    name: str,
    endpoint: str | None,
    *,
    topic: str = "resource-changed",
    content: str = "id-only",
    filters: tuple[str, ...] = (),
    header: list[str] | None = None,
    **extensions: int,
) -> Tree:
    channel: Tree = {
        "type": "rest-hook" if endpoint else "websocket",
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": f"{EXTENSION}payload-content", "valueCode": content}]},
        "extension": [
            {"url": EXTENSION + key.replace("_", "-"), "valueUnsignedInt": value}
            for key, value in extensions.items()
        ],
    }
    channel |= {"endpoint": endpoint} if endpoint else {}
    channel |= {"header": header} if header else {}
    if not extensions:
        del channel["extension"]
    tree: Tree = {
        "resourceType": "Subscription",
        "id": name,
        "status": "requested",
        "reason": "test",
        "criteria": TOPICS + topic,
        "channel": channel,
    }
    if filters:
        rows = [{"url": f"{EXTENSION}filter-criteria", "valueString": text} for text in filters]
        tree["_criteria"] = {"extension": rows}
    return tree


async def until(true: Callable[[], Any]) -> Any:
    for _ in range(500):
        if found := true():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come to pass")


async def has_state(server: Server, name: str, state: str) -> Tree:
    for _ in range(500):
        tree = (await server.get(f"Subscription/{name}")).json()
        if tree.get("status") == state:
            found: Tree = tree
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} is {tree.get('status')}, not {state}")


def told(body: bytes) -> Tree:
    """A notification's status as a plain dictionary, with its events and the resources that came along."""
    bundle = json.loads(body)
    assert bundle["type"] == "history"
    first, *others = bundle["entry"]
    assert first["request"]["url"].endswith("/$status")
    found: Tree = {"events": [], "resources": [entry.get("resource") for entry in others]}
    for item in first["resource"]["parameter"]:
        if item["name"] == "notification-event":
            parts = {part["name"]: next(v for k, v in part.items() if k != "name") for part in item["part"]}
            found["events"].append((int(parts["event-number"]), parts.get("focus", {}).get("reference")))
        else:
            found[item["name"]] = next(v for k, v in item.items() if k != "name")
    return found


def events(hook: Source, path: str) -> list[tuple[int, str | None]]:
    """The events that arrived at a path, in the order of arrival."""
    return [event for body in hook.bodies(path) for event in told(body)["events"]]


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server whose tests subscribe each for itself, by a code that only they use."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("subscriptions"), open=True) as running:
            yield running


@pytest.fixture(scope="module")
def hook() -> Iterator[Source]:
    with source() as running:
        yield running


def observation(name: str, code: str) -> Tree:
    coded = {"coding": [{"system": "http://t", "code": code}]}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": coded}


async def subscribed(server: Server, hook: Source, name: str, **other: Any) -> str:
    """An active subscription at a path of the same name."""
    endpoint = hook.put(f"/{name}", b"")
    reply = await server.write(f"Subscription/{name}", subscription(name, endpoint, **other))
    assert reply.status_code == 201, reply.text
    await has_state(server, name, "active")
    return f"/{name}"


async def test_a_subscriber_is_greeted_and_told_of_events_in_order_without_gaps(
    shared: Server, hook: Source
) -> None:
    path = await subscribed(
        shared, hook, "order", filters=("Observation?code=order",), header=["X-Secret: 42"]
    )
    greeting = told(hook.bodies(path)[0])
    assert (greeting["type"], greeting["status"], greeting["topic"]) == (
        "handshake",
        "requested",
        TOPICS + "resource-changed",
    )
    for number in range(12):
        await shared.put(observation(f"order-{number % 4}", "order") | {"valueInteger": number})
    await shared.put(observation("other", "not-this"))
    await shared.request("DELETE", "Observation/order-0")
    await until(lambda: len(events(hook, path)) >= 13)
    assert [number for number, _ in events(hook, path)] == list(range(1, 14))
    assert events(hook, path)[-1] == (13, "Observation/order-0")
    assert all(headers.get("X-Secret") == "42" for _, asked, headers, _ in hook.asked if asked == path)
    # The secret is shown to nobody.
    shown = await shared.get("Subscription/order")
    assert shown.json()["channel"]["header"] == ["X-Secret: (not shown)"]
    assert "42" not in (await shared.get("Subscription/order/_history/1")).json()["channel"]["header"][0]
    # Asked afterwards, the same is told again.
    status = (await shared.get("Subscription/order/$status")).json()
    assert told_status(status)["events-since-subscription-start"] == "13"
    again = await shared.get(
        "Subscription/order/$events?eventsSinceNumber=3&eventsUntilNumber=5&content=full-resource"
    )
    found = told(again.content)
    assert [number for number, _ in found["events"]] == [3, 4, 5]
    assert [tree["valueInteger"] for tree in found["resources"]] == [2, 3, 4]


def told_status(bundle: Tree) -> Tree:
    assert bundle["type"] == "searchset"
    items = bundle["entry"][0]["resource"]["parameter"]
    return {item["name"]: next(v for k, v in item.items() if k != "name") for item in items}


@pytest.mark.parametrize(
    ("content", "focus", "resources"),
    [("empty", None, []), ("id-only", "Observation/{}", []), ("full-resource", "Observation/{}", ["{}"])],
)
async def test_the_content_is_what_was_asked_for(
    shared: Server, hook: Source, content: str, focus: str | None, resources: list[str]
) -> None:
    name = f"content-{content}"
    path = await subscribed(shared, hook, name, content=content, filters=(f"Observation?code={name}",))
    await shared.put(observation(name, name))
    await until(lambda: events(hook, path))
    found = told(hook.bodies(path)[1])
    assert found["events"] == [(1, focus and focus.format(name))]
    assert [tree["id"] for tree in found["resources"]] == [each.format(name) for each in resources]


def encounter(name: str, status: str) -> Tree:
    return {"resourceType": "Encounter", "id": name, "status": status, "class": {"code": "AMB"}}


async def test_topics_tell_beginnings_and_ends_apart(shared: Server, hook: Source) -> None:
    starts = await subscribed(shared, hook, "starts", topic="encounter-start")
    ends = await subscribed(shared, hook, "ends", topic="encounter-end")
    for status in ("planned", "in-progress", "onleave", "in-progress", "finished"):
        await shared.put(encounter("e1", status))
    await shared.put(encounter("e2", "in-progress") | {"language": "en"}, encounter("e3", "finished"))
    await shared.put(encounter("e2", "in-progress"))
    await until(lambda: len(events(hook, starts)) == 3 and len(events(hook, ends)) == 2)
    assert [focus for _, focus in events(hook, starts)] == ["Encounter/e1", "Encounter/e1", "Encounter/e2"]
    assert sorted(focus or "" for _, focus in events(hook, ends)) == ["Encounter/e1", "Encounter/e3"]


async def test_heartbeats_come_while_nothing_happens(shared: Server, hook: Source) -> None:
    path = await subscribed(
        shared, hook, "heart", topic="appointment", heartbeat_period=1, max_count=5, timeout=5
    )
    await until(lambda: len(hook.bodies(path)) >= 2)
    assert told(hook.bodies(path)[1])["type"] == "heartbeat"
    await shared.request("DELETE", "Subscription/heart")


async def test_what_does_not_arrive_is_tried_again_and_then_kept_until_it_is_asked_for(
    shared: Server, hook: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(deliverer, "TRIES", 4)
    path = await subscribed(shared, hook, "dead", filters=("Observation?code=dead",))
    hook.put(path, b"", 503)
    await shared.put(observation("dead-1", "dead"))
    broken = await has_state(shared, "dead", "error")
    assert broken["error"] == "The endpoint answered 503."
    assert len(hook.bodies(path)) == 1 + 4
    await shared.put(observation("dead-2", "dead"))
    rows = await until_rows(shared, "select events, delivered from subscription where id = 'dead'", (2, 0))
    assert rows
    waiting = await shared.get("Subscription/dead/$events")
    assert [number for number, _ in told(waiting.content)["events"]] == [1, 2]
    # The endpoint is back: asking for the subscription again brings what it missed.
    hook.put(path, b"")
    before = len(hook.bodies(path))
    await shared.write("Subscription/dead", broken | {"status": "requested"})
    await has_state(shared, "dead", "active")
    await until(lambda: len([e for body in hook.bodies(path)[before:] for e in told(body)["events"]]) == 2)


async def until_rows(server: Server, statement: str, expected: tuple[Any, ...]) -> bool:
    for _ in range(500):
        if [tuple(row) for row in await server.rows(statement)] == [expected]:
            return True
        await asyncio.sleep(0.02)
    raise AssertionError(await server.rows(statement))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"criteria": "http://example.org/topic"}, "URL of a topic"),
        ({"criteria": "Observation?code=x", "status": "active"}, "not offered"),
        ({"channel": {"type": "email"}}, "email"),
        ({"channel": {"type": "rest-hook"}}, "endpoint"),
        ({"channel": {"type": "rest-hook", "endpoint": "ftp://x"}}, "endpoint"),
        ({"channel": {"type": "rest-hook", "endpoint": "http://x/", "payload": "text/csv"}}, "fhir+json"),
        ({"channel": {"type": "rest-hook", "endpoint": "http://x/", "header": ["nothing"]}}, "Name: value"),
        (
            {"channel": {"type": "rest-hook", "endpoint": "http://x/", "header": ["A: (not shown)"]}},
            "not known",
        ),
        ({"status": "error"}, "Only the server"),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused_with_the_reason(
    shared: Server, change: Tree, words: str
) -> None:
    reply = await shared.write("Subscription/wrong", subscription("wrong", "http://x/") | change)
    assert reply.status_code == 422, reply.text
    assert words in reply.text


@pytest.mark.parametrize(
    ("topic", "text", "words"),
    [
        ("observation", "Patient?name=x", "type of the topic"),
        ("observation", "Observation", "type of the topic"),
        ("observation", "Observation?colour=red", "colour"),
        ("observation", "Observation?identifier=1", "can be filtered by"),
        ("observation", "Observation?date=2020", "equal"),
        ("observation", "Observation?patient.name=x", "equal"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_with_the_reason(
    shared: Server, topic: str, text: str, words: str
) -> None:
    tree = subscription("wrong", "http://x/", topic=topic, filters=(text,))
    reply = await shared.write("Subscription/wrong", tree)
    assert reply.status_code == 422, reply.text
    assert words in reply.text


async def test_a_subscription_to_a_search_is_kept_and_nobody_is_notified(
    shared: Server, hook: Source
) -> None:
    path = await subscribed(shared, hook, "was-topic", filters=("Observation?code=plain",))
    tree = subscription("was-topic", hook.address + path) | {"criteria": "Observation?code=plain"}
    del tree["channel"]["_payload"]
    for status in ("requested", "error", "off"):
        assert (await shared.write("Subscription/was-topic", tree | {"status": status})).status_code == 200
        assert (await shared.get("Subscription/was-topic")).json()["status"] == status
    assert await shared.rows("select 1 from subscription where id = 'was-topic'") == []
    assert (await shared.get("Subscription/was-topic/$status")).status_code == 404


async def test_topics_are_listed_in_the_capability_statement(shared: Server) -> None:
    resources = (await shared.get("metadata")).json()["rest"][0]["resource"]
    (entry,) = [each for each in resources if each["type"] == "Subscription"]
    offered = {each["valueCanonical"] for each in entry["extension"]}
    assert {TOPICS + "encounter-start", TOPICS + "resource-deleted"} <= offered
    assert {"status", "events", "get-ws-binding-token"} <= {each["name"] for each in entry["operation"]}


async def test_an_app_hears_only_of_patients_who_share_with_it(
    tmp_path: Path, database_url: str, hook: Source
) -> None:
    endpoint = hook.put("/consent", b"")
    async with serving(database_url, tmp_path, outbound="any") as server:
        await server.put(
            {"resourceType": "Organization", "id": "practice", "name": "P"},
            patient("ann"),
            patient("bob"),
            consent("ann", "listener"),
        )
        for client in ("listener", "other"):
            await server.rows(
                "insert into oauth_client (client_id, name, jwks, scopes, certified) values ($1, '', '{}', '', false)",
                client,
            )
        scopes = frozenset({"system/*.cruds"})
        app = Actor("app", "listener", "listener", "registered app", scopes=scopes)
        other = Actor("app", "other", "other", "registered app", scopes=scopes)
        tree = subscription("mine", endpoint, topic="observation", content="full-resource")
        made = await server.ask(app, "PUT", "Subscription/mine", tree)
        assert made.status == 201, made.content
        assert (await server.ask(other, "GET", "Subscription/mine")).status == 404
        assert (await server.ask(other, "GET", "Subscription/mine/$events")).status == 404
        assert (await server.ask(other, "PUT", "Subscription/mine", tree)).status == 403
        for _ in range(500):
            if (await server.ask(app, "GET", "Subscription/mine")).tree["status"] == "active":
                break
            await asyncio.sleep(0.02)
        about = [
            observation(f"o-{who}", "x") | {"subject": {"reference": f"Patient/{who}"}}
            for who in ("bob", "ann")
        ]
        await server.put(*about)
        await until(lambda: events(hook, "/consent"))
        # Consent ends: what follows is not told, and of what was, only the number is shown.
        await server.put({**consent("ann", "listener"), "status": "inactive"})
        await server.put(observation("late", "x") | {"subject": {"reference": "Patient/ann"}})
        await until_rows(server, "select count(*) from resource_change", (0,))
        assert events(hook, "/consent") == [(1, "Observation/o-ann")]
        asked = await server.ask(app, "GET", "Subscription/mine/$events?content=full-resource")
        assert told(asked.content)["events"] == [(1, None)]
        assert told(asked.content)["resources"] == []
        heard = await server.rows(
            "select count(*) from audit_event a join patient_index i using (patient) where i.id = 'ann' "
            "and position('notify' in convert_from(body, 'UTF8')) > 0"
        )
        assert heard[0][0] == 1
        gone = await server.ask(app, "DELETE", "Subscription/mine", headers={"if-match": 'W/"2"'})
        assert gone.status in (204, 412)


async def test_private_endpoints_are_not_called(
    tmp_path: Path, database_url: str, hook: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(deliverer, "TRIES", 1)
    endpoint = hook.put("/private", b"")
    async with serving(database_url, tmp_path) as server:
        await server.rows(
            "insert into oauth_client (client_id, name, jwks, scopes, certified) values ('a', '', '{}', '', false)"
        )
        app = Actor("app", "a", "a", "registered app", scopes=frozenset({"system/*.cruds"}))
        await server.ask(app, "PUT", "Subscription/private", subscription("private", endpoint))
        for _ in range(500):
            tree = (await server.ask(app, "GET", "Subscription/private")).tree
            if tree["status"] == "error":
                break
            await asyncio.sleep(0.02)
        assert "may not be called" in tree["error"]
    assert hook.bodies("/private") == []
