"""schemathesis reads the OpenAPI document and asks what it allows: every answer is one that the document knows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

# A transport decides these, and what is left out of a path is another address.
NOT_OURS = ("host", "content-length", "transfer-encoding", "connection")


@pytest.fixture(scope="module")
def schema(on_a_loop: Any) -> Any:
    run, server = on_a_loop
    return schemathesis.openapi.from_dict(run(server.get("openapi.json")).json())


def test_every_answer_is_one_that_the_document_knows(on_a_loop: Any, schema: Any, is_long: bool) -> None:
    run, server = on_a_loop
    seen: Counter[int] = Counter()
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30

    def ask(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8600/fhir")
        headers = {name: value for name, value in sent["headers"].items() if name.lower() not in NOT_OURS}
        content = {name: sent[name] for name in ("json", "data", "content") if sent.get(name) is not None}
        if "data" in content:
            content = {"content": content["data"]} if isinstance(content["data"], (bytes, str)) else content
        reply = run(
            server.http.request(
                sent["method"], sent["url"], params=sent.get("params"), headers=headers, **content
            )
        )
        seen[reply.status_code] += 1
        assert reply.status_code < 500, f"{sent}: {reply.text[:300]}"
        responses = case.operation.definition.raw["responses"]
        known = responses["2XX"] if reply.is_success else responses["default"]
        if reply.content:
            assert reply.headers["content-type"].partition(";")[0] in known["content"], sent
        if reply.status_code >= 400 and "xml" not in reply.headers["content-type"]:
            assert reply.json()["resourceType"] == "OperationOutcome"

    for operation in operations:
        few = settings(
            max_examples=100 if is_long else 3,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        few(given(case=operation.as_strategy())(ask))()
    assert {200, 404} <= set(seen)
    assert seen.total() >= len(operations)
