"""What each search finds among the people of search_people: query, then the ids that it must give.

The tests run every line; docs/search-conformance.md is made from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from carespine.fhir.search import Criterion, DateValue, NumberValue, QuantityValue, parse
from carespine.fhir.search.walking import criteria_of

STRINGS = """
Patient?name=abel                    ann bob
Patient?name=ABEL                    ann bob
Patient?name=bel
Patient?name:contains=bel            ann bob
Patient?name:exact=Abel              ann
Patient?name:exact=abel
Patient?family=abel,mull             ann bob cy
Patient?family=abel&given=bob        bob
Patient?name=zoe                     ann
Patient?name=obrien
Patient?name=annie obrien            ann
Patient?name:contains=brien smith    ann
Patient?family=müller                cy
Patient?family=muller                cy
Patient?family:exact=MÜLLER          cy
Patient?name:missing=true            dee
Patient?name:missing=false           ann bob cy
Patient?address=york                 ann
Patient?address-city=york            ann
Patient?address-postalcode=YO1       ann
Patient?phonetic=Able                ann
Patient?name=%
Patient?name=_
Patient?name:contains=%
Patient?name:contains=a%l
Observation?value-string=walks the   note
Organization?name=elm                elm
"""
TOKENS = """
Patient?gender=female                        ann
Patient?gender=female,male                   ann bob
Patient?gender:not=female                    bob cy dee
Patient?gender:not=female,male               cy dee
Patient?gender:missing=true                  cy dee
Patient?gender=http://hl7.org/fhir/administrative-gender|female   ann
Patient?active=true                          ann
Patient?active=false                         bob
Patient?active:not=true                      bob cy dee
Patient?deceased=true                        bob
Patient?deceased=false                       ann cy dee
Patient?identifier=1                         ann bob
Patient?identifier=http://mrn|1              ann
Patient?identifier=http://mrn|               ann bob
Patient?identifier=|bare                     ann
Patient?identifier=|1
Patient?identifier=http://mrn|1,http://mrn|2   ann bob
Patient?identifier:of-type=http://t|MR|1     ann
Patient?identifier:of-type=http://t|MR|2
Patient?phone=01632960001                    ann
Patient?telecom=(01632) 960-001              ann
Patient?_id=ann                              ann
Patient?_id=ann,bob,none                     ann bob
Patient?_id:not=ann                          bob cy dee
Patient?_tag=http://tag|red                  ann
Patient?_tag=red                             ann
Patient?_profile=http://profile              ann
Patient?_profile=http://profile|1.0          ann
Patient?_profile=http://profile|2.0
Observation?code=29463-7                     weight heavy stones
Observation?code=http://loinc.org|29463-7    weight heavy stones
Observation?code=http://snomed.info/sct|29463-7
Observation?code:not=29463-7                 less smoking note orphan calm tense
Observation?value-concept=8517006            smoking
Observation?value-concept:text=ex            smoking
Observation?combo-code=8480-6                calm tense
Observation?component-code=8480-6            calm tense
Condition?code:text=asth                     asthma
"""
DATES = """
Patient?birthdate=1980                       ann bob
Patient?birthdate=1980-05                    ann bob
Patient?birthdate=1980-05-17                 ann
Patient?birthdate=ne1980-05-17               bob cy
Patient?birthdate=gt1980-05-17               bob cy
Patient?birthdate=lt1980-05-17               bob
Patient?birthdate=ge1981                     cy
Patient?birthdate=le1980-05-17               ann bob
Patient?birthdate=sa1980-05-17               cy
Patient?birthdate=eb1981                     ann bob
Patient?birthdate=ap1980                     ann bob cy
Patient?birthdate=eq1980-05                  ann bob
Patient?birthdate=1980-05-17,1981            ann cy
Patient?birthdate=ge1980&birthdate=lt1981    ann bob
Patient?birthdate:missing=true               dee
Observation?date=2026-03-01                  weight
Observation?date=2026-03-01T09:30:00Z        weight
Observation?date=2026-03-01T10:30:00%2B01:00   weight
Observation?date=2026-04-01                  heavy
Observation?date=2026-03                     weight
Observation?date=ge2026-03-05                heavy stones
Observation?date=gt2099                      stones
Observation?date=eb2022                      smoking
Observation?date=sa2026-03-01                heavy stones
Observation?date=2020
Observation?date=lt2020-06                   smoking
Observation?date:missing=true                less note orphan calm tense
Observation?date=ge2026-03-01&date=lt2026-03-02   weight
Observation?date=gt2026-03-01&date=lt2026-04-01   stones
Observation?date=ge2026&date=le2026-12-31    weight heavy stones
Observation?date=ge2027&date=lt2026-06       stones
Observation?date=ge2020&date=lt2020-06       smoking
"""
NUMBERS = """
Observation?value-quantity=70.5                                  weight
Observation?value-quantity=71                                    weight
Observation?value-quantity=70
Observation?value-quantity=70.50                                 weight
Observation?value-quantity=70.6
Observation?value-quantity=120|http://unitsofmeasure.org|kg      heavy
Observation?value-quantity=120||kg                               heavy
Observation?value-quantity=120|http://unitsofmeasure.org|g
Observation?value-quantity=120000|http://unitsofmeasure.org|g    heavy
Observation?value-quantity=70.5e3|http://unitsofmeasure.org|g    weight
Observation?value-quantity=155|http://unitsofmeasure.org|[lb_av]   weight
Observation?value-quantity=gt0.1|http://unitsofmeasure.org|t     heavy
Observation?value-quantity=ge0.12|http://unitsofmeasure.org|t    heavy
Observation?value-quantity=gt0.12|http://unitsofmeasure.org|t
Observation?value-quantity=70500||g
Observation?value-quantity=le70500|http://unitsofmeasure.org|g   weight
Observation?value-quantity=1|http://unitsofmeasure.org|nonsense
Observation?value-quantity=ap125000|http://unitsofmeasure.org|g,12||stone   heavy stones
Observation?value-quantity=ge60&value-quantity=lt100             weight
Observation?value-quantity=ge60||kg&value-quantity=lt100000|http://unitsofmeasure.org|g   weight
Observation?component-value-quantity=ge118&component-value-quantity=lt80   calm
Observation?component-value-quantity=22|http://unitsofmeasure.org|kPa   tense
Observation?value-quantity=12||stone                             stones
Observation?value-quantity=1.2e2                                 heavy
Observation?value-quantity=ne70.5                                heavy stones less
Observation?value-quantity=gt70.5                                heavy
Observation?value-quantity=ge70.5                                weight heavy
Observation?value-quantity=lt12                                  less
Observation?value-quantity=le12                                  stones less
Observation?value-quantity=sa100                                 heavy
Observation?value-quantity=eb11                                  less
Observation?value-quantity=ap75                                  weight
Observation?value-quantity=ge100,lt12                            heavy less
Observation?value-quantity:missing=true                          smoking note orphan calm tense
Observation?component-value-quantity=gt160||mm[Hg]               tense
Observation?combo-value-quantity=118                             calm tense
RiskAssessment?probability=0.25                                  risk
RiskAssessment?probability=gt0.3
RiskAssessment?probability=0.2
RiskAssessment?probability=0.2,0.3                               risk
RiskAssessment?probability=lt0.5                                 risk
RiskAssessment?probability=ne0.25
RiskAssessment?probability=ne0.2                                 risk
RiskAssessment?probability=ge0.25                                risk
RiskAssessment?probability=le0.25                                risk
RiskAssessment?probability=le0.24
RiskAssessment?probability=sa0.25
RiskAssessment?probability=sa0.2                                 risk
RiskAssessment?probability=eb0.25
RiskAssessment?probability=eb0.3                                 risk
RiskAssessment?probability=ap0.24                                risk
RiskAssessment?probability=ap0.3
RiskAssessment?probability=eq0.25                                risk
Observation?value-quantity=eq70.5                                weight
Observation?code-value-quantity=29463-7$gt100                    heavy
Observation?code-value-quantity=29463-7$70.5||kg                 weight
Observation?component-code-value-quantity=8480-6$gt140           tense
Observation?component-code-value-quantity=8480-6$118             calm
Observation?component-code-value-quantity=8462-4$118             tense
Observation?component-code-value-quantity=http://loinc.org|8462-4$lt80||mm[Hg]   calm
Observation?code-value-concept=72166-2$8517006                   smoking
Observation?code-value-quantity=29463-7$120,8480-6$118           heavy
Observation?component-code-value-quantity:missing=false          calm tense
"""
REFERENCES = """
Observation?subject=Patient/ann              weight smoking calm
Observation?subject=ann                      weight smoking calm
Observation?patient=ann                      weight smoking calm
Observation?subject:Patient=ann              weight smoking calm
Observation?subject:Group=ann
Observation?subject=Patient/ann,Patient/cy   weight smoking calm less
Observation?subject:missing=true             orphan
Observation?performer=Practitioner/doc       weight
Condition?asserter:identifier=http://gmc|77  asthma
Condition?asserter:identifier=77             asthma
Patient?organization=Organization/elm        ann
ValueSet?url=http://a.example/set/one        vs
ValueSet?url=http://a.example/set
ValueSet?url:below=http://a.example/set      vs
ValueSet?url:below=http://a.example          vs vs2
ValueSet?url:above=http://a.example/set/one/two   vs
Observation?subject:Patient.name=abel        weight heavy stones smoking calm tense
Observation?patient.name=bob                 heavy stones tense
Observation?patient.name=bob&code=29463-7    heavy stones
Observation?patient.organization.name=elm    weight smoking calm
Observation?patient.organization.partof.name=the trust   weight smoking calm
Observation?patient:missing=false            weight heavy stones less smoking note calm tense
Observation?performer:Practitioner.family=young   weight
Observation?patient.birthdate=1981           less
Observation?patient.name:missing=true        note
Observation?patient.gender:not=female        heavy stones less note tense
Patient?_has:Observation:patient:code=29463-7    ann bob
Patient?_has:Observation:patient:value-quantity=gt100   bob
Patient?_has:Observation:subject:date=2026-03-01    ann
Patient?_has:Condition:subject:code=195967001    ann
Patient?_has:Observation:patient:_has:Provenance:target:agent=x
Patient?organization.name=oak                bob
Organization?_has:Patient:organization:name=ann  elm
Organization?_has:Patient:organization:_has:Observation:patient:code=8517006
Organization?_has:Patient:organization:_has:Observation:patient:code=72166-2    elm
Practitioner?_has:Observation:performer:code=29463-7   doc
Practitioner?_has:Patient:general-practitioner:gender=female   doc
Appointment?patient=Patient/ann              visit
Appointment?patient.name=ann                 visit
Appointment?patient.name=müller              visit
Appointment?actor:Patient.name=ann           visit
Patient?_has:Appointment:patient:status=booked     ann cy
Person?patient.name=ann                      person
SupplyRequest?subject:Patient.name=ann       supply
AppointmentResponse?patient.name=ann         reply
Patient?_has:Person:patient:_id=person       ann
"""
COMPARTMENTS = """
Patient/ann/Observation                      weight smoking calm
Patient/ann/Observation?code=29463-7         weight
Patient/bob/Observation?code=72166-2
Patient/ann/Appointment                      visit
Patient/cy/Appointment                       visit
Patient/none/Observation
"""
PLACES = """
Location?near=53.8|-1.55|10|km               leeds
Location?near=53.8|-1.55|50|km               leeds york
Location?near=53.8|-1.55                     leeds york
Location?near=53.8|-1.55|20|[mi_i]           leeds
Location?near=53.8|-1.55|1|m                 leeds
Location?near=-17|-179.9|50|km               fiji
Location?near=90|0|20|km                     pole
Location?near=89.9|-170|50|km                pole
Location?near=0|0|100|km
Location?near=53.96|-1.08|0|km               york
"""

WORDS = """
Condition?_text=bone                         problem
Condition?_text=BONE metastases              problem
Condition?_text=(bone OR liver) and metastases   problem
Condition?_text=liver
Condition?_text=liver,bone                   problem
Condition?_text=bone and not liver           problem
Condition?_text="bone metastases"            problem
Condition?_text=obrien                       problem
Condition?_text=div
Condition?_content=liver                     problem
Condition?_content=zurich liver              problem
Condition?_content=bone not liver
Condition?_content=asthma,liver              asthma problem
Condition?_content=asthma&subject=Patient/bob
Condition?_content=note
Observation?patient._content=yo1             weight smoking calm
Patient?_has:Condition:subject:_text=bone    bob
"""
LISTS = """
Patient?_list=round                          cy dee
Patient?_list=List/round,none                cy dee
Observation?_list=round                      weight
Observation?_list=none
Condition?_list=$current-problems            problem
Observation?patient._list=round              less note
"""
TERMINOLOGY = """
Observation?code:in=http://b.example/weights     weight heavy stones
Observation?code:in=ValueSet/weights             weight heavy stones
Observation?code:not-in=http://b.example/weights   less smoking note orphan calm tense
Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender   ann bob
Location?type:below=http://a.example/kinds|clinic   site wing ward
Location?type:below=http://a.example/kinds|eye   wing ward
Location?type:above=http://a.example/kinds|eye   site wing
Location?type:above=http://a.example/kinds|retina   site wing ward
Observation?patient.gender:in=http://hl7.org/fhir/ValueSet/administrative-gender&code=29463-7   weight heavy stones
"""
HIERARCHIES = """
Location?partof:below=site                   wing ward
Location?partof:below=Location/wing          ward
Location?partof:above=wing                   wing ward
Encounter?location=wing
Encounter?location:below=Location/site       stay
Encounter?location:below=Location/ward       stay
Encounter?location:above=Location/site
Organization?partof:below=trust              elm
"""
FILTERS = """
Patient?_filter=given eq "ann"               ann
Patient?_filter=family eq "abel"             ann
Patient?_filter=family ne "abel"             bob cy
Patient?_filter=family co "bel"              ann bob
Patient?_filter=family sw "abel"             ann bob
Patient?_filter=family ew "ard"              bob
Patient?_filter=family gt "abel"             bob cy
Patient?_filter=family le "abel"             ann
Patient?_filter=family pr true               ann bob cy
Patient?_filter=family pr false              dee
Patient?_filter=not (family pr true)         dee
Patient?_filter=gender eq female or gender eq male        ann bob
Patient?_filter=gender eq female and birthdate lt 1990    ann
Patient?_filter=gender eq male or gender eq female and birthdate gt 1990   bob
Patient?_filter=(gender eq male or gender eq female) and birthdate gt 1990
Patient?_filter=gender ne female             bob
Patient?_filter=birthdate ge 1981            cy
Patient?_filter=birthdate sa 1980-05-17      cy
Patient?_filter=birthdate eb 1981            ann bob
Patient?_filter=birthdate ap 1980            ann bob cy
Patient?_filter=birthdate po 1980-05         ann bob
Observation?_filter=date po 2021             smoking
Observation?_filter=value-quantity gt 100    heavy
Observation?_filter=value-quantity eq 120000|http://unitsofmeasure.org|g   heavy
Observation?_filter=code in http://b.example/weights   weight heavy stones
Location?_filter=type ss http://a.example/kinds|eye   wing ward
Location?_filter=type sb http://a.example/kinds|eye   site wing
Observation?_filter=subject re Patient/cy    less
Observation?_filter=patient.name co "üll"    less
Observation?_filter=patient[gender eq male].family sw "a"   heavy stones tense
Observation?_filter=patient[gender eq female].birthdate eq 1980-05   weight smoking calm
Observation?_filter=code-value-quantity eq 29463-7$gt100   heavy
Patient?_filter=identifier eq "http://mrn|1"   ann
Patient?_filter=name eq "annie o'brien, smith"   ann
Patient?_filter=gender eq female&birthdate=1980   ann
ValueSet?_filter=url sw "http://a.example/set"   vs vs2
ValueSet?_filter=url ew "/one"               vs
ValueSet?_filter=url ss http://a.example/set   vs
Observation?patient._filter=gender eq male and birthdate lt 1990   heavy stones tense
"""

OTHERS = WORDS + LISTS + TERMINOLOGY + HIERARCHIES + FILTERS
SYSTEM = """
?_type=Patient                                        ann bob cy dee
?_type=Patient,Organization                           ann bob cy dee elm oak trust
?_type=Patient&_type=Practitioner                     ann bob cy dee doc
?_type=Patient,Organization&_id=ann,elm               ann elm
?_id=ann,elm                                          ann elm
?_tag=http://tag|red                                  ann
?_text=bone                                           problem
?_type=Observation,Condition&subject=Patient/ann      weight smoking calm asthma
?_type=Observation,Condition&code:missing=true
?_type=Observation,Condition&_filter=code eq 195967001 or subject re Patient/cy   less asthma
?_type=Basic
?_tag=none
Patient/ann/*                                         ann asthma calm person reply risk smoking supply visit weight
Patient/ann/*?_id=asthma,heavy                        asthma
"""


# The modifiers that R4 gives each type of parameter, and with them a value that is well formed. All others are refused.
# Source: FHIR R4 search.html#modifiers.
MODIFIERS = {
    "number": {"missing": "true"},
    "date": {"missing": "true"},
    "string": {"missing": "true", "exact": "a", "contains": "a"},
    "token": {
        "missing": "true",
        "not": "a",
        "text": "a",
        "in": "http://a",
        "not-in": "http://a",
        "above": "http://a|b",
        "below": "http://a|b",
        "of-type": "http://a|b|c",
    },
    "reference": {"missing": "true", "identifier": "a", "above": "1", "below": "1"},
    "composite": {"missing": "true"},
    "quantity": {"missing": "true"},
    "uri": {"missing": "true", "above": "http://a", "below": "http://a"},
    "special": {"missing": "true"},
}
# For each type, a parameter of it: resource type and code.
EXAMPLES = {
    "number": ("RiskAssessment", "probability"),
    "date": ("Observation", "date"),
    "string": ("Patient", "name"),
    "token": ("Patient", "identifier"),
    "reference": ("Encounter", "location"),
    "composite": ("Observation", "code-value-quantity"),
    "quantity": ("Observation", "value-quantity"),
    "uri": ("ValueSet", "url"),
    "special": ("Location", "near"),
}
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def lines() -> Iterator[tuple[str, list[str]]]:
    """Each query with the ids that it finds."""
    tables = (STRINGS, TOKENS, DATES, NUMBERS, REFERENCES, COMPARTMENTS, PLACES, OTHERS)
    for line in filter(str.strip, "".join(tables).splitlines()):
        query, _, expected = line.partition("  ")
        yield query.strip(), expected.split()


def asked_by(query: str) -> Iterator[tuple[str, str]]:
    """Of each criterion of a query its parameter's type, and its modifier (`:not`) or prefix (`ge`)."""
    path, _, text = query.partition("?")
    pairs = [(name, unquote(value)) for name, _, value in (pair.partition("=") for pair in text.split("&"))]
    clauses = parse(path.rsplit("/", 1)[-1], pairs).clauses if text else ()
    for criterion in (each for clause in clauses for each in criteria_of(clause)):
        yield from _how(criterion)


def _how(criterion: Criterion) -> Iterator[tuple[str, str]]:
    kind = criterion.parameter.type
    if criterion.modifier:
        yield kind, f":{criterion.modifier}"
        return
    for value in criterion.values:
        if isinstance(value, DateValue | NumberValue):
            yield kind, value.prefix
        elif isinstance(value, QuantityValue):
            yield kind, value.number.prefix
        else:
            yield kind, "plain"
