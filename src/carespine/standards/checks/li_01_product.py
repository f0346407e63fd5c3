"""LI-01: the product says what it is, and what will change."""

from __future__ import annotations

from carespine.standards.assurance.openness import Product
from carespine.standards.engine.check import check
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.documents import fetch, interfaces, version
from carespine.standards.models import Fault, Finding


@check(
    "LI-01",
    "product",
    title="The product says what it is, and what will change",
    quote="The product registers its version, owner, contacts, capabilities and dependencies; changes are announced.",
    expected="A signed document 'product' with all of these, its version that of the CapabilityStatement, each "
    "breaking change announced at least 30 days before.",
    advice="Write the document at each release, from the release itself, and announce what breaks a month before.",
)
async def run(context: Context) -> Finding:
    told = await fetch(context, "product", Product)
    faults = [Fault(text, context.session.seen[-1].n) for text in told.faults(context.now().date())]
    answer = await interfaces(context)
    if version(answer) != told.version:
        faults.append(
            fault(
                f"the version registered is {told.version}, the service is {version(answer) or 'nameless'}",
                answer,
            )
        )
    return context.judge(faults, tried=2 + len(faults), came=f"{told.version} is registered whole")
