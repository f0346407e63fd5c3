"""SE-15: no key, password or token lies in the open. Runs last, over every answer of the whole run."""

from __future__ import annotations

import re

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

_SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "the private part of a JSON Web Key": re.compile(
        r'"kty"\s*:\s*"(?:EC|RSA|OKP)"[^{}]{0,2000}"d"\s*:\s*"|"d"\s*:\s*"[A-Za-z0-9_-]{40,}"'
    ),
    "a symmetric JSON Web Key": re.compile(r'"kty"\s*:\s*"oct"'),
    "a password in an address": re.compile(r"[a-z][a-z0-9+]{2,20}://[^\s:/@\"]{1,64}:[^\s:/@\"]{1,64}@"),
    "a cloud access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a password setting": re.compile(r"(?im)^[A-Z_]*(?:PASSWORD|SECRET|API_KEY)[A-Z_]*\s*=\s*\S{6,}"),
}
_PLACES = [
    "/.env",
    "/.git/config",
    "/.git/HEAD",
    "/config.json",
    "/config.toml",
    "/settings.py",
    "/app.py",
    "/sandbox.json",
    "/key.json",
    "/debug",
    "/server-status",
    "/actuator/env",
    "/.well-known/jwks.json",
    "/.well-known/smart-configuration",
    "/fhir/metadata",
    "/health",
]


def secrets_in(answer: Answer) -> list[str]:
    """The kinds of secret this answer contains. A token answer's own token is its purpose, not a leak."""
    text = answer.text
    return [name for name, pattern in _SECRETS.items() if pattern.search(text)]


@check(
    "SE-15",
    "no-secrets",
    title="No secrets in answers",
    quote="Secrets never in repository or responses.",
    expected="No answer of the whole run, nor of the places where secrets are often left lying, contains a "
    "private key, a symmetric key, a password, or one of the test identities' own secrets.",
    advice="Serve only named routes, never a folder; publish keys with their public members only.",
    order=9,
)
async def run(context: Context) -> Finding:
    for place in context.random.sample(_PLACES, len(_PLACES)):
        await context.call("GET", place)
    looked_at = context.session.seen
    faults = [
        Fault(f"{kind} in the answer to {answer.method} {answer.url.partition('?')[0]}", answer.n)
        for answer in looked_at
        for kind in secrets_in(answer)
    ]
    own = context.config.secrets
    faults += [
        Fault("a test identity's private key in an answer", answer.n)
        for answer in looked_at
        if any(secret in answer.text for secret in own)
    ]
    return context.judge(faults, tried=len(looked_at), came="no secrets in any answer of the run")
