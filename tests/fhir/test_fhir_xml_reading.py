"""FHIR XML is read to the tree that its JSON gives; what R4 does not allow is refused with its place and line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carespine.fhir import codec, xml
from carespine.fhir.xml import quick, reading
from carespine.kernel.errors import Invalid, Unprocessable

NS = 'xmlns="http://hl7.org/fhir"'
XHTML = "http://www.w3.org/1999/xhtml"
DIV = f'<div xmlns="{XHTML}">'
CODE = '<code><text value="c"/></code>'
X = '<extension url="u"><valueCode value="c"/></extension>'
EXTENDED = {"extension": [{"url": "u", "valueCode": "c"}]}
REFUSED = (Invalid, Unprocessable)


def patient(inner: str) -> str:
    return f"<Patient {NS}>{inner}</Patient>"


def observation(value: str) -> str:
    return f'<Observation {NS}><status value="final"/>{CODE}{value}</Observation>'


READ = [
    pytest.param(patient('<active value="true"/>'), {"active": True}, id="boolean"),
    pytest.param(patient('<multipleBirthInteger value="-2"/>'), {"multipleBirthInteger": -2}, id="integer"),
    pytest.param(patient('<birthDate value="1970-01"></birthDate>'), {"birthDate": "1970-01"}, id="two tags"),
    pytest.param(patient("<birthDate value='1970' />"), {"birthDate": "1970"}, id="single quotes"),
    pytest.param(
        patient('<id value="a"/><meta><versionId value="1"/></meta>'),
        {"id": "a", "meta": {"versionId": "1"}},
        id="resource id",
    ),
    pytest.param(
        patient(f'<name id="n"><family id="f" value="A">{X}</family></name>'),
        {"name": [{"id": "n", "family": "A", "_family": {"id": "f", **EXTENDED}}]},
        id="ids of elements and values",
    ),
    pytest.param(
        patient('<extension url="http://e/x" id="i"><valueCode value="c"/></extension>'),
        {"extension": [{"url": "http://e/x", "id": "i", "valueCode": "c"}]},
        id="extension with id",
    ),
    pytest.param(
        patient('<birthDate><extension url="http://e/x"><valueString value="?"/></extension></birthDate>'),
        {"_birthDate": {"extension": [{"url": "http://e/x", "valueString": "?"}]}},
        id="extension and no value",
    ),
    pytest.param(
        patient(f'<name><given value="A"/><given id="g" value="B">{X}</given><given value="C"/></name>'),
        {"name": [{"given": ["A", "B", "C"], "_given": [None, {"id": "g", **EXTENDED}, None]}]},
        id="list with one id",
    ),
    pytest.param(
        patient('<name><given><extension url="u"><valueCode value="c"/></extension></given></name>'),
        {"name": [{"_given": [{"extension": [{"url": "u", "valueCode": "c"}]}]}]},
        id="list with no value",
    ),
    pytest.param(
        patient('<contained><Basic><id value="b"/><code><text value="t"/></code></Basic></contained>'),
        {"contained": [{"resourceType": "Basic", "id": "b", "code": {"text": "t"}}]},
        id="contained",
    ),
    pytest.param(
        patient('<!-- one --><active value="true"/><!-- two\n<gender/> -->\n'), {"active": True}, id="comments"
    ),
    pytest.param(
        '<?xml version="1.0" encoding="UTF-8"?>\r\n' + patient('\r\n\t<active value="true"/>\r\n') + "\n",
        {"active": True},
        id="declaration and white space",
    ),
    pytest.param("\ufeff" + patient('<active value="true"/>'), {"active": True}, id="byte order mark"),
    pytest.param(
        '<f:Patient xmlns:f="http://hl7.org/fhir"><f:active value="true"/></f:Patient>',
        {"active": True},
        id="prefix",
    ),
    pytest.param(
        f'<Patient {NS} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://hl7.org/fhir ../fhir-all.xsd"><active value="true"/></Patient>',
        {"active": True},
        id="place of a schema",
    ),
    pytest.param(
        patient('<name><text value="&lt;a&gt; &amp; &quot;b&quot; &apos; &#233;&#x1F600;&#10;&#9;.&#13;"/></name>'),
        {"name": [{"text": "<a> & \"b\" ' é😀\n\t.\r"}]},
        id="references",
    ),
    pytest.param(patient('<name><text value="a\nb\tc"/></name>'), {"name": [{"text": "a b c"}]}, id="line break"),
    pytest.param(patient('<name><text value="Zoë &#38;amp;"/></name>'), {"name": [{"text": "Zoë &amp;"}]}, id="once"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), READ)
def test_a_document_gives_the_tree_of_its_json(document: str, expected: dict[str, Any]) -> None:
    raw = document.encode()
    assert xml.decode(raw, "Patient") == {"resourceType": "Patient", **expected}
    assert reading.read_in_full(raw) == {"resourceType": "Patient", **expected}
    codec.check(xml.decode(raw))


@pytest.mark.parametrize(
    "text", ["1.0", "1.50", "0.0010", "-3", "100", "1E+3", "1.5e-7", "12345678901234567890.10"]
)
def test_a_decimal_keeps_its_digits(text: str) -> None:
    raw = observation(f'<valueQuantity><value value="{text}"/></valueQuantity>').encode()
    value = xml.decode(raw)["valueQuantity"]["value"]
    assert str(value) == str(Decimal(text))
    assert f'<value value="{Decimal(text)}"/>'.encode() in xml.encode(xml.decode(raw))


NARRATIVES = [
    pytest.param(f"{DIV}<p>a &amp; b</p></div>", None, id="plain"),
    pytest.param(
        f"{DIV} <!-- c --> <![CDATA[<x>]]>\r\n&#233;<br/></div>", None, id="comment, CDATA, line end"
    ),
    pytest.param(f'<div class="x" xmlns="{XHTML}">a</div>', None, id="attribute first"),
    pytest.param(f'{DIV}<div title="&lt;/div>">x</div></div>', None, id="div in div"),
    pytest.param(f'{DIV}<p xml:lang="en">x</p></div >', None, id="language"),
    pytest.param(
        f'<x:div xmlns:x="{XHTML}" class="c"><x:p>a &lt; b</x:p><x:br/></x:div>',
        f'<div xmlns="{XHTML}" class="c"><p>a &lt; b</p><br/></div>',
        id="prefix of its own",
    ),
    pytest.param(f'<div xmlns="{XHTML}"/>', f'<div xmlns="{XHTML}"/>', id="empty"),
]


@pytest.mark.parametrize(("div", "expected"), NARRATIVES)
def test_a_narrative_is_kept_as_it_is_written(div: str, expected: str | None) -> None:
    raw = patient(f'<text><status value="generated"/>{div}</text><active value="true"/>').encode()
    tree = xml.decode(raw)
    assert tree["text"]["div"] == (expected or div)
    assert tree["active"] is True


def test_a_narrative_that_leans_on_an_outer_prefix_is_written_anew() -> None:
    div = '<h:div xml:lang="cy">a<h:b>b</h:b></h:div>'
    text = f'<text><status value="generated"/>{div}</text>'
    raw = f'<Patient {NS} xmlns:h="{XHTML}">{text}</Patient>'
    assert xml.decode(raw.encode())["text"]["div"] == f'<div xmlns="{XHTML}" xml:lang="cy">a<b>b</b></div>'


BUNDLE = f"""<Bundle {NS}>
  <type value="collection"/>
  <entry>
    <fullUrl value="http://example.org/Patient/a"/>
    <resource><Patient><id value="a"/><gender value="{{gender}}"/></Patient></resource>
  </entry>
  <entry><resource><Binary><contentType value="text/plain"/><data value="aGk="/></Binary></resource></entry>
