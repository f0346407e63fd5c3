"""Fetching a small JSON document that somebody outside names, through the guard on outgoing requests."""

from __future__ import annotations

import json
from typing import Any

import httpx

from carespine.kernel.errors import Invalid
from carespine.security.egress import Egress, GuardedTransport, RefusedAddress

# Ours: a key set or a discovery document is a few KiB, and whoever waits for it is at a browser.
_LARGEST = 256 * 1024
_WITHIN_S = 5.0


def guarded(egress: Egress) -> httpx.AsyncClient:
    """A client that calls only where `egress` lets it, follows no redirect, and waits a few seconds at most."""
    transport = GuardedTransport(egress, httpx.AsyncHTTPTransport())
    return httpx.AsyncClient(transport=transport, timeout=_WITHIN_S, follow_redirects=False, trust_env=False)


async def fetch_json(egress: Egress, address: str) -> dict[str, Any]:
    """The JSON object at `address`; raises Invalid, in words that say nothing of the network behind."""
    try:
        async with guarded(egress) as client:
            return await read_json(client, httpx.Request("GET", address))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Invalid("it is no address.") from error


async def read_json(client: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """The JSON object that answers `request` with status 200; raises Invalid."""
    try:
        answer = await client.send(request, stream=True)
        try:
            if answer.status_code != 200:
                raise Invalid(f"it answers with status {answer.status_code}.")
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    raise Invalid("the answer is too long.")
        finally:
            await answer.aclose()
        tree = json.loads(body)
    except RefusedAddress as error:
        raise Invalid("it may not be called from here.") from error
    except httpx.HTTPError as error:
        raise Invalid("it does not answer.") from error
    except (ValueError, RecursionError) as error:
        raise Invalid("the answer is not JSON.") from error
    if not isinstance(tree, dict):
        raise Invalid("the answer is not a JSON object.")
    return tree
