"""A job as its handler sees it, and the jobs of a platform as requests see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.kernel.errors import NotFound, TooMany
from carespine.kernel.ids import new_id
from carespine.security.actor import Actor
from carespine.storage import bell, jobs

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.storage.database import Connection, Database
    from carespine.storage.jobs import JobRow

# Ours: what one requester may have waiting and running.
MOST_UNFINISHED = 10
TOPIC = "job"


@dataclass(slots=True)
class Handle:
    """The job that a handler works on: it acts for `actor`, goes on from `progress`, and notes how far it is."""

    id: str
    actor: Actor
    purpose: str
    request: dict[str, Any]
    progress: dict[str, Any]
    lease: str

    async def checkpoint(self, tx: Connection, progress: dict[str, Any]) -> None:
        """Note the progress together with what the transaction did.

        Raises LeaseLost where the job was cancelled or taken over: let it roll the transaction back.
        """
        await jobs.checkpoint(tx, self.id, self.lease, progress)
        self.progress = progress


Handler = Callable[[Handle], Awaitable[None]]
Ended = Callable[["Connection"], Awaitable[None]]


def handle_of(row: JobRow, lease: str) -> Handle:
    return Handle(row.id, actor_of(row.actor), row.purpose, row.request, row.progress, lease)


def actor_of(tree: dict[str, Any]) -> Actor:
    """The actor whom `actor_tree` wrote down."""
    return msgspec.convert(tree, Actor)


def actor_tree(actor: Actor) -> dict[str, Any]:
    """An actor as JSON, to act for them later."""
    tree: dict[str, Any] = msgspec.to_builtins(actor, order="deterministic")
    return tree


async def ask(session: Session, kind: str, request: dict[str, Any]) -> str:
    """Have a job done for this visit's actor, once its transaction is committed; the id to ask after it.

    Raises TooMany where the actor has ten that have not ended.
    """
    actor = session.actor
    if await jobs.unfinished(session.tx, actor.id) >= MOST_UNFINISHED and actor.kind != "system":
        raise TooMany(
            f"You have {MOST_UNFINISHED} jobs that have not ended; wait for one, or cancel it.",
            headers={"Retry-After": "30"},
        )
    job_id = new_id()
    new = jobs.NewJob(job_id, kind, actor.id, actor_tree(actor), session.purpose, request)
    await jobs.add(session.tx, new, now=session.clock())
    await bell.ring(session.tx, TOPIC)
    return job_id


async def describe(session: Session, job_id: str, request: dict[str, Any]) -> None:
    """Say in full what this visit asked for: what came with the request is known when it has been read."""
    await jobs.describe(session.tx, job_id, request)


class Jobs:
    """The jobs of a platform, for those who asked for them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def of(self, actor: Actor, job_id: str) -> JobRow:
        """A job by its id; raises NotFound where there is none, or another asked for it."""
        async with self.database.connection() as connection:
            found = await jobs.find(connection, job_id)
        if found is None or found.owner != actor.id:
            raise NotFound("There is no such job: it never was, was cancelled, or has expired.")
        return found
