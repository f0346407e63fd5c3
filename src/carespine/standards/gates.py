"""The gates before a product is withdrawn (W1 to W5): no patient's data may exist nowhere else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec

# lifecycle.md, gates: an override is 14 days at most.
OVERRIDE_MOST = timedelta(days=14)
# W3: what an export has to carry besides the resources themselves; GPSoC left the audit trail behind.
PARTS = ("resources", "attachments", "audit", "referrals", "appointments", "alerts")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One part of the data on both sides: how many, and one hash over all (SHA-256, hexadecimal)."""

    exported: int
    imported: int
    exported_sha256: str
    imported_sha256: str

    @property
    def equal(self) -> bool:
        """Whether everything that left has arrived, unaltered."""
        same = self.exported_sha256 == self.imported_sha256 and len(self.exported_sha256) == 64
        return self.exported == self.imported >= 0 and same


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An organisation that uses the product: what is known of its way out.

    `replacements` names, for each capability that it uses, the certified product that is live at a comparable
    site and has passed a rehearsal import of this site's data.
    """

    organisation: str
    capabilities: tuple[str, ...]
    acknowledged: date | None = None
    replacements: dict[str, str] = {}
    parts: dict[str, Part] = {}


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two people take it upon themselves, in public and for a short time: the user names of two administrators."""

    first: str
    second: str
    reason: str
    signed: datetime
    until: datetime


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known when a withdrawal is asked for. `blackouts` are pairs of first and last day."""

    sites: tuple[Site, ...]
    continuity_owner: str = ""
    hazard_signed_by: str = ""
    blackouts: tuple[tuple[date, date], ...] = ()
    override: Override | None = None


def reasons_to_stay(facts: Facts, *, deployed: frozenset[str], now: datetime) -> tuple[str, ...]:
    """Every reason why the product may not be withdrawn now; none opens the gates.

    `deployed` are the organisations (ODS codes) that the register knows to use the product: a site that the
    facts leave out holds the gate shut. An override in force opens W1, W2, W4 and W5, never W3: data that
    exists nowhere else is not lost by signature.
    """
    told = {site.organisation for site in facts.sites}
    unreconciled = [f"W3: nothing is said about {code}" for code in sorted(deployed - told)]
    unreconciled += [reason for site in facts.sites for reason in _unreconciled(site)]
    if facts.override is not None:
        wrong = _wrong_with(facts.override, now)
        return (*wrong, *unreconciled)
    others = [reason for site in facts.sites for reason in _not_ready(site)]
    if not facts.continuity_owner.strip():
        others.append("W4: nobody is named to answer for continuity")
    if not facts.hazard_signed_by.strip():
        others.append("W4: the hazard assessment is not signed off")
    others += [
        f"W5: {now.date()} lies in the blackout period from {begins} to {ends}"
        for begins, ends in facts.blackouts
        if begins <= now.date() <= ends
    ]
    return (*unreconciled, *others)


def _unreconciled(site: Site) -> list[str]:
    if not site.parts:
        return [
            f"W3: no comparison of what {site.organisation} exported with what arrived is kept since the product "
            "came into its state ('carespine standards compare-exports --keep' keeps one)"
        ]
    missing = [
        f"W3: the {part} of {site.organisation} are not reconciled"
        for part in PARTS
        if part not in site.parts
    ]
    return missing + [
        f"W3: the {name} of {site.organisation} differ: {part.exported} exported, {part.imported} imported"
        for name, part in site.parts.items()
        if not part.equal
    ]


def _not_ready(site: Site) -> list[str]:
    reasons = [] if site.acknowledged else [f"W1: {site.organisation} has not acknowledged"]
    return reasons + [
        f"W2: {site.organisation} has no rehearsed replacement for {capability}"
        for capability in site.capabilities
        if not site.replacements.get(capability, "").strip()
    ]


def _wrong_with(override: Override, now: datetime) -> tuple[str, ...]:
    reasons = []
    first, second = override.first.strip(), override.second.strip()
    if not first or not second or first == second:
        reasons.append("an override needs two named people")
    if not override.reason.strip():
        reasons.append("an override says why")
    signed, until = (each.astimezone(UTC) if each.tzinfo else each.replace(tzinfo=UTC)
                     for each in (override.signed, override.until))  # fmt: skip
    if until > signed + OVERRIDE_MOST:
        reasons.append(f"an override lasts {OVERRIDE_MOST.days} days at most")
    if not signed <= now <= until:
        reasons.append("the override is not in force now")
    return tuple(reasons)
