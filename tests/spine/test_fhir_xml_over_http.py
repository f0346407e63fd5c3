"""XML over HTTP: asked for, sent, answered; what is stored stays one and the same resource."""

from __future__ import annotations

from typing import Any

import pytest
from api import Server

from carespine.fhir import codec, xml

XML_TYPE = "application/fhir+xml; charset=utf-8"
XML = {"content_type": "application/fhir+xml", "accept": "application/fhir+xml"}
PATIENT = {
    "resourceType": "Patient",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Bea <b>Bell</b></div>'},
    "name": [{"family": "Bell & Søn", "given": ["Bea"]}],
    "gender": "female",
    "_birthDate": {"extension": [{"url": "http://example.org/unknown", "valueBoolean": True}]},
}


def body_of(reply: Any) -> dict[str, Any]:
    assert reply.headers["content-type"] == XML_TYPE
    return xml.decode(reply.content)


@pytest.mark.parametrize(
    ("query", "accept", "in_xml"),
    [
        ("", "application/fhir+xml", True),
        ("", "application/xml", True),
        ("", "text/xml;q=0.9, application/fhir+json;q=0.8", True),
        ("", "application/fhir+xml, application/fhir+json", True),
        ("", "application/fhir+json, application/fhir+xml", False),
        ("", "application/fhir+xml;q=0.1, */*", False),
        ("", "application/fhir+xml;q=0, application/json;q=0.1", False),
        ("", "*/*", False),
        ("?_format=xml", "application/fhir+json", True),
        ("?_format=application/fhir%2Bxml", "application/fhir+json", True),
        ("?_format=application/fhir+xml", "*/*", True),
        ("?_format=text/xml", "*/*", True),
        ("?_format=json", "application/fhir+xml", False),
    ],
)
async def test_the_client_chooses_the_format(reading: Server, query: str, accept: str, in_xml: bool) -> None:
    reply = await reading.get(f"Patient/ann{query}", accept=accept)
    assert reply.status_code == 200
    assert reply.headers.get_list("content-type") == [
        XML_TYPE if in_xml else "application/fhir+json; charset=utf-8"
    ]
    tree = xml.decode(reply.content) if in_xml else codec.decode(reply.content)
    assert tree == (await reading.get("Patient/ann")).json()


async def test_a_resource_sent_in_xml_is_the_same_in_json(server: Server) -> None:
    made = await server.post("Patient", xml.encode(PATIENT), **XML)
    assert made.status_code == 201
    tree = body_of(made)
    assert made.headers["location"].endswith(f"/Patient/{tree['id']}/_history/1")
    as_json = (await server.get(f"Patient/{tree['id']}")).json()
    assert as_json == tree
    assert {name: tree[name] for name in PATIENT} == PATIENT


async def test_an_update_in_xml_may_be_answered_in_json(server: Server) -> None:
    put = xml.encode({**PATIENT, "id": "bea"})
    reply = await server.write("Patient/bea", put, content_type="text/xml; charset=UTF-8")
    assert reply.status_code == 201
    assert reply.json()["name"] == PATIENT["name"]


async def test_the_digits_of_a_decimal_pass_through(server: Server) -> None:
    body = (
        b'<Observation xmlns="http://hl7.org/fhir"><id value="o"/><status value="final"/><code><text value="x"/></code>'
        b'<valueQuantity><value value="1.500"/></valueQuantity></Observation>'
    )
    assert (await server.write("Observation/o", body, content_type="application/fhir+xml")).status_code == 201
    assert b'"value":1.500' in (await server.get("Observation/o")).content
    assert b'<value value="1.500"/>' in (await server.get("Observation/o?_format=xml")).content


async def test_a_transaction_in_xml(server: Server) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": PATIENT,
             "request": {"method": "POST", "url": "Patient"}},
            {"resource": {"resourceType": "Basic", "code": {"text": "x"}, "subject":
                          {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}},
             "request": {"method": "PUT", "url": "Basic/b"}},
        ],
    }  # fmt: skip
    bundle["entry"][1]["resource"]["id"] = "b"
    reply = await server.post("", xml.encode(bundle), **XML)
    assert reply.status_code == 200, reply.text
    answers = body_of(reply)
    assert [entry["response"]["status"] for entry in answers["entry"]] == ["201 Created", "201 Created"]
    patient = answers["entry"][0]["response"]["location"].split("/Patient/")[1].split("/")[0]
    assert (await server.get("Basic/b")).json()["subject"] == {"reference": f"Patient/{patient}"}


