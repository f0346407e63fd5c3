"""What each search finds among a small population: every kind of parameter, prefix and modifier, in real SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from api import Server, fresh_database, ids, serving
from search_cases import EXAMPLES, MODIFIERS, PREFIXES, SYSTEM, asked_by, lines
from search_people import PEOPLE

from carespine.fhir import codec, json_text
from carespine.fhir.search import parse
from carespine.kernel.errors import Invalid
from carespine.storage.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
async def people(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("people"), open=True) as running:
            for tree in PEOPLE:
                codec.check(codec.decode(codec.encode(tree)))
                await running.put(codec.decode(codec.encode(tree)))
            yield running


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(("query", "expected"), list(lines()), ids=[query for query, _ in lines()])
async def test_a_search_finds_what_r4_says(people: Server, query: str, expected: list[str]) -> None:
    path, _, text = query.partition("?")
    escaped = "&".join(
        f"{name}={value if '%2B' in value else quote(value)}"
        for name, _, value in (pair.partition("=") for pair in text.split("&") if pair)
    )
    joined = f"{escaped}&_total=accurate" if escaped else "_total=accurate"
    reply = await people.get(f"{path}?{joined}")
    assert reply.status_code == 200, reply.text
    assert sorted(ids(reply.json())) == sorted(expected)
    assert reply.json()["total"] == len(expected)
    form = escaped.encode()
    if "/" in path:
        return
    posted = await people.post(f"{path}/_search", form, content_type="application/x-www-form-urlencoded")
    assert sorted(ids(posted.json())) == sorted(expected)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("_id", "ann bob cy dee"),
        ("-_id", "dee cy bob ann"),
        ("birthdate", "bob ann cy dee"),
        ("-birthdate", "cy ann bob dee"),
        ("gender", "ann bob cy dee"),
        ("-gender,birthdate", "bob ann cy dee"),
        ("gender,-_id", "ann bob dee cy"),
        ("-active,-birthdate,_lastUpdated", "ann bob cy dee"),
        ("-organization", "bob ann cy dee"),
        ("name,gender", "ann bob cy dee"),
        ("-_profile", "ann bob cy dee"),
        ("family", "ann bob cy dee"),
        ("-family", "cy bob ann dee"),
        ("_lastUpdated", "ann bob cy dee"),
        ("-_lastUpdated", "dee cy bob ann"),
        ("address-city,-_id", "ann dee cy bob"),
        ("birthdate,_id", "bob ann cy dee"),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
async def test_pages_follow_the_sort_and_what_lacks_the_value_comes_last(
    people: Server, sort: str, expected: str, count: int
) -> None:
    found: list[str] = []
    url: str | None = f"Patient?_sort={sort}&_count={count}"
    while url:
        bundle = (await people.get(url)).json()
        codec.check(bundle)
        found += ids(bundle)
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        url = following[0].partition("/fhir/")[2] if following else None
    assert found == expected.split()


@pytest.mark.parametrize(
    ("query", "matches", "included"),
    [
        ("Observation?_id=weight&_include=Observation:subject", "weight", "ann"),
        ("Observation?_id=weight&_include=Observation:subject:Patient", "weight", "ann"),
        ("Observation?_id=weight&_include=Observation:subject:Group", "weight", ""),
        ("Observation?_id=weight&_include=Observation:*", "weight", "ann doc"),
        ("Observation?_id=weight&_include=*", "weight", "ann doc"),
        (
            "Observation?_id=weight&_include=Observation:patient&_include:iterate=Patient:organization",
            "weight",
            "ann elm",
        ),
        (
            "Observation?_id=weight&_include=Observation:patient&_include:iterate=Patient:organization"
            "&_include:iterate=Organization:partof",
            "weight",
            "ann elm trust",
        ),
        (
            "Observation?_id=weight&_include=Observation:patient&_include=Observation:performer",
            "weight",
            "ann doc",
        ),
        ("Patient?_id=ann&_revinclude=Observation:patient", "ann", "calm smoking weight"),
        ("Patient?_id=ann&_revinclude=Observation:*", "ann", "calm smoking weight"),
        ("Patient?_id=ann&_revinclude=Condition:subject&_include=Patient:organization", "ann", "asthma elm"),
        ("Organization?_id=trust&_revinclude=Organization:partof", "trust", "elm"),
        (
            "Organization?_id=trust&_revinclude:iterate=Organization:partof&_revinclude:iterate=Patient:organization",
            "trust",
            "elm ann",
        ),
        (
            "Patient?_id=ann,bob&_revinclude=Observation:patient:Patient&_count=1",
            "ann",
            "calm smoking weight",
        ),
        ("Patient?_id=none&_revinclude=Observation:patient", "", ""),
    ],
)
async def test_what_is_included_comes_once_and_is_marked(
    people: Server, query: str, matches: str, included: str
) -> None:
    bundle = (await people.get(query)).json()
    assert ids(bundle) == matches.split()
    assert sorted(ids(bundle, "include")) == sorted(included.split())


@pytest.mark.parametrize(
    ("query", "total", "entries"),
    [
        ("Patient", 4, 4),
        ("Patient?_count=2", None, 2),
        ("Patient?_count=2&_total=estimate", 4, 2),
        ("Patient?_count=2&_total=accurate", 4, 2),
        ("Patient?_count=2&_total=none", None, 2),
        ("Patient?_count=0", 4, 0),
        ("Patient?_summary=count", 4, 0),
        ("Patient?_summary=count&_total=none", 4, 0),
        ("Patient?gender=female&_count=0", 1, 0),
        ("Basic", 0, 0),
    ],
)
async def test_the_total_counts_all_matches_or_is_not_there(
    people: Server, query: str, total: int | None, entries: int
) -> None:
    bundle = (await people.get(query)).json()
    codec.check(bundle)
    assert (bundle.get("total"), len(bundle.get("entry", []))) == (total, entries)


async def test_what_is_not_understood_is_an_error_or_by_wish_a_warning(people: Server) -> None:
    url = "Patient?gender=female&unknown=1&name:wrong=x"
    assert (await people.get(url)).status_code == 400
    lenient = (await people.get(url, prefer="handling=lenient")).json()
    assert ids(lenient) == ["ann"]
    codec.check(lenient)
    warnings = next(e["resource"] for e in lenient["entry"] if e["search"]["mode"] == "outcome")
    assert [issue["severity"] for issue in warnings["issue"]] == ["warning", "warning"]
    itself = next(link["url"] for link in lenient["link"] if link["relation"] == "self")
    assert "unknown" not in itself


@pytest.mark.parametrize("line", [line for line in SYSTEM.splitlines() if line])
async def test_a_search_may_be_over_several_types(people: Server, line: str) -> None:
    query, _, expected = line.partition("  ")
    path, _, text = query.strip().partition("?")
    escaped = quote(text, safe="=&,|")
    reply = await people.get(f"{path}?{escaped}&_total=accurate&_count=50")
    bundle = reply.json()
    codec.check(codec.decode(codec.encode(json_text.read(reply.content))))
    assert sorted(ids(bundle)) == sorted(expected.split())
    assert bundle["total"] == len(expected.split())
    form = f"{escaped}&_count=50".encode()
    posted = await people.post(f"{path}/_search".lstrip("/"), form, content_type=FORM)
    assert sorted(ids(posted.json())) == sorted(expected.split())


@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=-_lastUpdated", "&_sort=-_id,_lastUpdated"])
async def test_pages_over_several_types_hold_everything_once_and_in_order(people: Server, sort: str) -> None:
    found: list[str] = []
    url: str | None = f"?_type=Patient,Organization,Location&_count=3{sort}"
    whole = ids((await people.get(f"{url}&_count=100".replace("&_count=3", ""))).json())
    while url:
        bundle = (await people.get(url)).json()
        found += ids(bundle)
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        url = following[0].partition("/fhir")[2] if following else None
    assert found == whole
    assert len(found) == len(set(found)) == 14
    if sort == "&_sort=_id":
        assert found == sorted(found)


@pytest.mark.parametrize(
    "query",
    [
        "?_type=Nonsense",
        "?_type=Patient,Observation&birthdate=1980",
        "?gender=male",
        "?_type=Patient,Organization&_sort=name",
        "?_type=Patient&_include=Patient:organization",
        "?_cursor=x",
    ],
)
async def test_what_does_not_hold_for_several_types_is_refused(people: Server, query: str) -> None:
    assert (await people.get(query)).status_code == 400


async def test_a_form_searches_within_a_compartment_and_shapes_what_it_finds(people: Server) -> None:
    form = b"code=29463-7&_elements=status&_count=1"
    bundle = (await people.post("Patient/ann/Observation/_search", form, content_type=FORM)).json()
    (entry,) = bundle["entry"]
    assert entry["resource"]["id"] == "weight"
    assert "valueQuantity" not in entry["resource"]
    (itself,) = [link["url"] for link in bundle["link"] if link["relation"] == "self"]
    assert itself.endswith("/fhir/Patient/ann/Observation?code=29463-7&_elements=status&_count=1")


async def test_the_self_link_tells_what_was_used_of_a_name_that_is_given_twice(people: Server) -> None:
    url = "Patient?birthdate=never&birthdate=1980&_contained=true"
    bundle = (await people.get(url, prefer="handling=lenient")).json()
    assert sorted(ids(bundle)) == ["ann", "bob"]
    assert bundle["link"][0]["url"].endswith("/fhir/Patient?birthdate=1980")
    issues = next(e["resource"]["issue"] for e in bundle["entry"] if e["search"]["mode"] == "outcome")
    assert len(issues) == 2


@pytest.mark.parametrize("kind", ["number", "date", "quantity"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_of_every_ordered_type_is_among_the_cases(kind: str, prefix: str) -> None:
    assert (kind, prefix) in {each for query, _ in lines() for each in asked_by(query)}


@pytest.mark.parametrize("kind", list(MODIFIERS))
@pytest.mark.parametrize("modifier", sorted({name for names in MODIFIERS.values() for name in names}))
def test_a_modifier_is_taken_where_r4_has_it_and_refused_elsewhere(kind: str, modifier: str) -> None:
    resource_type, code = EXAMPLES[kind]
    value = MODIFIERS[kind].get(modifier)
    if value is not None:
        assert parse(resource_type, [(f"{code}:{modifier}", value)]).clauses
        return
    with pytest.raises(Invalid, match=f"no modifier :{modifier}|:{modifier}"):
        parse(resource_type, [(f"{code}:{modifier}", "1")])
