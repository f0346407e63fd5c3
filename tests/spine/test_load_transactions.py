"""Which transactions may be made at once: those whose outcome does not depend on their order."""

from __future__ import annotations

from typing import Any

import pytest

from carespine.fhir import codec
from carespine.spine.load_transactions import Order, Reach, is_transaction, reach


def bundle(*requests: dict[str, str], **resource: Any) -> bytes:
    entries = [
        {"request": request, "resource": {"resourceType": "Basic", **resource}} for request in requests
    ]
    return codec.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def post(url: str, **more: str) -> dict[str, str]:
    return {"method": "POST", "url": url, **more}


def put(url: str) -> dict[str, str]:
    return {"method": "PUT", "url": url}


def test_what_a_transaction_reaches() -> None:
    asking = {"subject": {"reference": "Patient?identifier=x|1"}}
    text = bundle(post("Basic"), put("Group/g"), post("Flag", ifNoneExist="identifier=x|2"), **asking)
    found = reach(text)
    assert found == Reach(
        frozenset({"Basic", "Group", "Flag"}), frozenset({"Group/g"}), frozenset({"Patient", "Flag"})
    )


@pytest.mark.parametrize(
    "text",
    [
        bundle({"method": "GET", "url": "Patient/x"}),
        bundle(post("http://elsewhere/fhir/Patient")),
        bundle(post("Basic"), subject={"reference": "Patient\u0001?x"}).replace(b"Patient\\u0001", b"Patient\\u003f"),
        codec.encode({"resourceType": "Bundle", "type": "transaction", "entry": [{}]}),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_made_alone(text: bytes) -> None:
    order = Order()
    assert reach(text) is None
    assert order.admits(None)
    order.note(None)
    assert not order.admits(reach(bundle(post("Basic"))))
    order.clear()
    order.note(reach(bundle(post("Basic"))))
    assert not order.admits(None)


@pytest.mark.parametrize(
    ("first", "second", "may"),
    [
        (bundle(post("Basic")), bundle(post("Basic")), True),
        (bundle(put("Basic/a")), bundle(put("Basic/b")), True),
        (bundle(put("Basic/a")), bundle(put("Basic/a")), False),
        (bundle(post("Patient")), bundle(post("Basic"), subject={"reference": "Patient?x=1"}), False),
        (bundle(post("Basic"), subject={"reference": "Patient?x=1"}), bundle(put("Patient/p")), False),
        (bundle(post("Flag", ifNoneExist="x=1")), bundle(post("Flag", ifNoneExist="x=1")), False),
        (bundle(post("Flag")), bundle({"method": "DELETE", "url": "Flag?x=1"}), False),
        (bundle(post("Flag", ifNoneExist="x=1")), bundle(post("Basic")), True),
    ],
)
def test_only_what_has_nothing_to_do_with_each_other_is_made_at_once(
    first: bytes, second: bytes, may: bool
) -> None:
    order = Order()
    order.note(reach(first))
    assert order.admits(reach(second)) is may


def test_only_a_bundle_of_requests_is_a_transaction() -> None:
    assert is_transaction(bundle())
    assert not is_transaction(b'{"resourceType":"Bundle","type":"collection"}')
    assert not is_transaction(b'{"resourceType":"Bundle","type":7}')
