"""AP-02: from nothing to a first call, with nobody's help."""

from __future__ import annotations

import time

from joserfc.jwk import ECKey

from carespine.standards.engine import assertions
from carespine.standards.engine.check import check
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context
from carespine.standards.models import Finding

# minimum-standards, AP-02: from registration to the first call.
_LIMIT_S = 15 * 60


@check(
    "AP-02",
    "sandbox",
    title="Anybody can register in the sandbox and make a call",
    quote="A self-service sandbox with synthetic data exists.",
    expected="The SMART configuration names a registration_endpoint (RFC 7591), or the run's names "
    "sandbox_registration; it takes a new "
    "client with a public key at "
    "once (201, client_id); the client's token names a synthetic patient, whom it can read. All within 15 minutes.",
    advice="Let the sandbox register clients by themselves, each with a synthetic patient of its own.",
    time_limit_s=_LIMIT_S,
)
async def run(context: Context) -> Finding:
    endpoint = context.config.sandbox_registration or context.session.discovery.get("registration_endpoint")
    if not isinstance(endpoint, str):
        return context.skipped("the service declares no registration_endpoint")
    began = time.monotonic()
    key = ECKey.generate_key("P-384")
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint()}
    public = {name: value for name, value in jwk.items() if name != "d"}
    wish = {
        "client_name": "Carespine standards, sandbox check",
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "scope": "system/*.rs",
        "jwks": {"keys": [{**public, "use": "sig", "alg": "ES384"}]},
    }
    registered = await context.call("POST", endpoint, json=wish, headers={"content-type": "application/json"})
    if registered.refused and "software_statement" in registered.text:
        return context.skipped(
            "clients register there with a certificate; name the sandbox's `sandbox_registration`"
        )
    client_id = registered.tree.get("client_id")
    if registered.status != 201 or not isinstance(client_id, str):
        return context.failed(f"a new client was not registered at once: {registered}", registered)
    client = Identity(name="sandbox newcomer", client_id=client_id, jwk=jwk, scope="system/*.rs")
    asked = assertions.good(client, audience=context.token_url, now=context.now(), jti=context.uuid())
    given = await context.ask_token(client, asked)
    patient, token = given.tree.get("patient"), given.tree.get("access_token")
    if not given.ok or not isinstance(patient, str) or not isinstance(token, str):
        return context.failed("the new client was given no token that names a patient of the sandbox", given)
    read = await context.fhir("GET", f"Patient/{patient}", headers={"authorization": f"Bearer {token}"})
    if not read.ok or read.tree.get("id") != patient:
        return context.failed(f"the new client does not read its patient: {read}", read)
    seconds = time.monotonic() - began
    return context.passed(f"registered, authorised and served within {max(1, round(seconds))} s", tried=3)
