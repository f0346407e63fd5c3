"""The hooks of a test instance, by which a check kills a node or takes a dependency away: docs/service-contract.md."""

from __future__ import annotations

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.context import Context


async def ask(context: Context, path: str, body: object = None) -> Answer:
    """Ask a hook with its token: with a body (also an empty one) by POST, to look by GET where it ends in `outbox`."""
    hooks = context.config.hooks
    headers = {"authorization": f"Bearer {hooks.token if hooks else ''}", "content-type": "application/json"}
    if hooks is not None and path == hooks.outbox:
        return await context.call("GET", path, headers=headers)
    return await context.call("POST", path, headers=headers, json={} if body is None else body)
