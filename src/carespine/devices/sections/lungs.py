"""The section on peak flow against the person's best."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from carespine.devices.codes import local_result
from carespine.devices.metrics import Unit, metric
from carespine.devices.models import Result, Target
from carespine.devices.picture import Picture
from carespine.devices.resolve import separate
from carespine.devices.rules import peak_flow as rules
from carespine.devices.sections.common import Frame, chart, figure, instant, provenance, quality, written

FRAME = Frame("peak-flow", "Peak flow", "Peak flow", "peak-flow", rules.RULE)
_MEANING = {
    "good": "75 % of the best or more",
    "worse": "below 75 % of the best: asthma is getting worse",
    "severe": "below 50 % of the best: in the severe range",
    "life-threatening": "below 33 % of the best: in the life-threatening range",
}
_URGENT = (
    "Peak flow below 50 % of the personal best: acute severe asthma must be ruled out now (BTS/SIGN 158)."
)


def section(picture: Picture) -> Result:
    """The latest day against the personal best, and the variability of two weeks."""
    found = picture.days.get(FRAME.metric_key, [])
    own = picture.thresholds.get("peak-flow-best")
    decided = rules.assess(_by_day(picture), given_best=None if own is None else own.value)
    if not found or decided is None:
        return FRAME.empty(picture)
    begun = replace(
        FRAME.empty(picture),
        series=(chart("peak-flow", "Best of the day", metric("peak-flow"), found),),
        quality=quality(picture, "peak-flow", found, first=picture.last_day - 13, last=picture.last_day),
        provenance=provenance(picture, "peak-flow", found),
    )
    if isinstance(decided, rules.NoBest):
        return replace(
            begun,
            state="not-enough",
            verdict=f"No personal best yet: {decided.days} of {rules.DAYS_FOR_A_BEST} days.",
            plain="We cannot compare with your best yet. " + decided.sentence,
            missing=(decided.sentence,),
        )
    flow, percent = Unit("L/min", "L/min"), Unit("%", "%")
    codes = metric("peak-flow").reading_codes()
    figures = [
        figure("peak-flow-latest", "Latest day's best", decided.latest_l_min, unit=flow, codes=codes),
        figure("peak-flow-share", "Share of personal best", decided.share, unit=percent,
               codes=(local_result("peak-flow-share", "Peak flow as share of personal best"),),
               target=Target(rules.WORSE, None, f"{rules.WORSE:.0f} % and above", rules.RULE)),
        figure("peak-flow-best", "Personal best", decided.best_l_min, unit=flow,
               codes=(local_result("peak-flow-best", "Personal best peak flow"),)),
    ]  # fmt: skip
    if decided.variability is not None:
        figures.append(
            figure("peak-flow-variability", "Mean daily variability", decided.variability, unit=percent,
                   codes=(local_result("peak-flow-variability", "Mean daily variability of peak flow"),),
                   target=Target(None, rules.VARIABLE, f"at most {rules.VARIABLE:.0f} %", rules.RULE))
        )  # fmt: skip
    share = written(decided.share, 0)
    severe = decided.zone in ("severe", "life-threatening")
    return replace(
        begun,
        state="ready",
        verdict=f"Latest {written(decided.latest_l_min, 0)} L/min, {share} % of the personal best "
        f"({written(decided.best_l_min, 0)}{f', {own.source}' if own else ''}): {_MEANING[decided.zone]}.",
        plain=f"Your peak flow was {share} % of your best. "
        + ("That is good." if decided.zone == "good" else "Follow your asthma action plan."),
        figures=tuple(figures),
        urgent=_URGENT if severe else None,
        urgent_at=_latest(picture) if severe else None,
    )


def _latest(picture: Picture) -> datetime:
    """The moment of the latest reading."""
    return instant(max(int(samples.start_ms.max()) for samples in picture.readings["peak-flow"].values()))


def _by_day(picture: Picture) -> dict[int, list[float]]:
    of = metric("peak-flow")
    days: dict[int, list[float]] = {}
    for kept, _ in separate(of, picture.readings.get("peak-flow", {}), picture.sources).values():
        for day, value in zip(kept.local_day().tolist(), kept.canonical(of).tolist(), strict=True):
            days.setdefault(day, []).append(value)
    return days
