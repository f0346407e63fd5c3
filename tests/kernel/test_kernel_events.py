"""Events: told in order, within the verb, to those who asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from carespine.kernel.events import Announcer


@dataclass(frozen=True)
class Booked:
    slot: str


@dataclass(frozen=True)
class BookedAgain(Booked):
    """A special case, which is an event of its own."""


def listener(heard: list[tuple[str, Any, Any]], name: str) -> Any:
    async def hear(session: Any, event: Any) -> None:
        heard.append((name, session, event))

    return hear


async def test_subscribers_hear_an_event_in_the_order_in_which_they_asked() -> None:
    announcer, heard = Announcer(), []
    announcer.subscribe(Booked, listener(heard, "first"))
    announcer.subscribe(Booked, listener(heard, "second"))
    await announcer.announce("the session", Booked("9:00"))
    assert heard == [
        ("first", "the session", Booked("9:00")),
        ("second", "the session", Booked("9:00")),
    ]


async def test_an_event_that_nobody_asked_for_is_no_error() -> None:
    await Announcer().announce("the session", Booked("9:00"))


async def test_only_the_very_event_is_heard_not_one_that_derives_from_it() -> None:
    announcer, heard = Announcer(), []
    announcer.subscribe(Booked, listener(heard, "anyone"))
    await announcer.announce("the session", BookedAgain("9:00"))
    assert heard == []


async def test_a_subscriber_that_fails_fails_the_verb_and_later_ones_do_not_hear() -> None:
    announcer, heard = Announcer(), []

    async def fail(_session: Any, _event: Any) -> None:
        raise ValueError("cannot")

    announcer.subscribe(Booked, listener(heard, "before"))
    announcer.subscribe(Booked, fail)
    announcer.subscribe(Booked, listener(heard, "after"))
    with pytest.raises(ValueError, match="cannot"):
        await announcer.announce("the session", Booked("9:00"))
    assert [name for name, _, _ in heard] == ["before"]


async def test_two_announcers_share_no_subscribers() -> None:
    heard: list[tuple[str, Any, Any]] = []
    Announcer().subscribe(Booked, listener(heard, "elsewhere"))
    await Announcer().announce("the session", Booked("9:00"))
    assert heard == []
