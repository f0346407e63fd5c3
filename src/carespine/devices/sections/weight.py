"""The section on weight: the latest, the slope, and four weeks ago."""

from __future__ import annotations

from dataclasses import replace

from carespine.devices.codes import local_result
from carespine.devices.metrics import Unit, metric
from carespine.devices.models import Change, Figure, Provenance, Result
from carespine.devices.naming import as_date, reading_ids
from carespine.devices.picture import Picture
from carespine.devices.resolve import separate
from carespine.devices.rules import trends
from carespine.devices.sections.common import (
    Frame,
    change,
    chart,
    figure,
    import_ids,
    quality,
    shares,
    written,
)

FRAME = Frame("weight", "Weight", "Weight", "weight", trends.WEIGHT_RULE)
_SLOPE_NEEDS = (
    f"A trend needs {trends.WEIGHINGS_FOR_A_SLOPE} weighings over at least {trends.DAYS_FOR_A_SLOPE} days."
)


def section(picture: Picture) -> Result:
    """The trend of weight over four weeks."""
    found = picture.days.get(FRAME.metric_key, [])
    values = {day.day: day.value for day in found if day.value is not None}
    trend = trends.weight(values, last_day=picture.last_day)
    if trend is None:
        return FRAME.empty(picture)
    first = picture.last_day - trends.FOUR_WEEKS + 1
    changes = _changes(trend)
    latest = written(trend.latest_kg, 1)
    slope = "" if trend.slope_kg_per_week is None else f", {_slope_words(trend.slope_kg_per_week)}"
    return replace(
        FRAME.empty(picture),
        state="ready",
        verdict=f"{latest} kg on {as_date(trend.latest_day):%d %B %Y}{slope}."
        + "".join(f" {made.sentence}" for made in changes),
        plain=f"Your weight was {latest} kg on {as_date(trend.latest_day):%d %B %Y}.",
        figures=_figures(trend),
        missing=(_SLOPE_NEEDS,) if trend.slope_kg_per_week is None else (),
        series=(chart("weight", "Weight", metric("weight"), found),),
        changes=changes,
        quality=quality(picture, "weight", found, first=first, last=picture.last_day),
        provenance=_provenance(picture, trend.latest_day),
    )


def _figures(trend: trends.WeightTrend) -> tuple[Figure, ...]:
    of = metric("weight")
    figures = [
        figure(
            "weight-latest",
            "Latest weight",
            trend.latest_kg,
            unit=Unit("kg", "kg"),
            digits=1,
            codes=of.reading_codes(),
        )
    ]
    if trend.slope_kg_per_week is not None:
        figures.append(
            figure(
                "weight-slope",
                "Change a week",
                trend.slope_kg_per_week,
                unit=Unit("kg/wk", "kg a week"),
                digits=2,
                codes=(local_result("weight-slope", "Change of weight a week"),),
            )
        )
    if trend.change_kg is not None:
        figures.append(
            figure(
                "weight-change-four-weeks",
                "Change over 4 weeks",
                trend.change_kg,
                unit=Unit("kg", "kg"),
                digits=1,
                codes=(local_result("weight-change-four-weeks", "Change of weight over four weeks"),),
            )
        )
    return tuple(figures)


def _changes(trend: trends.WeightTrend) -> tuple[Change, ...]:
    if trend.change_kg is None or trend.week_kg is None:
        return ()
    before = trend.week_kg - trend.change_kg
    return (change("Weight", trend.week_kg, before, unit_text="kg", digits=1, against="four weeks earlier"),)


def _slope_words(slope: float) -> str:
    size = written(abs(slope), 2)
    return "steady" if float(size) == 0 else f"{'rising' if slope > 0 else 'falling'} {size} kg a week"


def _provenance(picture: Picture, last: int) -> Provenance:
    """The weighings of the five weeks that slope and change are made of."""
    first = last - trends.FOUR_WEEKS - trends.WEEK + 1
    recent = [day for day in picture.days["weight"] if day.day >= first]
    ids = []
    for source, (kept, _) in separate(metric("weight"), picture.readings["weight"], picture.sources).items():
        inside = kept.take(kept.local_day() >= first)
        ids += reading_ids(picture.patient_id, metric("weight"), source, inside)
    return Provenance(
        sources=shares(picture, recent),
        observation_ids=tuple(ids),
        import_ids=import_ids(picture, frozenset[int]().union(*(day.imports for day in recent))),
    )
