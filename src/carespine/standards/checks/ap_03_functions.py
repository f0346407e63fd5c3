"""AP-03: what the product's own pages can do, others can do by API."""

from __future__ import annotations

from typing import Any

from carespine.standards.assurance.openness import Functions
from carespine.standards.engine.check import check
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.documents import fetch, interfaces
from carespine.standards.models import Fault, Finding

# Ours: how many of the functions listed are looked for in the service's description.
_SAMPLE = 20


def _declared(metadata: dict[str, Any]) -> set[tuple[str, str]]:
    """Resource type and interaction of everything that a CapabilityStatement offers."""
    return {
        (str(resource.get("type")), str(each.get("code")))
        for rest in metadata.get("rest", [])
        for resource in rest.get("resource", [])
        for each in resource.get("interaction", [])
    }


@check(
    "AP-03",
    "functions",
    title="What the product's own pages can do, others can do",
    quote="All significant functions the product's own pages use are available by API to third parties on equal "
    "terms.",
    expected="A signed attestation 'functions' that lists them, at least 90 % with the resource and interaction by "
    "which others can do the same; each of a sample is in the CapabilityStatement.",
    advice="Offer by API what your own pages use, and list nothing that the API does not offer.",
)
async def run(context: Context) -> Finding:
    told = await fetch(context, "functions", Functions)
    faults = [Fault(text, context.session.seen[-1].n) for text in told.faults(context.now().date())]
    offered = [each for each in told.functions if each.offered]
    sample = context.random.sample(offered, min(_SAMPLE, len(offered)))
    answer = await interfaces(context)
    declared = _declared(answer.tree)
    faults += [
        fault(
            f"{each.name!r}: {each.interaction} of {each.resource} is not in the CapabilityStatement", answer
        )
        for each in sample
        if (each.resource, each.interaction) not in declared
    ]
    return context.judge(faults, tried=1 + len(sample), came=f"{len(sample)} functions are offered to others")
