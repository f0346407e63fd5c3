"""Random questions to a server over random resources, beside a plain evaluation of R4's words in Python."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import quote

import pytest
from api import Server, fresh_database, ids, serving
from search_cases import PREFIXES

from carespine.fhir import json_text
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
# Grams in one of each unit.
GRAMS = {"g": Fraction(1), "mg": Fraction(1, 1000), "kg": Fraction(1000), "ug": Fraction(1, 10**6)}
CODES = ["a", "b", "c", "d"]
NAMES = ["Abel", "abelard", "Ábel", "Bell", "O'Bell", "Bo-Bell", "Cy"]
# A long run: SEARCH_QUESTIONS=5000 pytest tests/spine/test_search_oracle.py
QUERIES = int(os.environ.get("SEARCH_QUESTIONS", "200"))


def moment(text: str) -> tuple[datetime, datetime]:
    """The first moment of a date, and the first after it."""
    parts = text.split("-")
    start = datetime(
        int(parts[0]), int(parts[1]) if parts[1:] else 1, int(parts[2]) if parts[2:] else 1, tzinfo=UTC
    )
    if len(parts) == 3:
        return start, start + timedelta(days=1)
    if len(parts) == 2:
        return start, (start + timedelta(days=32)).replace(day=1)
    return start, start.replace(year=start.year + 1)


def a_date(chance: random.Random) -> str:
    year, month, day = chance.randint(2018, 2022), chance.randint(1, 12), chance.randint(1, 28)
    return chance.choice([f"{year}", f"{year}-{month:02}", *[f"{year}-{month:02}-{day:02}"] * 3])


def an_amount(chance: random.Random) -> tuple[str, str]:
    number = chance.choice(["1", "1.0", "2", "5.4", "5400", "0.0054", "1000", "1000.0", "0.5", "2000", "1.5"])
    return number, chance.choice(list(GRAMS))


def observation(chance: random.Random, number: int) -> Tree:
    tree: Tree = {"resourceType": "Observation", "id": f"o{number}", "status": "final"}
    codes = chance.sample(CODES, chance.randint(1, 2))
    tree["code"] = {"coding": [{"system": "http://s", "code": code} for code in codes]}
    if chance.random() < 0.9:
        tree["subject"] = {"reference": f"Patient/p{chance.randrange(6)}"}
    kind = chance.random()
    if kind < 0.5:
        tree["effectiveDateTime"] = a_date(chance)
    elif kind < 0.9:
        ends = sorted((a_date(chance), a_date(chance)), key=lambda text: moment(text)[0])
        period = {"start": ends[0], "end": ends[1]}
        if chance.random() < 0.4:
            del period[chance.choice(["start", "end"])]
        tree["effectivePeriod"] = period
    if chance.random() < 0.9:
        value, unit = an_amount(chance)
        tree["valueQuantity"] = {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit}
        if chance.random() < 0.15:
            tree["valueQuantity"]["comparator"] = chance.choice(["<", ">"])
    return tree


def patient(chance: random.Random, number: int) -> Tree:
    names = [{"family": chance.choice(NAMES)} for _ in range(chance.randint(0, 2))]
    return {"resourceType": "Patient", "id": f"p{number}", **({"name": names} if names else {})}


Holds = Callable[[Tree], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """One parameter of a query, and whether a resource satisfies it."""

    name: str
    value: str
    holds: Holds


FAR = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


def by_date(chance: random.Random) -> Question:
    """R4 search.html#prefix, for two ranges; ap is left to the table of cases, as it depends on today."""
    prefix, text = chance.choice(PREFIXES[:-1]), a_date(chance)
    a, b = moment(text)

    def holds(tree: Tree) -> bool:
        if "effectiveDateTime" in tree:
            low, high = moment(tree["effectiveDateTime"])
        elif "effectivePeriod" in tree:
            period = tree["effectivePeriod"]
            low = moment(period["start"])[0] if "start" in period else FAR[0]
            high = moment(period["end"])[1] if "end" in period else FAR[1]
        else:
            return False
        within = a <= low and high <= b
        return {
            "eq": within,
            "ne": not within,
            "gt": high > b,
            "lt": low < a,
            "ge": high > b or within,
            "le": low < a or within,
            "sa": low >= b,
            "eb": high <= a,
        }[prefix]

    return Question("date", prefix + text, holds)


def by_amount(chance: random.Random) -> Question:
    prefix = chance.choice(PREFIXES)
    text, unit = an_amount(chance)
    form = chance.choice(["number", "code", "ucum"])
    value = Fraction(text)
    half = Fraction(5) / Fraction(10) ** (len(text.partition(".")[2]) + 1)
    margin = abs(value) / 10

    def holds(tree: Tree) -> bool:
        quantity = tree.get("valueQuantity")
        if quantity is None or (form == "code" and quantity["code"] != unit):
            return False
        scale = GRAMS[quantity["code"]] / GRAMS[unit] if form == "ucum" else Fraction(1)
        number = Fraction(quantity["value"]) * scale
        comparator = quantity.get("comparator")
        low = None if comparator == "<" else number
        high = None if comparator == ">" else number
        # A value that is open on one side is beyond every bound there.
        least, most = (low is not None), (high is not None)
        within = least and most and value - half <= number < value + half
        return {
            "eq": within,
            "ne": not within,
            "gt": not most or number > value,
            "lt": not least or number < value,
            "ge": not most or number >= value,
            "le": not least or number <= value,
            "sa": least and number > value,
            "eb": most and number < value,
            "ap": (not least or number <= value + margin) and (not most or number >= value - margin),
        }[prefix]

    units = {"number": "", "code": f"||{unit}", "ucum": f"|{UCUM}|{unit}"}
    return Question("value-quantity", prefix + text + units[form], holds)


