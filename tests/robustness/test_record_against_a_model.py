"""The record against a plain model in Python: whatever is done in whatever order, both say the same."""

from __future__ import annotations

from itertools import count
from typing import Any

from api import ids
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

GENDERS = ("female", "male", "other", "unknown")
_lives = count(1)
PLACES = st.integers(0, 2)
GENDER = st.sampled_from(GENDERS)


class Record(RuleBasedStateMachine):
    """`model` holds each resource's versions, oldest first: a gender, or None for a deletion."""

    made = Bundle("made")

    def __init__(self, run: Any, server: Any) -> None:
        super().__init__()
        self.run, self.server, self.life = run, server, f"life{next(_lives)}"
        self.model: dict[str, list[str | None]] = {}

    def ask(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        reply = self.run(self.server.request(method, url, body, **headers))
        assert reply.status_code < 500, reply.text
        return reply

    def tree(self, name: str | None, gender: str) -> dict[str, Any]:
        tree: dict[str, Any] = {"resourceType": "Patient", "gender": gender, "name": [{"family": self.life}]}
        return {**tree, "id": name} if name else tree

    def exists(self, name: str) -> bool:
        return bool(self.model.get(name)) and self.model[name][-1] is not None

    @rule(target=made, gender=GENDER)
    def create(self, gender: str) -> str:
        reply = self.ask("POST", "Patient", self.tree(None, gender))
        assert (reply.status_code, reply.headers["etag"]) == (201, 'W/"1"')
        name: str = reply.json()["id"]
        self.model[name] = [gender]
        return name

    @rule(place=PLACES, gender=GENDER)
    def put(self, place: int, gender: str) -> None:
        name = f"{self.life}-{place}"
        expected = 200 if self.exists(name) else 201
        reply = self.ask("PUT", f"Patient/{name}", self.tree(name, gender))
        self.model.setdefault(name, []).append(gender)
        assert (reply.status_code, reply.headers["etag"]) == (expected, f'W/"{len(self.model[name])}"')

    @rule(name=made, gender=GENDER, behind=st.integers(0, 2))
    def put_if_match(self, name: str, gender: str, behind: int) -> None:
        version = max(len(self.model[name]) - behind, 0)
        reply = self.ask("PUT", f"Patient/{name}", self.tree(name, gender), if_match=f'W/"{version}"')
        if behind == 0 and self.exists(name):
            assert reply.status_code == 200
            self.model[name].append(gender)
        else:
            assert reply.status_code == 412

    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        name = f"{self.life}-{place}"
        assert self.ask("DELETE", f"Patient/{name}").status_code == 204
        if self.exists(name):
            self.model[name].append(None)

    @rule(first=PLACES, second=PLACES, gender=GENDER)
    def both_or_neither(self, first: int, second: int, gender: str) -> None:
        """A transaction of two updates; of one resource twice it is refused."""
        names = [f"{self.life}-{place}" for place in (first, second)]
        entries = [
            {"resource": self.tree(name, gender), "request": {"method": "PUT", "url": f"Patient/{name}"}}
            for name in names
        ]
        reply = self.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert reply.status_code == (400 if first == second else 200)
        if first != second:
            for name in names:
                self.model.setdefault(name, []).append(gender)

    @rule(name=made, version=st.integers(1, 6))
    def vread(self, name: str, version: int) -> None:
        reply = self.ask("GET", f"Patient/{name}/_history/{version}")
        versions = self.model[name]
        if version > len(versions):
            assert reply.status_code == 404
        elif versions[version - 1] is None:
            assert reply.status_code == 410
        else:
            assert reply.json()["gender"] == versions[version - 1]

    @rule(gender=GENDER)
    def search(self, gender: str) -> None:
        reply = self.ask("GET", f"Patient?family={self.life}&gender={gender}&_count=100&_total=accurate")
        expected = {name for name, versions in self.model.items() if versions[-1] == gender}
        assert set(ids(reply.json())) == expected
        assert reply.json()["total"] == len(expected)

    @invariant()
    def reads_and_histories_agree(self) -> None:
        for name, versions in self.model.items():
            reply = self.ask("GET", f"Patient/{name}")
            if versions[-1] is None:
                assert reply.status_code == 410
            else:
                assert reply.json()["gender"] == versions[-1]
            assert reply.headers["etag"] == f'W/"{len(versions)}"'

    def teardown(self) -> None:
        for name, versions in self.model.items():
            entries = self.ask("GET", f"Patient/{name}/_history?_count=100").json()["entry"]
            told = [entry.get("resource", {}).get("gender") for entry in reversed(entries)]
            assert told == versions


def test_the_record_and_a_plain_model_say_the_same(on_a_loop: Any, is_long: bool) -> None:
    run, server = on_a_loop
    examples, steps = (200, 40) if is_long else (6, 10)
    run_state_machine_as_test(
        lambda: Record(run, server),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
