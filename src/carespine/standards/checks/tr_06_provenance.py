"""TR-06: every reading says which device took it, how, and which app passed it on."""

from __future__ import annotations

from typing import Any

from carespine.standards.engine import readings
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


def _missing(resource: dict[str, Any]) -> list[str]:
    """The labels this Observation lacks."""
    device, method = resource.get("device") or {}, resource.get("method") or {}
    labels = {
        "device": device.get("display") or device.get("reference") or device.get("identifier"),
        "method": method.get("text") or method.get("coding"),
        "source app (meta.source)": (resource.get("meta") or {}).get("source"),
    }
    return [name for name, value in labels.items() if not value]


@check(
    "TR-06",
    "provenance",
    title="Readings name their device, method and app",
    quote="Patient-generated and device data are labelled with device, method, source app.",
    expected="A reading written with device, method and meta.source keeps all three, and every "
    "Observation in a sample of the patient's readings has them.",
    advice="Fill Observation.device, Observation.method and meta.source when a reading comes in, and keep "
    "them.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    sent = readings.reading(context, context.first.patient_id)
    created = await context.fhir("POST", "Observation", identity=context.first, json=sent)
    if not created.ok:
        return context.failed(f"a labelled reading was not taken: {created}", created)
    search = [("patient", context.first.patient_id), ("_count", "200")]
    answer = await context.fhir("GET", "Observation", identity=context.first, params=search)
    sample = [each for each in answer.resources if each.get("resourceType") == "Observation"]
    if not sample:
        return context.failed("the reading just written is not found by a search", answer)
    faults = [
        Fault(f"Observation/{each.get('id')} does not name its {', '.join(missing)}", answer.n)
        for each in sample
        if (missing := _missing(each))
    ]
    single = await context.fhir("GET", f"Observation/{created.tree.get('id')}", identity=context.first)
    if _missing(single.tree):
        faults.append(fault("the reading just written has lost a label", single))
    return context.judge(faults, tried=len(sample) + 1, came=f"{len(sample)} readings are labelled")