</Bundle>"""


def test_a_bundle_holds_resources() -> None:
    tree = xml.decode(BUNDLE.format(gender="male").encode())
    first, second = (entry["resource"] for entry in tree["entry"])
    assert first == {"resourceType": "Patient", "id": "a", "gender": "male"}
    assert second == {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}


FAULTS = [
    pytest.param(patient("\n<colour/>"), "Patient", r"'colour'.*line 2", id="unknown element"),
    pytest.param(patient("<nam/>"), "Patient", "Did you mean name", id="nearly known"),
    pytest.param(patient('<name><family value="a"/></name><name><famly value="b"/></name>'), "Patient.name[1]",
                 "Did you mean family", id="second of a list"),
    pytest.param(patient('<active value="true" colour="red"/>'), "Patient.active", "'colour'.*id and value",
                 id="unknown attribute"),
    pytest.param(patient('<name value="x"/>'), "Patient.name[0]", "attribute 'value'", id="value of an object"),
    pytest.param(patient('<gender value="male"/><name><text value="x"/></name>'), "Patient",
                 "name out of order: R4 places it before gender", id="order"),
    pytest.param(patient('<name><text value="x"/></name><gender value="male"/><name><text value="y"/></name>'),
                 "Patient", "name out of order", id="list taken up again"),
    pytest.param(patient('<active value="true"/><active value="true"/>'), "Patient", "more than one active",
                 id="repeated"),
    pytest.param(observation('<valueString value="x"/><valueBoolean value="true"/>'), "Observation",
                 r"another value of value\[x\]", id="two of a choice"),
    pytest.param(observation("<valueQuantity><x/></valueQuantity>"), "Observation.value.ofType(Quantity)", "'x'",
                 id="within a choice"),
    pytest.param(patient("<active>true</active>"), "Patient.active", "the text 'true'", id="text as value"),
    pytest.param(patient("hello"), "Patient", "the text 'hello'", id="text"),
    pytest.param(patient('<x:active xmlns:x="http://other" value="true"/>'), "Patient", "http://other",
                 id="other namespace"),
    pytest.param("<Patient/>", None, "no namespace", id="no namespace"),
    pytest.param('<Patient xmlns="http://hl7.org/fhir/2"/>', None, "http://hl7.org/fhir/2", id="wrong namespace"),
    pytest.param(f"<Nonsense {NS}/>", None, "not a resource type", id="unknown type"),
    pytest.param(f"<Resource {NS}/>", None, "not a resource type", id="abstract type"),
    pytest.param(f'<Patient {NS} id="a"/>', "Patient", "attribute 'id'", id="id of a resource as attribute"),
    pytest.param(patient("<contained><Basic/><Basic/></contained>"), "Patient.contained[0]", "second resource",
                 id="two in one contained"),
    pytest.param(patient("<contained/>"), "Patient.contained[0]", "no resourceType", id="contained nothing"),
    pytest.param(patient("<contained><Foo/></contained>"), "Patient.contained[0]", "'Foo'", id="contained unknown"),
    pytest.param(patient("<name/>"), "Patient.name[0]", "empty object", id="nothing within"),
    pytest.param(patient("<gender/>"), "Patient.gender", "is null", id="no value"),
    pytest.param(patient('<active value="yes"/>'), "Patient.active", "'yes'; expected true or false",
                 id="not a boolean"),
    pytest.param(patient('<multipleBirthInteger value="1.0"/>'), "Patient.multipleBirth.ofType(integer)", "'1.0'",
                 id="not an integer"),
    pytest.param(patient('<multipleBirthInteger value="' + "9" * 5000 + '"/>'),
                 "Patient.multipleBirth.ofType(integer)", "whole number", id="huge integer"),
    pytest.param(observation('<valueQuantity><value value="NaN"/></valueQuantity>'),
                 "Observation.value.ofType(Quantity).value", "'NaN'", id="not a number"),
    pytest.param(patient('<birthDate value=""/>'), "Patient.birthDate", "expected a date", id="empty value"),
    pytest.param(BUNDLE.format(gender="x"), "Bundle.entry[0].resource.gender", "one of", id="code in a bundle"),
    pytest.param(patient('<text><status value="generated"/><div>x</div></text>'), "Patient.text", XHTML,
                 id="div of FHIR"),
    pytest.param(patient(f'<text><status value="generated"/>{DIV}<x xmlns="urn:x"/></div></text>'),
                 "Patient.text.div", "'x' is not of the XHTML", id="not XHTML within"),
    pytest.param(patient(f'<text><status value="generated"/>{DIV}<?run it?>a</div></text>'),
                 "Patient.text.div", "processing instruction", id="instruction within"),
    pytest.param(patient(f'<text><status value="generated"/>{DIV}{"<b>" * 300}{"</b>" * 300}</div></text>'),
                 "Patient.text.div", "too deeply", id="deep narrative"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "place", "message"), FAULTS)
def test_a_fault_is_refused_with_its_place(document: str, place: str | None, message: str) -> None:
    with pytest.raises(Unprocessable, match=message) as refusal:
        xml.decode(document.encode())
    assert refusal.value.issues[0].expression == place


DEEP = '<extension url="u">' * 2000 + "</extension>" * 2000
BOMB = '<!DOCTYPE P [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
UNREADABLE = [
    pytest.param(b"", Invalid, "line 1", id="nothing"),
    pytest.param(b"{}", Invalid, "cannot be read", id="JSON"),
    pytest.param(patient("").encode() + b"<x/>", Invalid, "junk after", id="two roots"),
    pytest.param(patient("<active>").encode(), Invalid, "mismatched", id="mismatched tag"),
    pytest.param(patient('<id value="a" value="b"/>').encode(), Invalid, "duplicate attribute", id="twice"),
    pytest.param(patient('<id value="&nbsp;"/>').encode(), Invalid, "undefined entity", id="entity of HTML"),
    pytest.param(patient('<id value="&#0;"/>').encode(), Invalid, "invalid character", id="reference to NUL"),
    pytest.param(patient('<id value="\x01"/>').encode(), Invalid, "not well-formed", id="control character"),
    pytest.param(patient('<div value="\x01"/>').encode(), Invalid, "not well-formed", id="the quick reader's mark"),
    pytest.param(patient("<text>\xff</text>").encode("latin-1"), Invalid, "not well-formed", id="not UTF-8"),
    pytest.param(b"\xff\xfe" + patient("").encode("utf-16-le"), Invalid, "UTF-16 is not", id="UTF-16"),
    pytest.param(b'<?xml version="1.0" encoding="ISO-8859-1"?>' + patient("").encode(), Invalid, "is UTF-8",
                 id="other encoding"),
    pytest.param(patient("<na<!-- -->me/>").encode(), Invalid, "not well-formed", id="comment within a tag"),
    pytest.param(patient('<id value="a<!-- -->"/>').encode(), Invalid, "not well-formed", id="comment in a value"),
    pytest.param(BOMB.encode() + patient('<id value="&b;"/>').encode(), Invalid, "DOCTYPE", id="expansion bomb"),
    pytest.param(b'<!DOCTYPE P SYSTEM "file:///etc/passwd">' + patient("").encode(), Invalid, "DOCTYPE",
                 id="external document type"),
    pytest.param(b'<!DOCTYPE P [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + patient('<id value="&x;"/>').encode(),
                 Invalid, "DOCTYPE", id="external entity"),
    pytest.param(patient(DEEP).encode(), Unprocessable, "too deeply", id="deep extensions"),
    pytest.param(b"<a>" * 100_000, REFUSED, "a", id="deep unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "error", "message"), UNREADABLE)
def test_hostile_or_broken_text_is_refused(raw: bytes, error: type[Exception], message: str) -> None:
    assert quick.read(raw) is None or error is Unprocessable
    with pytest.raises(error, match=message):
        xml.decode(raw)


def test_narratives_without_an_end_are_refused_in_time_that_grows_with_the_text() -> None:
    raw = f"<Patient {NS}><text>{DIV * 100_000}".encode()
    with pytest.raises(REFUSED):
        xml.decode(raw)


def test_a_resource_of_another_type_is_refused() -> None:
    with pytest.raises(Invalid, match="resourceType Patient; expected Observation"):
        xml.decode(patient('<active value="true"/>').encode(), "Observation")