async def test_a_search_and_its_next_page_in_xml(server: Server) -> None:
    await server.put(*({"resourceType": "Patient", "id": f"p{i}", "gender": "female"} for i in range(3)))
    bundle = body_of(await server.get("Patient?gender=female&_count=2&_format=xml"))
    assert (bundle["type"], len(bundle["entry"])) == ("searchset", 2)
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert len(body_of(await server.get(following.split("/fhir/")[1]))["entry"]) == 1


async def test_a_history_in_xml(reading: Server) -> None:
    bundle = body_of(await reading.get("Patient/ann/_history?_format=xml"))
    assert bundle["entry"][0]["resource"]["resourceType"] == "Patient"


async def test_the_capabilities_in_xml(reading: Server) -> None:
    tree = body_of(await reading.get("metadata?_format=xml"))
    assert tree == (await reading.get("metadata")).json()
    assert {"application/fhir+xml", "xml"} <= set(tree["format"])


@pytest.mark.parametrize(
    ("body", "content_type", "status", "said"),
    [
        (b"<Patient", "application/fhir+xml", 400, "cannot be read"),
        (b'{"resourceType":"Patient"}', "application/fhir+xml", 400, "cannot be read"),
        (b'<!DOCTYPE P SYSTEM "file:///etc/passwd"><P/>', "application/fhir+xml", 400, "DOCTYPE"),
        (b'<Patient xmlns="http://hl7.org/fhir"><colour/></Patient>', "application/fhir+xml", 422, "colour"),
        (b'<Basic xmlns="http://hl7.org/fhir"><code/></Basic>', "application/fhir+xml", 422, "Basic.code"),
        (b'<Patient xmlns="http://hl7.org/fhir"/>', "application/fhir+xml; charset=utf-16", 415, "utf-16"),
        (b'<Patient xmlns="http://hl7.org/fhir"/>', "application/fhir+json", 400, "not JSON"),
        (b"", "application/fhir+xml", 415, "application/fhir+json"),
    ],
)
async def test_a_refusal_is_an_outcome_in_xml(
    server: Server, body: bytes, content_type: str, status: int, said: str
) -> None:
    reply = await server.post("Patient", body, content_type=content_type, accept="application/fhir+xml")
    assert reply.status_code == status, reply.text
    outcome = body_of(reply)
    assert outcome["resourceType"] == "OperationOutcome"
    assert said in outcome["issue"][0]["diagnostics"]


async def test_what_is_not_there_is_an_outcome_in_xml(reading: Server) -> None:
    reply = await reading.get("Patient/nobody", accept="application/fhir+xml")
    assert (reply.status_code, body_of(reply)["issue"][0]["code"]) == (404, "not-found")


async def test_a_narrative_that_is_not_xhtml_can_be_had_in_json_only(server: Server) -> None:
    broken = {**PATIENT, "id": "c", "text": {"status": "generated", "div": "<div><p>open</div>"}}
    made = await server.write("Patient/c", broken, accept="application/fhir+xml")
    assert made.status_code == 201
    assert body_of(made)["issue"][0]["severity"] == "warning"
    refused = await server.get("Patient/c", accept="application/fhir+xml")
    assert refused.status_code == 406
    assert body_of(refused)["issue"][0]["expression"] == ["Patient.text.div"]
    assert (await server.get("Patient/c")).json()["text"] == broken["text"]


async def test_a_deletion_has_no_body(server: Server) -> None:
    await server.put({"resourceType": "Patient", "id": "d"})
    reply = await server.request("DELETE", "Patient/d", accept="application/fhir+xml")
    assert (reply.status_code, reply.content) == (204, b"")
    assert "content-type" not in reply.headers
