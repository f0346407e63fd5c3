"""AP-07: breaking changes come in a new major version, beside the old one."""

from __future__ import annotations

from carespine.standards.assurance.openness import Releases
from carespine.standards.engine.check import check
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.documents import fetch, interfaces, version
from carespine.standards.models import Fault, Finding


@check(
    "AP-07",
    "releases",
    title="Breaking changes come in a new major version",
    quote="Breaking change only in a new major version, which runs beside the old one.",
    expected="A signed document 'releases' in which no release breaks clients within its major version, and none is "
    "retired within 12 months of the next major version; the version that the CapabilityStatement names is among "
    "those that are served.",
    advice="Give what breaks a client a new major version, and serve the old one for a year more.",
)
async def run(context: Context) -> Finding:
    today = context.now().date()
    told = await fetch(context, "releases", Releases)
    faults = [Fault(text, context.session.seen[-1].n) for text in told.faults(today)]
    answer = await interfaces(context)
    served = version(answer)
    if not served:
        return context.failed("the CapabilityStatement does not name the version of its software", answer)
    if not told.served(served, today):
        faults.append(fault(f"the service is {served}, which the list does not have as served today", answer))
    return context.judge(
        faults, tried=2 + len(faults), came=f"{len(told.releases)} releases, {served} is served"
    )
