"""What the platform grants in each state: to whom, how much, and with which warning."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from carespine.standards.states import State


class Reach(StrEnum):
    """How much a product may do on the platform."""

    ALL = "all"  # every certified scope
    EXPORT = "export"  # read, $export and audit export only
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Access:
    """`new_sites`: may be deployed where it is not yet. `deprecated`: answers carry the Deprecation header
    (RFC 9745); `sunset`: and the Sunset header (RFC 8594).
    """

    reach: Reach
    new_sites: bool = False
    deprecated: bool = False
    sunset: bool = False

    @property
    def allowed(self) -> bool:
        """Whether a token is given at all."""
        return self.reach is not Reach.NONE


_NOTHING = Access(Reach.NONE)
# lifecycle.md, the table of states: new deployments; access the platform grants.
ACCESS: dict[State, Access] = {
    State.APPLIED: _NOTHING,
    State.TESTING: _NOTHING,
    State.REFUSED: _NOTHING,
    State.CERTIFIED: Access(Reach.ALL, new_sites=True),
    State.WATCH: Access(Reach.ALL, new_sites=True),
    State.NONCONFORMITY: Access(Reach.ALL, new_sites=True),
    State.CAP_AGREED: Access(Reach.ALL, new_sites=True),
    State.RESTRICTED: Access(Reach.ALL, deprecated=True),
    State.PHASING_OUT: Access(Reach.ALL, deprecated=True, sunset=True),
    State.EXPORT_ONLY: Access(Reach.EXPORT, deprecated=True, sunset=True),
    State.SUSPENDED: _NOTHING,
    State.EXPIRED: _NOTHING,
    State.WITHDRAWN: _NOTHING,
}
ALLOWED = frozenset(state for state, access in ACCESS.items() if access.allowed)
