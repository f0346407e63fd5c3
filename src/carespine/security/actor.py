"""Who is asking: the actor every reading, writing and refusal is attributed to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from carespine.kernel.ids import patient_key

AccountKind = Literal["patient", "practitioner", "administrator", "officer"]
Kind = Literal["patient", "practitioner", "administrator", "officer", "app", "system", "open"]

# Purposes of use, from the HL7 v3 code system ActReason.
TREATMENT = "TREAT"
PATIENT_REQUEST = "PATRQT"
ADMINISTRATION = "HOPERAT"
EMERGENCY = "BTG"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an app or a named job of the system.

    `id` names it for ever (a user name, a client id, a job's name); `reference` is its FHIR resource where
    there is one; `organisation` is an ODS code; `patient` is the logical id of the patient it acts for as
    that patient; `scopes` are SMART scopes, for an app only; `certificate` is the certificate's serial;
    `notices` are headers that every answer to it carries.

    Where an app acts for a person, the actor is the person, `client` the app's id, `scopes` what the person
    allowed it, and `context` the patient whom it was opened for. `emergency` are the keys of patients whom they
    have emergency access to now; `proxy` is set for a carer who acts for `patient`: the resource types they may
    see, * for all. `suspensions` is how often the app's product had been suspended when its token was given.
    """

    kind: Kind
    id: str
    name: str
    role: str
    organisation: str | None = None
    reference: str | None = None
    patient: str | None = None
    scopes: frozenset[str] = frozenset()
    certificate: str | None = None
    address: str | None = None
    request_id: str | None = field(default=None, compare=False)
    notices: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    client: str | None = None
    context: str | None = None
    emergency: frozenset[int] = frozenset()
    proxy: frozenset[str] = frozenset()
    suspensions: int | None = None

    def asking(self, address: str | None, request_id: str | None) -> Actor:
        """The same at this address, with this request: made at each of them, in a third of `replace`'s time."""
        return Actor(
            self.kind,
            self.id,
            self.name,
            self.role,
            self.organisation,
            self.reference,
            self.patient,
            self.scopes,
            self.certificate,
            address,
            request_id,
            self.notices,
            self.client,
            self.context,
            self.emergency,
            self.proxy,
            self.suspensions,
        )

    @property
    def patient_key(self) -> int | None:
        return patient_key(self.patient) if self.patient else None


def system_job(name: str) -> Actor:
    """The platform itself, at work in a named job (loading, sealing, summarising)."""
    return Actor("system", f"system:{name}", f"Carespine: {name}", "system job")


@lru_cache(maxsize=1024)
def open_access(address: str | None = None) -> Actor:
    """Anyone, where the server was started with --open."""
    return Actor("open", "open-access", "Open access (no sign-in)", "open access", address=address)
