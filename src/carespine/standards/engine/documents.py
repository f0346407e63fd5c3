"""Document checks: fetched from the service, signed with the key that it publishes, read by machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Protocol, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.context import Context, EndedEarlyError, fault
from carespine.standards.models import Finding, Outcome

LIST = "/.well-known/assurance.json"
TYPE = "assurance+jwt"
_ALGORITHMS = ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"]


class Judged(Protocol):
    """A document that says what is wrong with it."""

    def faults(self, today: date) -> list[str]: ...


Kind = TypeVar("Kind", bound=Judged)


def document(kind: str, shape: type[Judged], came: str) -> Callable[[Context], Awaitable[Finding]]:
    """The run of a check that reads one kind of document; `came` is said when nothing is wrong with it."""

    async def run(context: Context) -> Finding:
        found = await fetch(context, kind, shape)
        listed = found.faults(context.now().date())
        faults = [fault(text, context.session.seen[-1]) for text in listed]
        return context.judge(faults, tried=1 + len(faults), came=came)

    return run


async def interfaces(context: Context) -> Answer:
    """The service's CapabilityStatement, to hold a document against. Ends the check as not proven without one."""
    answer = await context.fhir("GET", "metadata")
    if answer.tree.get("resourceType") != "CapabilityStatement":
        raise EndedEarlyError(
            Finding(Outcome.SKIP, "there is no CapabilityStatement to compare with", tried=0)
        )
    return answer


def version(capabilities: Answer) -> str:
    """The version of the software that a CapabilityStatement names; empty where it names none."""
    software = capabilities.tree.get("software")
    return str(software.get("version") or "") if isinstance(software, dict) else ""


async def fetch(context: Context, kind: str, shape: type[Kind]) -> Kind:
    """The document of a kind, verified. Ends the check where it is missing, forged or does not read."""
    listing = await context.call("GET", LIST)
    if listing.status == 404:
        raise EndedEarlyError(Finding(Outcome.SKIP, f"the service publishes no documents at {LIST}", tried=0))
    address = (listing.tree.get("documents") or {}).get(kind) if listing.ok else None
    if not isinstance(address, str):
        context.end(f"{LIST} does not list a document {kind!r}", listing)
    answer = await context.call("GET", address)
    if not answer.ok:
        context.end(f"the document {kind!r} cannot be fetched", answer)
    published = await context.call("GET", "/.well-known/jwks.json")
    try:
        keys = KeySet.import_key_set(published.tree)  # type: ignore[arg-type]
        opened = jws.deserialize_compact(answer.body.decode().strip(), keys, algorithms=_ALGORITHMS)
    except (JoseError, ValueError, KeyError, TypeError, UnicodeDecodeError):
        context.end(f"the document {kind!r} is not signed with a key that the service publishes", answer)
    if opened.headers().get("typ") != TYPE:
        context.end(f"the document {kind!r} is not of the type {TYPE}", answer)
    try:
        return msgspec.json.decode(opened.payload or b"", type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        context.end(f"the document {kind!r} does not read: {error}", answer)
