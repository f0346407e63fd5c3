"""Openness and change: functions by API, releases, the product's registration, waivers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

import msgspec

from carespine.standards.assurance.common import Document, missing, stale, year_later

# AP-03, NHS Open API Architecture Policy C.1.
_OFFERED_LEAST_PERCENT = 90
# LI-01, minimum-standards: days between the announcement of a breaking change and the change.
_ANNOUNCED_LEAST = timedelta(days=30)


class Function(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the product's own pages can do, and the FHIR interaction by which others can; both empty for none."""

    name: str
    resource: str = ""
    interaction: str = ""

    @property
    def offered(self) -> bool:
        """Whether others can do it too, as the supplier says."""
        return bool(self.resource and self.interaction)


class Functions(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The significant functions of the product's pages."""

    attested: date
    by: str
    equal_terms: bool
    functions: tuple[Function, ...]

    def faults(self, today: date) -> list[str]:
        found = stale("the attestation", self.attested, today) + missing(by=self.by, functions=self.functions)
        if not self.equal_terms:
            found.append("third parties are not offered them on equal terms")
        offered = sum(each.offered for each in self.functions)
        if 100 * offered < _OFFERED_LEAST_PERCENT * len(self.functions):
            found.append(f"{offered} of {len(self.functions)} functions are offered to others; 90 % must be")
        return found


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One release: MAJOR.MINOR.PATCH. `retired` is the last day on which it is served, where that is known."""

    version: str
    released: date
    breaking: bool
    retired: date | None = None

    @property
    def major(self) -> str:
        """The first part of the version."""
        return self.version.partition(".")[0]


class Releases(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every release of the interface, the oldest first."""

    as_of: date
    releases: tuple[Release, ...]

    def faults(self, today: date) -> list[str]:
        return [
            *stale("the list", self.as_of, today),
            *missing(releases=self.releases),
            *self._disordered(),
            *self._broken(),
            *self._retired_early(),
        ]

    def served(self, version: str, today: date) -> bool:
        """Whether the list has this version as released and not retired."""
        return any(
            each.version == version
            and each.released <= today
            and (each.retired is None or today <= each.retired)
            for each in self.releases
        )

    def _disordered(self) -> Iterator[str]:
        for before, after in pairwise(self.releases):
            if after.released < before.released:
                yield f"{after.version} is listed after {before.version} and was released before it"

    def _broken(self) -> Iterator[str]:
        for before, after in pairwise(self.releases):
            if after.breaking and after.major == before.major:
                yield f"{after.version} breaks clients of {before.version} in the same major version"

    def _retired_early(self) -> Iterator[str]:
        for number, old in enumerate(self.releases):
            newer = next((each for each in self.releases[number + 1 :] if each.major != old.major), None)
            if old.retired is None or any(each.major == old.major for each in self.releases[number + 1 :]):
                continue
            if newer is None:
                yield f"{old.version} is retired and no newer major version is listed"
            elif old.retired < year_later(newer.released):
                yield f"{old.version} is retired on {old.retired}, within 12 months of {newer.version}"


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change that was announced, and when it comes or came into effect."""

    what: str
    breaking: bool
    announced: date
    effective: date


class Product(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the product is, who answers for it, what it needs, and what changes."""

    as_of: date
    version: str
    owner: str
    contacts: tuple[str, ...]
    capabilities: tuple[str, ...]
    dependencies: tuple[str, ...]
    changes: tuple[Change, ...]

    def faults(self, today: date) -> list[str]:
        found = stale("the registration", self.as_of, today) + missing(
            version=self.version,
            owner=self.owner,
            contacts=self.contacts,
            capabilities=self.capabilities,
        )
        return found + [
            f"{each.what!r} breaks clients on {each.effective} and was announced on {each.announced}, "
            "less than 30 days before"
            for each in self.changes
            if each.breaking and each.effective - each.announced < _ANNOUNCED_LEAST
        ]


class Waived(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A waiver that the product has or had: `address` is where anybody can read the decision."""

    requirement: str
    decided_by: str
    reason: str
    scope: str
    granted: date
    address: str
    until: date | None = None

    def faults(self) -> list[str]:
        """What is wrong with it, on whatever day."""
        found = missing(decided_by=self.decided_by, reason=self.reason, scope=self.scope)
        if self.until is None:
            found.append("it has no end")
        elif not self.granted < self.until <= year_later(self.granted):
            found.append(f"it holds from {self.granted} until {self.until}; it must end within 12 months")
        if not self.address.startswith("https://"):
            found.append("it is not public at an https address")
        return [f"the waiver of {self.requirement}: {each}" for each in found]


class Waivers(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every waiver that the product has or had; none is an answer too."""

    as_of: date
    waivers: tuple[Waived, ...]

    def faults(self, today: date) -> list[str]:
        found = stale("the list", self.as_of, today)
        return found + [text for each in self.waivers for text in each.faults()]
