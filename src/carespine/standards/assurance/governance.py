"""Privacy, resilience and openness: DSPT, DPIA, capacity, recovery, licences."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import msgspec

from carespine.standards.assurance.common import Document, missing, stale

# RE-04: RTO by tier, NHS IT standards (disaster recovery), in minutes; RPO and the half year are ours.
_RECOVERY_MINUTES = {"platinum": 120, "gold": 240}
_POINT_MINUTES = 15
_DRILL_MOST = timedelta(days=183)
# RE-03, GP Connect volumetrics; the factor of two is ours.
_HEADROOM = 2
# AP-11: licences that the Open Source Initiative approves, and the Open Government Licence; by SPDX name.
_OPEN = frozenset(
    {
        "0BSD", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "EPL-2.0",
        "EUPL-1.2", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ISC",
        "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MPL-2.0",
        "OGL-UK-3.0", "PostgreSQL", "Zlib",
    }
)  # fmt: skip


class Dspt(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Data Security and Protection Toolkit: status for the year that ends on 30 June."""

    organisation: str
    status: Literal["Standards Met", "Standards Exceeded", "Approaching Standards", "Standards Not Met"]
    published: date
    year_ending: date

    def faults(self, today: date) -> list[str]:
        found = missing(organisation=self.organisation)
        if self.status not in ("Standards Met", "Standards Exceeded"):
            found.append(f"the status is {self.status}")
        if (self.year_ending.month, self.year_ending.day) != (6, 30):
            found.append("a DSPT year ends on 30 June")
        # A publication for the year that ended counts until the next year's is due.
        elif today > self.year_ending.replace(year=self.year_ending.year + 1):
            found.append(f"it is for the year to {self.year_ending}, and the next year has ended")
        return found + ([f"it is dated {self.published}, in the future"] if self.published > today else [])


class Dpia(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The data protection impact assessment, the records of processing, processors and places."""

    signed: date
    controller: str
    lawful_basis: str
    record_of_processing: str
    processors: tuple[str, ...]
    countries: tuple[str, ...]
    safeguards: str = ""

    def faults(self, today: date) -> list[str]:
        found = stale("the assessment", self.signed, today) + missing(
            controller=self.controller,
            lawful_basis=self.lawful_basis,
            record_of_processing=self.record_of_processing,
            countries=self.countries,
        )
        abroad = sorted(set(self.countries) - {"GB"})
        if abroad and not self.safeguards.strip():
            found.append(f"data goes to {', '.join(abroad)} without safeguards")
        return found


class CapacityTest(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Load, ramp and soak: what was declared, and where it broke. Rates are requests a second."""

    tested: date
    kinds: tuple[Literal["load", "ramp", "soak"], ...]
    declared_peak: float
    breakpoint: float

    def faults(self, today: date) -> list[str]:
        found = stale("the test", self.tested, today)
        found += [f"there was no {kind} test" for kind in ("load", "ramp", "soak") if kind not in self.kinds]
        if self.declared_peak <= 0 or self.breakpoint < _HEADROOM * self.declared_peak:
            found.append(
                f"it broke at {self.breakpoint:g} a second, less than twice the declared {self.declared_peak:g}"
            )
        return found


class RecoveryDrill(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A restore that was done: how long it took, and how much was lost, in minutes."""

    drilled: date
    tier: Literal["platinum", "gold"]
    recovery_minutes: float
    lost_minutes: float
    verified_by: str

    def faults(self, today: date) -> list[str]:
        found = stale("the drill", self.drilled, today, most=_DRILL_MOST) + missing(
            verified_by=self.verified_by
        )
        most = _RECOVERY_MINUTES[self.tier]
        if not 0 <= self.recovery_minutes <= most:
            found.append(f"recovery took {self.recovery_minutes:g} minutes; {self.tier} allows {most}")
        if not 0 <= self.lost_minutes <= _POINT_MINUTES:
            found.append(f"{self.lost_minutes:g} minutes of data were lost; {_POINT_MINUTES} are allowed")
        return found


class Licensed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is open, and under which licence (SPDX)."""

    subject: str
    spdx: str


class Licences(Document, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The source, or at least the interface's schema and its tests, under an open licence."""

    as_of: date
    licensed: tuple[Licensed, ...]

    def faults(self, today: date) -> list[str]:
        found = stale("the list", self.as_of, today) + missing(licensed=self.licensed)
        return found + [
            f"{each.subject} is under {each.spdx!r}, which is no open licence that we know"
            for each in self.licensed
            if each.spdx not in _OPEN
        ]