def by_code(chance: random.Random) -> Question:
    wanted = chance.sample([*CODES, "z"], chance.randint(1, 2))
    system = chance.choice(["", "http://s|", "http://t|"])
    negated = chance.random() < 0.3

    def holds(tree: Tree) -> bool:
        codes = {coding["code"] for coding in tree["code"]["coding"]}
        return (bool(codes & set(wanted)) and system != "http://t|") != negated

    return Question("code:not" if negated else "code", ",".join(system + code for code in wanted), holds)


def by_subject(chance: random.Random) -> Question:
    if chance.random() < 0.2:
        missing = chance.choice([True, False])
        return Question(
            "subject:missing", str(missing).lower(), lambda tree: ("subject" not in tree) == missing
        )
    wanted = [f"Patient/p{chance.randrange(6)}" for _ in range(chance.randint(1, 2))]
    return Question(
        "subject", ",".join(wanted), lambda tree: tree.get("subject", {}).get("reference") in wanted
    )


def plain(text: str) -> str:
    return text.lower().replace("á", "a").replace("'", "").replace("-", " ")


def by_name(chance: random.Random) -> Question:
    text = chance.choice([*NAMES, "a", "b", "bell", "el", "o'b"])
    modifier = chance.choice(["", ":exact", ":contains"])

    def holds(tree: Tree) -> bool:
        families = [name["family"] for name in tree.get("name", ())]
        if modifier == ":exact":
            return text in families
        if modifier == ":contains":
            return any(plain(text) in plain(family) for family in families)
        return any(plain(family).startswith(plain(text)) for family in families)

    return Question(f"family{modifier}", text, holds)


@pytest.fixture(scope="module")
async def population(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Server, list[Tree]]]:
    chance = random.Random(20261127)  # noqa: S311 -- repeatable, not secret
    trees = [patient(chance, number) for number in range(6)]
    trees += [observation(chance, number) for number in range(90)]
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("oracle"), open=True) as running:
            await running.put(*trees)
            yield running, [json_text.read(json_text.write(tree)) for tree in trees]


def a_query(chance: random.Random, people: list[Tree]) -> tuple[str, list[Question]]:
    """A type and questions that are asked of it together; some of them through a chain, or from the other side."""
    if chance.random() < 0.15:
        return "Patient", [by_name(chance)]
    if chance.random() < 0.15:
        inner = chance.choice([by_date, by_amount, by_code])(chance)
        return "Patient", [Question(f"_has:Observation:subject:{inner.name}", inner.value, inner.holds)]
    questions = [
        chance.choice([by_date, by_date, by_amount, by_amount, by_code, by_subject])(chance)
        for _ in range(chance.randint(1, 3))
    ]
    if chance.random() < 0.2:
        named = by_name(chance)
        by_reference = {f"Patient/{tree['id']}": named.holds(tree) for tree in people}
        questions.append(
            Question(
                f"subject:Patient.{named.name}",
                named.value,
                lambda tree: by_reference.get(tree.get("subject", {}).get("reference"), False),
            )
        )
    return "Observation", questions


def expected(kind: str, questions: list[Question], trees: list[Tree]) -> set[str]:
    if questions[0].name.startswith("_has"):
        found = [tree for tree in trees if tree["resourceType"] == "Observation" and questions[0].holds(tree)]
        return {tree["subject"]["reference"].partition("/")[2] for tree in found if "subject" in tree}
    return {
        tree["id"]
        for tree in trees
        if tree["resourceType"] == kind and all(each.holds(tree) for each in questions)
    }


async def test_the_server_finds_what_a_plain_evaluation_finds(population: tuple[Server, list[Tree]]) -> None:
    """Values of `ne` and of negation included; the questions are drawn anew from a seed that a failure names."""
    server, trees = population
    people = [tree for tree in trees if tree["resourceType"] == "Patient"]
    found = 0
    for seed in range(QUERIES):
        kind, questions = a_query(random.Random(seed), people)  # noqa: S311
        query = f"{kind}?" + "&".join(f"{each.name}={quote(each.value)}" for each in questions)
        reply = await server.get(f"{query}&_count=1000")
        assert reply.status_code == 200, (seed, query, reply.text)
        assert set(ids(reply.json())) == expected(kind, questions, trees), (seed, query)
        found += bool(ids(reply.json()))
    assert found > QUERIES // 3
