"""What the supplier's workbench shows and starts, from the standards domain."""

from __future__ import annotations

import json
from dataclasses import dataclass

from carespine.kernel.errors import Invalid
from carespine.security.actor import Actor
from carespine.standards import catalogue, store, trying
from carespine.standards.engine import config as run_config
from carespine.standards.lifecycle import Event
from carespine.standards.service import Standards
from carespine.web.pages.product_words import outcome_words
from carespine.web.pages.views import LiveCheck, LiveRun


@dataclass(frozen=True, slots=True)
class WorkbenchSource:
    """Fills the port `Workbench`."""

    standards: Standards

    async def admits(self, application: str, token: str) -> bool:
        return await self.standards.allowed_to_run(application, token)

    async def requirements(self, application: str) -> tuple[tuple[str, str], ...]:
        """The requirements of the product's profile that a run checks, with their titles."""
        async with self.standards.database.connection() as connection:
            wanted = await store.application(connection, application)
        names = catalogue.profile(wanted.profile).requirements if wanted else ()
        found = catalogue.requirements()
        return tuple((name, f"{name} {found[name].title}") for name in names if found[name].probes)

    async def begin(self, application: str, *, config: str, only: str) -> str:
        """Start a run. Raises Invalid or Misconfigured where the configuration cannot be used."""
        try:
            told = json.loads(config) if config else {}
        except (ValueError, RecursionError) as error:
            raise Invalid("The configuration is not JSON that can be read here.") from error
        read = run_config.parse(told)
        if read.ca_file is not None:
            raise Invalid(
                "ca_file is for checks on your own machine; here only public authorities are trusted."
            )
        return await trying.begin(self.standards, _supplier(application), application, config=read, only=only)

    async def live(self, application: str, run_id: str) -> LiveRun:
        found = await trying.find(self.standards, application, run_id)
        checks = []
        for each in found.results:
            words, tone = outcome_words(each["outcome"])
            exchanges = tuple((shown["n"], shown["text"]) for shown in each["exchanges"])
            checks.append(
                LiveCheck(
                    each["requirement"],
                    each["title"],
                    words,
                    tone,
                    each["expected"],
                    each["came"],
                    each["advice"],
                    tuple(each["faults"]),
                    exchanges,
                    explain=each["outcome"] in {"fail", "skip", "error"},
                )
            )
        tree = found.tree()
        return LiveRun(
            found.id, found.only, found.total, tree["going"], tree["outcome"] or "", found.run, tuple(checks)
        )

    async def answer(self, application: str, step: str, *, words: str) -> None:
        await self.standards.answer(_supplier(application), application, Event(step), text=words)


def _supplier(application: str) -> Actor:
    return Actor("app", application, "supplier", "supplier")
