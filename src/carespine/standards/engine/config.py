"""What a run is told about the service under test: its test identities and its sandbox's people."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from carespine.kernel.errors import Misconfigured


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A client of the service that the engine may act as, with the one patient whom it may reach.

    `jwk` is the private key (a test key of a sandbox with synthetic people) with its `kid`; `alg` is how it
    signs.
    """

    name: str
    client_id: str
    jwk: dict[str, Any]
    patient_id: str = ""
    nhs_number: str = ""
    scope: str = "system/*.cruds"
    alg: str = "ES384"


class Twins(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Demographics that more than one of the sandbox's patients share."""

    family: str
    given: str
    birth_date: str


class Throttle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The declared rate of one identity: `requests` in `seconds`; more are answered with 429."""

    identity: str
    requests: int
    seconds: int


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where consent is missing: a patient who refused everything, and a LOINC code the first identity's
    refused.
    """

    patient_id: str
    refused_loinc: str
    refused_unit: str


class Booking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sandbox for booking: the ODS codes of its organisations, and a slot that its provider has not released.

    A freed slot comes back, and is offered to those who wait, within `patience_seconds`.
    """

    organisations: tuple[str, ...]
    unreleased_slot: str
    patience_seconds: float = 60.0


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a service is not open: an identity whose patient lives in an area without accepted evidence, and a
    site (an ODS code) with places for `cap` more registrations. `other_site` takes anybody.
    """

    outside: str
    capped_site: str
    other_site: str
    cap: int


class Restricted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A restricted patient within the first identity's reach, and the whereabouts that must not come back."""

    patient_id: str
    nhs_number: str
    family: str
    postcode: str
    practice: str


class Merged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record that was merged into another, which the first identity reaches."""

    superseded_id: str
    superseded_number: str
    surviving_id: str


class Ods(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """ODS codes: of an organisation that is open today, of one that has closed, and one that never was."""

    open: str
    closed: str
    unknown: str


class Dissent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An identity whose patient dissented, and one of a clinician who may break the glass for that patient."""

    identity: str
    clinician: str
    patience_seconds: float = 60.0


class Availability(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Over how long availability is sampled, and the tier that the service declares."""

    period_seconds: float = 0.5
    tier: Literal["platinum", "gold", "silver", "bronze"] = "silver"


class Staff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An identity of a member of staff who signed in with two factors, and one who did with one."""

    identity: str
    single_factor: str


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where people sign in with `username` and `password`, and the name of a test account that may be locked."""

    url: str
    username: str


class Pages(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pages of the service's journeys that anybody may open, and its accessibility statement."""

    paths: tuple[str, ...]
    statement: str = "/accessibility"


class Hooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hooks of a test instance, each asked with POST and the token: one kills a node, one takes a dependency
    away and gives it back, one (GET) says how much waits to be sent.
    """

    token: str
    crash: str | None = None
    dependency: str | None = None
    outbox: str | None = None
    patience_seconds: float = 60.0


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a run may be told. What is left out makes the checks that need it `skip`, with that
    reason.
    """

    identities: tuple[Identity, ...] = ()
    fhir_base: str | None = None
    token_url: str | None = None
    registrar: str | None = None
    auditor: str | None = None
    revoked: str | None = None
    twins: Twins | None = None
    throttle: Throttle | None = None
    consent: Consent | None = None
    booking: Booking | None = None
    gates: Gates | None = None
    restricted: Restricted | None = None
    merged: Merged | None = None
    ods: Ods | None = None
    dissent: Dissent | None = None
    availability: Availability | None = None
    low_assurance: str | None = None
    sandbox_registration: str | None = None
    staff: Staff | None = None
    sign_in: SignIn | None = None
    pages: Pages | None = None
    hooks: Hooks | None = None
    ca_file: str | None = None

    def identity(self, name: str) -> Identity | None:
        """The identity called `name`, if the configuration has it."""
        return next((each for each in self.identities if each.name == name), None)

    @property
    def hindered(self) -> frozenset[str]:
        """The identities that cannot always read their own patient, by what they are there for."""
        names = {self.revoked, self.throttle.identity if self.throttle else None}
        names |= {self.dissent.identity} if self.dissent else set()
        names |= {self.low_assurance, self.staff.single_factor if self.staff else None}
        return frozenset(each for each in names if each is not None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The private parts of the identities' keys and the hooks' token, which no evidence may contain."""
        keys = [str(each.jwk[part]) for each in self.identities for part in ("d", "k") if part in each.jwk]
        return (*keys, self.hooks.token) if self.hooks else tuple(keys)


class UnfitConfiguration(Misconfigured):
    """What a run is to know of the service cannot be read, or does not fit together."""

    page = "docs/service-contract.md"


def parse(tree: object) -> RunConfig:
    """`tree` (decoded JSON or TOML) as a configuration. Raises Misconfigured, naming the place."""
    try:
        config = msgspec.convert(tree, RunConfig)
    except msgspec.ValidationError as error:
        raise UnfitConfiguration(f"the run's configuration: {error}") from error
    names = [each.name for each in config.identities]
    if len(set(names)) != len(names):
        raise UnfitConfiguration("the run's configuration: two identities have one name")
    roles = [config.registrar, config.auditor, config.revoked, config.low_assurance]
    roles += [config.staff.identity, config.staff.single_factor] if config.staff else []
    roles += [config.gates.outside] if config.gates else []
    roles += [config.dissent.identity, config.dissent.clinician] if config.dissent else []
    for role in roles:
        if role is not None and role not in names:
            raise UnfitConfiguration(f"the run's configuration: there is no identity called {role!r}")
    return config


def read(path: Path) -> RunConfig:
    """The configuration in a file: JSON where its name ends so, TOML otherwise."""
    try:
        raw = path.read_bytes()
        return parse(msgspec.json.decode(raw) if path.suffix == ".json" else tomllib.loads(raw.decode()))
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise UnfitConfiguration(f"{path.name} cannot be read as a configuration: {error}") from error
