"""Whom a change to the standards affects: the registered products that it will be asked of, before it lands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from carespine.kernel.errors import Misconfigured
from carespine.standards import catalogue, lifecycle, store
from carespine.standards.models import Profile, Requirement
from carespine.standards.states import State

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# Who was refused or has gone is asked for nothing any more.
_GONE = frozenset({State.REFUSED, State.WITHDRAWN, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class Change:
    """One requirement that is to change: what about it, and the profiles that hold it before or after."""

    requirement: str
    what: str
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """A registered product version to which changes apply, and at how many sites it is used."""

    application: str
    supplier: str
    product: str
    version: str
    contact: str
    profile: str
    state: str
    sites: int
    requirements: tuple[str, ...]


def named(ids: Iterable[str]) -> tuple[Change, ...]:
    """Changes, of whatever kind, to these requirements. Raises Misconfigured for one that does not exist."""
    wanted = tuple(dict.fromkeys(ids))
    if unknown := set(wanted) - set(catalogue.requirements()):
        raise Misconfigured(f"there is no requirement {', '.join(sorted(unknown))}")
    return tuple(Change(each, "to be changed", _holding(each, catalogue.profiles())) for each in wanted)


def proposed(folder: Path) -> tuple[Change, ...]:
    """What differs in a folder with catalogue/ and profiles/. Raises Misconfigured where it breaks a rule."""
    if not (folder / "catalogue").is_dir() or not (folder / "profiles").is_dir():
        raise Misconfigured(f"{folder} must hold the folders catalogue/ and profiles/")
    new = catalogue.read_requirements(folder / "catalogue")
    profiles = catalogue.read_profiles(folder / "profiles", new)
    return between(catalogue.requirements(), new, catalogue.profiles(), profiles)


def between(
    old: Mapping[str, Requirement],
    new: Mapping[str, Requirement],
    old_profiles: Mapping[str, Profile],
    new_profiles: Mapping[str, Profile],
) -> tuple[Change, ...]:
    """Every requirement that comes, goes, changes, or enters or leaves a profile. A requirement that others
    rely on is retired by its dates: one that vanishes is refused with Misconfigured.
    """
    if gone := sorted(set(old) - set(new)):
        raise Misconfigured(
            f"{', '.join(gone)} would vanish: a requirement is deprecated and retired by dates"
        )
    changes: list[Change] = []
    for name, requirement in new.items():
        before, after = _holding(name, old_profiles), _holding(name, new_profiles)
        what = _difference(old.get(name), requirement)
        if before != after:
            moved = sorted(set(before) ^ set(after))
            what = "; ".join(filter(None, [what, f"enters or leaves {', '.join(moved)}"]))
        if what:
            changes.append(Change(name, what, tuple(sorted({*before, *after}))))
    return tuple(changes)


def _difference(old: Requirement | None, new: Requirement) -> str:
    """Which fields differ, in words; empty where none does. Raises Misconfigured where the version stays."""
    if old is None:
        return f"new, in force from {new.effective.isoformat()}"
    before, after = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    fields = [name for name in after if before[name] != after[name]]
    dates = {"published", "deprecated", "retired"}
    if fields and "version" not in fields and not dates >= set(fields):
        raise Misconfigured(f"{new.id}: {', '.join(fields)} changed, and the version is still {new.version}")
    return ", ".join(f"{name}: {_said(before[name])} -> {_said(after[name])}" for name in fields)


def _said(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _holding(name: str, profiles: Mapping[str, Profile]) -> tuple[str, ...]:
    return tuple(each.name for each in profiles.values() if name in each.requirements)


async def affected(connection: Connection, changes: Sequence[Change], *, now: datetime) -> list[Affected]:
    """The registered product versions of the changes' profiles, those in most places first."""
    wanted = await store.applications(connection)
    logs = await store.logs(connection, [each.id for each in wanted])
    found: list[Affected] = []
    for each in wanted:
        touched = tuple(change.requirement for change in changes if each.profile in change.profiles)
        state = lifecycle.replay(logs[each.id], now=now).state
        if touched and state not in _GONE:
            sites = len(await store.deployments(connection, each.id))
            found.append(
                Affected(
                    each.id,
                    each.supplier,
                    each.product,
                    each.version,
                    each.contact,
                    each.profile,
                    state,
                    sites,
                    touched,
                )
            )
    return sorted(found, key=lambda each: (-each.sites, each.supplier, each.product, each.version))
