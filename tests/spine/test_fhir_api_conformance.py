"""Every line of interaction_cases holds; docs/conformance.md shows them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from api import JSON, Server
from interaction_cases import CASES, PATIENT, Case

_numbers = count(1)


def _named(value: Any, name: str) -> Any:
    """The value with an id of this case's own in place of {x}."""
    if isinstance(value, bytes):
        return value.replace(b"{x}", name.encode())
    return json.loads(json.dumps(value).replace("{x}", name))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.interaction}: {case.says}")
async def test_an_interaction_answers_as_the_table_says(dates: Server, case: Case) -> None:
    name = f"case{next(_numbers)}"
    for suffix in ("", "-gone"):
        await dates.write(
            f"Patient/{name}{suffix}", _named({**PATIENT, "id": f"{name}{suffix}"}, name + suffix)
        )
    await dates.write(f"Patient/{name}", _named(PATIENT, name))
    await dates.request("DELETE", f"Patient/{name}-gone")
    method, _, url = _named(case.request, name).partition(" ")
    headers = {**JSON, **_named(case.headers, name)}
    content = _named(case.body, name) if case.body is not None else None
    body = content if isinstance(content, bytes) or content is None else json.dumps(content)
    reply = await dates.http.request(
        method, f"/fhir/{url}" if url else "/fhir", content=body, headers=headers
    )
    assert reply.status_code == case.status, reply.text
    assert {header: reply.headers.get(header) for header in case.told} == case.told
    if reply.status_code >= 400:
        assert reply.json()["issue"][0]["diagnostics"]
