"""What the steps of the story share: the processes, the people, what has been learnt so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from carespine.demo.apple_export import ExportTruth
    from carespine.demo.processes import App, Server
    from carespine.demo.sign_ins import SignIn


class StepFailed(Exception):
    """A step did not come out as the story promises; the text says what was expected and what came."""


@dataclass(slots=True)
class Stage:
    """The stage of one performance. `checking` verifies every step from outside, by HTTP and the database."""

    data: Path
    server: Server
    checking: bool
    database_url: str
    show_progress: Callable[[str, int], Any]
    sign_ins: dict[str, SignIn] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    truth: ExportTruth | None = None
    sent: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def rows(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """The database, from outside the server: for verifying, never for changing."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            connection.read_only = True
            yield connection

    def count(self, query: str, *values: object) -> int:
        """The number that a query of one row and one column gives."""
        with self.rows() as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return int(next(iter(row.values()))) if row else 0


def expect_within(stage: Stage, seconds: float, limit_s: float, what: str) -> None:
    """Raise StepFailed where a check took longer than the limit; a performance for a person may take its time."""
    expect(
        seconds <= limit_s or not stage.checking, f"{what} took {seconds:.1f} s, more than {limit_s:.0f} s"
    )


def expect(holds: bool, otherwise: str) -> None:
    """Raise StepFailed with `otherwise` unless `holds`."""
    if not holds:
        raise StepFailed(otherwise)
