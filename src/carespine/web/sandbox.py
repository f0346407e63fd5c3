"""The self-service sandbox: anybody registers a client with its key and gets made-up patients of its own, at once.

Only where the settings say `sandbox`: a server of its own, which holds made-up people only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carespine.kernel import nhs_number
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import CarespineError, Invalid, TooLarge, TooMany
from carespine.kernel.ids import new_id
from carespine.security import clients
from carespine.security.actor import TREATMENT, system_job
from carespine.standards.keys import client_thumbprint
from carespine.web.rates import Rates

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.security.session import Session
    from carespine.web.platform import Platform

PATH = "/sandbox/clients"
SCOPES = frozenset({"system/Patient.rs", "system/Observation.crus", "system/Consent.rs"})
# Ours: what one address may register in a minute, and what a sandbox holds at most.
_PER_MINUTE, _MOST_CLIENTS = 10, 2_000
# The last part of the made-up numbers, which no other data set of ours uses.
_FIRST_NUMBER = 80_000
_LONGEST_NAME, _LARGEST_BODY = 100, 16_384
_PREFIX = "sandbox-"
_NAMES = (("Amber", "Sample"), ("Bryn", "Sample"))


class Wish(msgspec.Struct, frozen=True):
    """Who wants to try: a name and one public key. Further members of RFC 7591 are read over."""

    client_name: str
    jwks: dict[str, Any]


def routes(platform: Platform) -> list[Route]:
    """`POST /sandbox/clients`, where the settings ask for a sandbox."""
    if not platform.settings.sandbox:
        return []
    rates = Rates(platform.clock, per_minute=_PER_MINUTE)

    async def register(request: Request) -> Response:
        try:
            rates.demand(request.client.host if request.client else "")
            told = await _registered(platform, _read(await _body(request)))
        except CarespineError as error:
            tree = {"error": error.code, "message": error.message}
            return JSONResponse(tree, error.status, headers=error.headers)
        return JSONResponse(told, 201, headers={"Cache-Control": "no-store"})

    return [Route(PATH, register, methods=["POST"])]


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise TooLarge(f"The body is larger than {_LARGEST_BODY // 1024} KB.")
        parts.append(part)
    return b"".join(parts)


def _read(raw: bytes) -> Wish:
    try:
        wish = msgspec.json.decode(raw, type=Wish)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"The registration cannot be read: {error}.") from error
    if (
        not wish.client_name.strip()
        or len(wish.client_name) > _LONGEST_NAME
        or not wish.client_name.isprintable()
    ):
        raise Invalid(f"client_name must be 1 to {_LONGEST_NAME} printable characters.")
    client_thumbprint(wish.jwks)
    return wish


async def _registered(platform: Platform, wish: Wish) -> dict[str, Any]:
    """The client, its people and their consent, in one transaction with their audit events."""
    async with platform.door.enter(system_job("sandbox"), purpose=TREATMENT) as session:
        await session.tx.execute("select pg_advisory_xact_lock(hashtext('carespine sandbox'))")
        count = await session.tx.fetchval(
            "select count(*) from oauth_client where client_id like $1", f"{_PREFIX}%"
        )
        if count >= _MOST_CLIENTS:
            raise TooMany("The sandbox is full; its operator empties it.", headers={"Retry-After": "86400"})
        client_id = f"{_PREFIX}{new_id()}"
        client = clients.Client(
            client_id, wish.client_name.strip(), None, wish.jwks, SCOPES, certified=False, enabled=True
        )
        await clients.register(session.tx, client)
        numbers = (
            nhs_number.synthetic(_FIRST_NUMBER + count * len(_NAMES) + place) for place in range(len(_NAMES))
        )
        people = [
            await _person(session, client_id, name, number, now=platform.clock())
            for name, number in zip(_NAMES, numbers, strict=True)
        ]
    return {
        "client_id": client_id,
        "client_name": client.name,
        "token_endpoint": platform.tokens.token_url,
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "scope": " ".join(sorted(SCOPES)),
        "fhir": f"{platform.settings.address}/fhir",
        "patients": people,
    }


async def _person(
    session: Session, client_id: str, name: tuple[str, str], number: str, *, now: datetime
) -> dict[str, str]:
    """A made-up person with two readings, who shares everything with the client and nobody else."""
    given, family = name
    patient = await session.create(
        {
            "resourceType": "Patient",
            "identifier": [{"system": nhs_number.SYSTEM, "value": number}],
            "name": [{"family": family, "given": [given]}],
            "birthDate": "1980-02-29",
        }
    )
    subject = {"reference": f"Patient/{patient['id']}"}
    role = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]
    }
    recipient = {"identifier": {"value": client_id}}
    await session.create(
        {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"coding": [{"code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": subject,
            "policyRule": {"coding": [{"code": "OPTIN"}]},
            "provision": {"type": "permit", "actor": [{"role": role, "reference": recipient}]},
        }
    )  # fmt: skip
    for value in (68, 72):
        await session.create(
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {
                    "coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]
                },
                "subject": subject,
                "effectiveDateTime": fhir_instant(now),
                "valueQuantity": {
                    "value": value,
                    "unit": "/min",
                    "system": "http://unitsofmeasure.org",
                    "code": "/min",
                },
            }
        )
    return {"id": patient["id"], "nhs_number": number}
