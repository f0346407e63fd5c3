"""RE-05: a node is killed among a thousand sends, and each is there once."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import httpx

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.hooks import ask
from carespine.standards.models import Fault, Finding

# minimum-standards, RE-05: a kill in 1,000 sends.
_SENDS = 1_000
# Ours: the kill comes when a third is done; a send that was not answered is sent again after a quarter second.
_BEFORE, _AGAIN_S = 333, 0.25


async def _again(context: Context, method: str, path: str, **how: Any) -> Answer:
    """Ask until there is an answer that is one: a node that is coming up again gives none, or has lost its tokens."""
    hooks = context.config.hooks
    until = time.monotonic() + (hooks.patience_seconds if hooks else 0)
    while True:
        try:
            answer = await context.fhir(method, path, identity=context.first, **how)
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
        else:
            if answer.status == 401:
                context.forget_tokens()
            elif answer.status < 500 or time.monotonic() > until:
                return answer
        await asyncio.sleep(_AGAIN_S)


async def _send(context: Context, run: str) -> Answer:
    """One send, repeated under one request id until it is answered."""
    own = context.first.patient_id
    tree = readings.reading(context, own, device={"display": f"Check band {run}"})
    return await _again(context, "POST", "Observation", headers={"x-request-id": context.uuid()}, json=tree)


async def _kill(context: Context) -> Answer | None:
    """Kill the node; its own answer may never come."""
    hooks = context.config.hooks
    try:
        return await ask(context, (hooks.crash if hooks else None) or "")
    except httpx.TransportError:
        return None


async def _count(context: Context) -> int:
    own = [("patient", context.first.patient_id), ("_count", "1"), ("_total", "accurate")]
    answer = await _again(context, "GET", "Observation", params=own)
    total = answer.tree.get("total")
    return total if isinstance(total, int) else context.end("a search told no total", answer)


@check(
    "RE-05",
    "crash",
    title="A killed node loses nothing and doubles nothing",
    quote="No message lost or doubled when a node dies.",
    expected="1,000 readings are sent, each under its own X-Request-ID and again until it is "
    "answered; the hook kills a "
    "node among them. Afterwards each that was acknowledged is read under its id, and there are exactly 1,000 more.",
    advice="Answer after the commit, not before; keep request ids in the transaction that writes.",
    needs=(one_identity, configured("hooks")),
    time_limit_s=170,
    order=6,
)
async def run(context: Context) -> Finding:
    hooks = context.config.hooks
    if hooks is None or not hooks.crash:
        return context.skipped("the configuration names no hook that kills a node (`hooks.crash`)")
    before, name = await _count(context), context.uuid()
    one = partial(_send, context, name)
    sent = await context.together([one] * _BEFORE)
    rest = context.together([one] * (_SENDS - _BEFORE))
    killed, more = await asyncio.gather(_kill(context), rest)
    if killed is not None and killed.refused:
        return context.failed(f"the hook was refused: {killed}", killed)
    sent += more
    faults: list[Fault] = [fault("a send was refused", each) for each in sent if not each.ok]
    ids = [str(each.tree.get("id")) for each in sent if each.ok]
    read = await context.together([partial(_again, context, "GET", f"Observation/{each}") for each in ids])
    if lost := [each for each in read if not each.ok]:
        faults.append(fault(f"{len(lost)} of {len(ids)} acknowledged sends are lost", lost[0]))
    if len(set(ids)) != len(ids):
        faults.append(Fault(f"{len(ids) - len(set(ids))} different sends were answered with one id"))
    stored = await _count(context) - before
    if stored != _SENDS:
        faults.append(Fault(f"{_SENDS} sends made {stored} resources"))
    return context.judge(faults, tried=_SENDS, came=f"{_SENDS} sends, one kill, {_SENDS} resources")
