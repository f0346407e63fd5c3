"""CS-06: a prediction says what made it, from what, how sure it is and for whom; its calibration is published."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

MODELS = "/.well-known/models.json"
# minimum-standards, CS-06: a drift check every month.
_MONTH = timedelta(days=31)


def missing(prediction: dict[str, Any], models: dict[str, dict[str, Any]]) -> list[str]:
    """What this RiskAssessment does not say."""
    method = str((prediction.get("method") or {}).get("text", ""))
    made = next((each for name, each in models.items() if name == method), None)
    outcomes = [each for each in prediction.get("prediction", []) if isinstance(each, dict)]
    said = {
        "which version of which published model made it (method.text)": made is not None,
        "its inputs (basis)": bool(prediction.get("basis")),
        "its uncertainty (probabilityRange)": bool(outcomes)
        and all(_is_range(each.get("probabilityRange")) for each in outcomes),
        "for whom it is made (note)": made is not None
        and any(str(made.get("population")) in str(each.get("text")) for each in prediction.get("note", [])),
    }
    return [what for what, there in said.items() if not there]


def _is_range(tree: Any) -> bool:
    if not isinstance(tree, dict):
        return False
    low, high = ((tree.get(end) or {}).get("value") for end in ("low", "high"))
    return isinstance(low, int | float) and isinstance(high, int | float) and low < high


def uncalibrated(model: dict[str, Any], today: date) -> str | None:
    """What is wrong with what is published of this model, or None."""
    try:
        evaluated = date.fromisoformat(str(model.get("evaluated")))
    except ValueError:
        return "does not say when it was evaluated"
    if not today - _MONTH <= evaluated <= today:
        return f"was evaluated on {evaluated}, more than a month ago"
    numbers = ("people", "c_statistic", "calibration_slope")
    lacking = [name for name in numbers if not isinstance(model.get(name), int | float)]
    return f"does not publish {', '.join(lacking)}" if lacking else None


async def _models(context: Context) -> tuple[dict[str, dict[str, Any]], Answer]:
    answer = await context.call("GET", MODELS)
    listed = answer.tree.get("models")
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {f"{each.get('name')} {each.get('version')}": each for each in found}, answer


@check(
    "CS-06",
    "predictions",
    title="Predictions carry their version, inputs, uncertainty and population",
    quote="Predictive outputs carry version, inputs, uncertainty, intended population; calibration published.",
    expected="Each RiskAssessment names in method.text a model and version of "
    "/.well-known/models.json, its inputs in basis, "
    "a probabilityRange and, in a note, the model's population; each model there has a C-statistic and a calibration "
    "slope, measured on a stated number of people within the last 31 days.",
    advice="Write the prediction from the model's own description, and measure its calibration every month.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    search = [("patient", context.first.patient_id)]
    answer = await context.fhir("GET", "RiskAssessment", identity=context.first, params=search)
    found = [each for each in answer.resources if each.get("resourceType") == "RiskAssessment"]
    if not found:
        return context.skipped("the first identity's patient has no RiskAssessment to look at")
    models, published = await _models(context)
    faults: list[Fault] = [
        fault(f"RiskAssessment/{each.get('id')} does not say {', '.join(lacking)}", answer)
        for each in found
        if (lacking := missing(each, models))
    ]
    if not models:
        faults.append(fault(f"{MODELS} lists no model", published))
    faults += [
        fault(f"the model {name} {text}", published)
        for name, model in models.items()
        if (text := uncalibrated(model, context.now().date()))
    ]
    return context.judge(
        faults, tried=len(found) + len(models), came=f"{len(found)} predictions say all of it"
    )
