"""Ten years in seconds: invented products under the real rules, each law watched at every step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from carespine.standards import lifecycle
from carespine.standards.access import Reach
from carespine.standards.lifecycle import CannotHappenError, Entry, Situation
from carespine.standards.states import BY_ITSELF, FLAKE_GUARD, Event, State

# Ours: how the invented suppliers behave. Nothing is learnt from them about real ones.
_RECHECK_DAYS = (1, 7)
_FAILS, _FINDING, _DANGER = 0.02, 0.002, 0.0005
_REPLIES, _MENDS, _APPEALS, _UPHELD, _RENEWS = 0.8, 0.6, 0.2, 0.7, 0.95
_AUTHORITY, _OTHERS = "the authority", "the appeal panel"


@dataclass(slots=True)
class Product:
    """One invented product: its log, and the temper of its supplier."""

    name: str
    log: list[Entry]
    careful: float
    next_check: datetime
    last: Situation  # after the log's last line; the log itself is replayed whenever it grows

    def situation(self, now: datetime) -> Situation:
        return lifecycle.at(self.last, now)


@dataclass(slots=True)
class Outcome:
    """What a simulation saw: products in each state at the end of each year, events, and laws that were broken."""

    begun: datetime
    years: dict[int, Counter[str]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    steps: int = 0


def simulate(*, begun: datetime, years: int = 10, products: int = 40, seed: str = "") -> Outcome:
    """Play `years` years of `products` products. The same seed gives the same outcome."""
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable from the seed
    outcome = Outcome(begun)
    population = [_product(f"product {number + 1}", begun, chance) for number in range(products)]
    for day in range(years * 365):
        now = begun + timedelta(days=day, hours=9)
        for product in population:
            before = product.situation(now)
            for entry in _happens(product, before, now, chance):
                _append(product, entry, outcome)
            _watch(product, before, now, outcome)
        if (day + 1) % 365 == 0:
            states = (str(each.situation(now).state) for each in population)
            outcome.years[(day + 1) // 365] = Counter(states)
    return outcome


def _product(name: str, begun: datetime, chance: random.Random) -> Product:
    log = [
        Entry(Event.APPLY, begun, name, "applied"),
        Entry(Event.START, begun, name, "a run of the checks began"),
        Entry(Event.CERTIFY, begun, "Carespine", "met every requirement", f"{name}/0"),
    ]
    first_check = begun + timedelta(days=chance.randint(*_RECHECK_DAYS))
    return Product(name, log, chance.random(), first_check, lifecycle.replay(log, now=begun))


def _append(product: Product, entry: Entry, outcome: Outcome) -> None:
    try:
        product.last = lifecycle.after(product.last, entry)
    except CannotHappenError:
        return
    product.log.append(entry)
    outcome.events[str(entry.event)] += 1
    if lifecycle.replay(product.log, now=entry.at) != product.last:
        outcome.broken.append(f"{entry.at.date()} {product.name}: the whole log gives another state")
    if entry.event in BY_ITSELF:
        outcome.broken.append(f"{entry.at.date()} {product.name}: the calendar wrote into the log")


def _happens(product: Product, found: Situation, now: datetime, chance: random.Random) -> Iterator[Entry]:
    """What people and probes do on a day; deadlines come by themselves."""
    name = product.name
    if found.state is State.EXPORT_ONLY and found.due and now >= found.due:
        yield Entry(Event.WITHDRAW, now, _AUTHORITY, "every site has moved")
        return
    if found.state is State.SUSPENDED:
        if chance.random() < product.careful * 0.2:
            yield Entry(Event.REINSTATE, now, _AUTHORITY, "mended")
        return
    if found.state is State.EXPIRED and chance.random() < product.careful * 0.1:
        yield Entry(Event.START, now, name, "a run of the checks began")
        yield Entry(Event.CERTIFY, now, "Carespine", "met every requirement", f"{name}/{now.date()}")
        return
    if now >= product.next_check and found.allowed:
        product.next_check = now + timedelta(days=chance.randint(*_RECHECK_DAYS))
        yield from _probed(product, found, now, chance)
    if chance.random() < _DANGER:
        yield Entry(Event.SUSPEND, now, _AUTHORITY, "a danger to patients", severity=1)
    elif chance.random() < _FINDING:
        yield Entry(Event.FIND, now, _AUTHORITY, "a standard is not met", severity=chance.choice((1, 2, 3)))
    if found.state is State.NONCONFORMITY and chance.random() < _REPLIES * product.careful:
        yield Entry(Event.REPLY, now, name, "we will mend it")
        yield Entry(Event.AGREE, now, _AUTHORITY, "a plan is agreed")
    if found.due and found.appealed is None and chance.random() < _APPEALS * 0.05:
        yield Entry(Event.APPEAL, now, name, "the finding is wrong")
    if found.appealed and now - found.appealed > timedelta(days=21):
        decided = Event.UPHOLD if chance.random() < _UPHELD else Event.OVERTURN
        yield Entry(decided, now, _OTHERS, "decided")


def _probed(product: Product, found: Situation, now: datetime, chance: random.Random) -> Iterator[Entry]:
    """A run of the checks: those who look after their product seldom fail."""
    failing = found.state not in (State.CERTIFIED, State.WATCH)
    fails = 1 - _MENDS * product.careful if failing else _FAILS * (1.5 - product.careful)
    renews = (
        found.certificate_until is not None
        and found.certificate_until - now < timedelta(days=30)
        and chance.random() < _RENEWS
    )
    if chance.random() < fails:
        yield Entry(Event.REFUSE, now, "Carespine", "a requirement is not met")
    elif found.state is not State.CERTIFIED or renews:
        yield Entry(Event.CERTIFY, now, "Carespine", "met every requirement", f"{product.name}/{now.date()}")


def _watch(product: Product, before: Situation, now: datetime, outcome: Outcome) -> None:
    """The laws, after each day of each product."""
    outcome.steps += 1
    found = product.situation(now)
    laws = {
        "a deadline acts at its moment": found.due is None
        or found.due > now
        or found.state is State.EXPORT_ONLY
        or (found.appealed is not None and found.severity != 1),
        "access needs a certificate that was issued": not found.allowed or found.certificate_id is not None,
        "a suspension ends all access": found.state is not State.SUSPENDED
        or found.access.reach is Reach.NONE,
        "nobody goes from full access to none in a day but for safety or expiry": not (
            before.access.reach is Reach.ALL and found.access.reach is Reach.NONE
        )
        or found.state in (State.SUSPENDED, State.EXPIRED),
        "a nonconformity rests on a finding or on two runs a day apart": found.state
        is not State.NONCONFORMITY
        or _grounded(product.log, found),
    }
    outcome.broken += [
        f"{now.date()} {product.name} ({found.state}): {law}" for law, holds in laws.items() if not holds
    ]


def _grounded(log: list[Entry], found: Situation) -> bool:
    if any(entry.event is Event.FIND for entry in log):
        return True
    runs = [entry.at for entry in log if entry.event is Event.REFUSE and entry.at <= found.since]
    return len(runs) > 1 and runs[-1] - runs[0] >= FLAKE_GUARD
