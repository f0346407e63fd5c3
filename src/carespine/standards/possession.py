"""Whoever applies for a certificate proves that the key is theirs: a public key can be copied from anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc.jwk import KeySet

from carespine.kernel.errors import Invalid, Unauthenticated
from carespine.security import assertions
from carespine.security.client_proof import use_once

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.standards.models import Application
    from carespine.storage.database import Connection

# Every kind of key that a certificate can be bound to (keys.py) has one of these.
ALGORITHMS = (*assertions.ALGORITHMS, "ES256", "ES512")


async def demand(tx: Connection, wanted: Application, proof: str, *, audience: str, now: datetime) -> None:
    """Use up the proof: a JWT signed by the key of the application, as a client assertion is, for this `audience`.

    Raises Invalid where it does not hold, or was used before.
    """
    if not proof:
        raise Invalid(
            "proof is missing: a JWT signed with the key of the application, whose iss and sub are the client id, "
            f"whose aud is {audience}, with a new jti and an exp at most five minutes ahead."
        )
    try:
        found = assertions.check(
            proof,
            client_id=wanted.client_id,
            keys=KeySet.import_key_set({"keys": list(wanted.jwks["keys"])}),
            audience=audience,
            now=now,
            algorithms=ALGORITHMS,
        )
    except Unauthenticated as error:
        raise Invalid(f"proof does not hold. {error.message.replace('assertion', 'proof')}") from error
    if not await use_once(tx, f"applicant:{wanted.thumbprint}", found.jti, found.expires):
        raise Invalid("proof was used before (its jti).")
