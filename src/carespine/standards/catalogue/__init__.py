"""The catalogue of minimum standards: one TOML file a requirement, validated when it is loaded."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import msgspec

from carespine.kernel.errors import Misconfigured
from carespine.standards import stages
from carespine.standards.models import Profile, Requirement

_HERE = Path(__file__).parent
_PROFILES = _HERE.parent / "profiles"
_ID = re.compile(r"[A-Z]{2}-\d{2}")
_LEAST_SEVERE = 3
# The areas of minimum-standards.md, by how the ids of their requirements begin.
AREAS = {
    "AC": "Access",
    "AP": "API and openness",
    "AU": "Audit, consent and privacy",
    "BK": "Appointments",
    "CS": "Clinical safety",
    "ID": "Identity and registers",
    "LI": "Lifecycle",
    "RE": "Reliability",
    "SE": "Security",
    "TR": "Terminology and data",
    "WE": "Wearables and diet",
}


def read_requirement(path: Path) -> Requirement:
    """The requirement in one file. Raises Misconfigured, naming the file, where it breaks the catalogue's
    rules.
    """
    try:
        requirement = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Requirement)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{path.name}: {error}") from error
    faults = _faults(requirement, path)
    if faults:
        raise Misconfigured(f"{path.name}: {'; '.join(faults)}")
    return requirement


def _faults(requirement: Requirement, path: Path) -> list[str]:
    """Every rule of the catalogue that `requirement` breaks."""
    rules = {
        f"the id {requirement.id!r} is not two letters, a hyphen and two digits": _ID.fullmatch(
            requirement.id
        ),
        f"the id {requirement.id!r} is not the file's name": requirement.id == path.stem,
        f"an id begins with one of the areas {', '.join(AREAS)}": requirement.id[:2] in AREAS,
        f"severity must be 1 to {_LEAST_SEVERE}": 1 <= requirement.severity <= _LEAST_SEVERE,
        "evidence_days must be at least 1": requirement.evidence_days >= 1,
        "statement, harm, threshold and source must not be empty": all(
            text.strip()
            for text in (requirement.statement, requirement.harm, requirement.threshold, requirement.source)
        ),
        "a requirement names at least one service kind": requirement.applies_to,
        "a requirement names at least one probe": requirement.probes,
    }
    return [text for text, holds in rules.items() if not holds] + stages.faults(requirement)


def read_requirements(folder: Path) -> Mapping[str, Requirement]:
    """Every requirement of a folder, by id, in the order of the ids."""
    found = (read_requirement(path) for path in sorted(folder.glob("*.toml")))
    return MappingProxyType({requirement.id: requirement for requirement in found})


def read_profiles(folder: Path, known: Mapping[str, Requirement]) -> Mapping[str, Profile]:
    """Every profile of a folder by name; each names only requirements that are known and apply to its kind."""
    found: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            profile = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Profile)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise Misconfigured(f"{path.name}: {error}") from error
        for name in profile.requirements:
            requirement = known.get(name)
            if requirement is None or profile.service_kind not in requirement.applies_to:
                raise Misconfigured(
                    f"{path.name}: {name} is unknown or does not apply to {profile.service_kind}"
                )
        found[profile.name] = profile
    return MappingProxyType(found)


@cache
def requirements() -> Mapping[str, Requirement]:
    """Every requirement, by id, in the order of the ids."""
    return read_requirements(_HERE)


@cache
def profiles() -> Mapping[str, Profile]:
    """Every profile, by name."""
    return read_profiles(_PROFILES, requirements())


def profile(name: str) -> Profile:
    """The profile called `name`. Raises Misconfigured with the names that exist."""
    try:
        return profiles()[name]
    except KeyError:
        raise Misconfigured(f"there is no profile {name!r}; there are {', '.join(profiles())}") from None


@cache
def digest() -> str:
    """SHA-256 over all catalogue and profile files: which standards a report was made against."""
    files = sorted(_HERE.glob("*.toml")) + sorted(_PROFILES.glob("*.toml"))
    return sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()
